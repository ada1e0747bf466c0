"""`mechexo rollback` and `mechexo changes`, as scripts rely on them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mechexo.cli import app
from mechexo.desk import Desk
from mechexo.errors import NotFoundError, UsageError
from rollback.histories import History, at

pytestmark = pytest.mark.slow

PATH = "config/risk.yaml"


@pytest.fixture
def config(make_desk: Callable[..., Desk], tmp_path: Path) -> str:
    desk = make_desk('[rollback]\nrepository = "repo"\nconfigs = ["config/*"]\n')
    history = History.begin(tmp_path / "desk" / "repo")
    history.commit({PATH: "limit: 1\n"}, at(1), "one")
    history.commit({PATH: "limit: 2\n"}, at(2), "two")
    return str(desk.config_path)


def run(config: str, *words: str) -> str:
    done = CliRunner().invoke(app, ["--config", config, *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_plan_in_json_has_the_keys_of_the_contract(config: str) -> None:
    text = run(config, "rollback", "plan", "config", PATH, "--to", "2026-02-01T12:00Z", "--json")
    plan = json.loads(text)
    assert plan["schema"] == "mechexo.rollback_plan/1"
    assert {"at", "id", "digest", "target", "to", "commit", "commit_time"} <= plan.keys()
    assert plan["changes"][0].keys() == {
        *("path", "action", "old_blob", "new_blob", "added", "removed", "binary")
    }
    assert plan["changes"][0]["action"] == "revert"
    assert all(guard.keys() == {"name", "ok", "detail", "overridden"} for guard in plan["guards"])
    assert plan["flags"] == []
    assert plan["empty"] is False
    assert "-limit: 2\n+limit: 1\n" in plan["diff"]
    assert json.loads(run(config, "rollback", "show", plan["id"][:5], "--json"))["id"] == plan["id"]


def test_a_plan_for_people_names_commit_guards_and_diff(config: str) -> None:
    text = run(config, "rollback", "plan", "config", PATH, "--to", "2026-02-01T12:00Z")
    assert "by the reflog: one" in text
    assert "▲ WARNING age: " in text
    assert "guards hold: configured file, deny list," in text
    assert "would revert config/risk.yaml (+1 -1)" in text
    assert "-limit: 2\n+limit: 1\n" in text
    assert text.endswith("does not hold: age. To set it aside: --override age\n")


def test_nothing_to_do_is_said_and_exits_with_0(config: str) -> None:
    text = run(config, "rollback", "plan", "config", PATH, "--to", "2026-02-03T00:00Z")
    assert text.endswith("Nothing to do: everything is as it was then.\n")


@pytest.mark.parametrize("day", ["2030-01-01", "1990-01-01", " 2026-02-01 "])
def test_a_date_without_a_time_is_said_to_be_no_moment(config: str, day: str) -> None:
    said = f"'{day.strip()}': a date without a time is not a moment; write {day.strip()}T00:00"
    with pytest.raises(UsageError, match=said):
        run(config, "rollback", "plan", "config", PATH, "--to", day)


@pytest.mark.parametrize(
    "to",
    [
        *("not a date", "", "2026-13-45", "2026-02-30", "tea", "2026-01-04", "never", "-1"),
        *("2999-01-01T00:00Z", "2020-01-01T00:00Z", "2026-02-30T10:00", "--output=/tmp/x"),
    ],
)
def test_a_time_that_cannot_be_used_exits_with_2(config: str, to: str) -> None:
    words = ["--config", config, "rollback", "plan", "config", PATH, f"--to={to}"]
    with pytest.raises(UsageError) as refused:
        CliRunner().invoke(app, words, catch_exceptions=False, standalone_mode=False)
    assert refused.value.exit_code == 2
    assert "\n" not in str(refused.value)


def test_history_lists_plans_in_every_form(config: str) -> None:
    run(config, "rollback", "plan", "config", PATH, "--to", "2026-02-01T12:00Z")
    document = json.loads(run(config, "rollback", "history", "--json"))
    assert document["plans"][0]["target"] == f"config {PATH}"
    assert run(config, "rollback", "history", "--csv").startswith("id,made_at,target,")
    assert "revert" in run(config, "rollback", "history")


def test_changes_lists_commits_around_a_moment(config: str) -> None:
    words = ("changes", "--around", "2026-02-02T01:00Z", "--window", "2h")
    document = json.loads(run(config, *words, "--json"))
    assert document["schema"] == "mechexo.changes/1"
    assert [change["subject"] for change in document["changes"]] == ["two"]
    assert "two" in run(config, *words)
    assert run(config, *words, "--csv").splitlines()[0] == "commit,at,author,subject,paths"


def test_changes_around_an_alert_look_around_its_start(config: str) -> None:
    run(
        config,
        *("alerts", "raise", "--key", "k", "--severity", "high", "--name", "n", "--summary", "s"),
    )
    document = json.loads(run(config, "changes", "--around", "1", "--json"))
    assert document["from"] < document["around"] < document["to"]


def test_an_unknown_plan_is_named(config: str) -> None:
    with pytest.raises(NotFoundError, match="'abc' is no plan's id"):
        CliRunner().invoke(
            app, ["--config", config, "rollback", "show", "abc"], catch_exceptions=False
        )
