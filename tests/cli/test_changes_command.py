"""`mechexo changes`: the time line and the suspects, for people and for scripts."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from mechexo.cli import app
from mechexo.clock import SystemClock
from mechexo.desk import Desk
from rollback.histories import History

pytestmark = pytest.mark.slow

RISK, OTHER = "config/risk.yaml", "config/it's new.yaml"


@pytest.fixture
def config(make_desk: Callable[..., Desk], tmp_path: Path) -> str:
    """A desk of this very hour: a commit 30 minutes ago, an edit 5 minutes ago, an alert now."""
    desk = make_desk('[rollback]\nrepository = "repo"\nconfigs = ["config/*"]\n[flows.reweight]\n')
    now = SystemClock().now().replace(microsecond=0)
    history = History.begin(tmp_path / "desk" / "repo")
    history.commit({RISK: "limit: 1\n", OTHER: "n: 1\n"}, now - timedelta(days=3), "begin")
    history.commit({RISK: "limit: 2\n"}, now - timedelta(minutes=30), "loosen the limit")
    moment = (now - timedelta(minutes=5)).timestamp()
    os.utime(history.write(OTHER, "n: 2\n"), (moment, moment))
    run(str(desk.config_path), "flows", "exec", "reweight", "--", "false")
    words = ("--key", "k", "--severity", "high", "--name", "gross", "--summary", "s")
    run(str(desk.config_path), "alerts", "raise", *words, "--label", f"suspect={RISK}")
    return str(desk.config_path)


def run(config: str, *words: str) -> Result:
    return CliRunner().invoke(app, ["--config", config, *words], catch_exceptions=False)


def document(config: str, *words: str) -> dict[str, Any]:
    done = run(config, "changes", *words, "--json")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_document_has_the_keys_it_had_and_rows_and_suspects(config: str) -> None:
    found = document(config, "--around", "1")
    assert found["schema"] == "mechexo.changes/1"
    assert list(found) == [
        *("schema", "at", "around", "from", "to", "changes", "alert", "rows", "suspects")
    ]
    assert found["alert"] == 1
    assert found["changes"][0].keys() == {"commit", "at", "author", "subject", "paths"}
    assert [row["kind"] for row in found["rows"]] == ["alert", "flow_failure", "edit", "commit"]
    assert all(
        row.keys()
        == {
            *("at", "kind", "what", "who", "paths", "flows", "flags", "commit", "files"),
            *("command", "no_rollback", "covers", "rank", "score", "reasons"),
        }
        for row in found["rows"]
    )
    assert [row["rank"] for row in found["rows"]] == [None, 3, 2, 1]


def test_each_suspect_says_why_and_its_command_plans_its_rollback(config: str) -> None:
    first, second, third = document(config, "--around", "1")["suspects"]
    assert first["reasons"][0] == {"points": 150, "why": f"touches {RISK}, which the alert names"}
    for suspect in (first, second, third):
        assert suspect["score"] == sum(reason["points"] for reason in suspect["reasons"])
    assert third["command"] is None
    assert third["no_rollback"] == "a run cannot be taken back"
    for suspect, taken_back in ((first, "+limit: 1"), (second, "+n: 1")):
        program, *words = shlex.split(suspect["command"])
        assert program == "mechexo"
        done = run(config, *words)
        assert done.exit_code == 0, done.output
        assert taken_back in done.stdout


def test_people_read_the_suspects_row_by_row_and_then_the_time_line(config: str) -> None:
    done = run(config, "changes", "--around", "1")
    assert done.exit_code == 0, done.output
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines[0] == "Suspects, likeliest first (3 of 3)"
    at = lines.index(f"150  touches {RISK}, which the alert names")
    assert lines[at + 2].endswith("points in all")
    assert lines[at + 3].startswith(f"mechexo rollback plan config {RISK} --to ")
    assert "THIS ALERT" in done.stdout
    assert done.stdout.index("Changes within 6h of") > done.stdout.index("points in all")


def test_a_limit_keeps_the_newest(config: str) -> None:
    found = document(config, "--window", "9d", "--limit", "1")
    assert [change["subject"] for change in found["changes"]] == ["loosen the limit"]
    assert len(found["rows"]) == 1


def test_csv_is_of_the_commits(config: str) -> None:
    done = run(config, "changes", "--csv")
    first, second = done.stdout.splitlines()
    assert first == "commit,at,author,subject,paths"
    assert "loosen the limit" in second


def test_what_could_not_be_read_is_said_and_is_not_exit_0(config: str) -> None:
    git = Path(config).parent / "repo/.git/HEAD"
    git.write_text("rubbish\n")
    done = run(config, "changes", "--around", "1")
    assert done.exit_code != 0
    assert "? UNKNOWN commits and edits not in git: " in done.stdout
    assert "flow failure" in done.stdout
    found = json.loads(run(config, "changes", "--around", "1", "--json").stdout)
    unknown, *rows = found["rows"]
    assert (unknown["kind"], unknown["source"]) == ("unknown", "commits and edits not in git")
    assert [row["kind"] for row in rows] == ["alert", "flow_failure"]


def test_nothing_is_said_to_be_nothing(make_desk: Callable[..., Desk], tmp_path: Path) -> None:
    desk = make_desk('[rollback]\nrepository = "repo"\nconfigs = ["config/*"]\n')
    History.begin(tmp_path / "desk" / "repo")
    done = run(str(desk.config_path), "changes")
    assert done.exit_code == 0
    assert "Suspects: none" in done.stdout
    assert done.stdout.rstrip().endswith(": none")


@pytest.mark.parametrize("words", [("--around", "77"), ("--around", "soon"), ("--window", "x")])
def test_a_moment_or_an_alert_that_is_none_exits_with_2(
    config: str, words: tuple[str, ...]
) -> None:
    done = CliRunner().invoke(app, ["--config", config, "changes", *words])
    assert getattr(done.exception, "exit_code", None) == 2
