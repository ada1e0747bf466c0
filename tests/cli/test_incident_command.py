"""`mechexo incident` as scripts and people use it: the real program, its output and exit codes."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest

from conftest import MakeDesk
from mechexo.alerts import operations as alerts
from mechexo.desk import Desk
from mechexo.incidents import operations as incidents
from support.in_process import Program

pytestmark = pytest.mark.slow


@pytest.fixture
def program(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    # By the machine's clock, as the program itself.
    made = make_desk("[quiet_hours]\nenabled = false\n[flows.reweight]\n")
    return Program(Desk.open(made.config_path), "incident", monkeypatch, capsys)


def test_from_opening_to_closing(program: Program) -> None:
    assert program("open", "Feed is stale", "--severity", "1", "--flow", "reweight") == (
        0,
        "incident 1 opened: SEV1 Feed is stale\n",
    )
    assert program("note", "1", "restarted it") == (0, "noted on incident 1: restarted it\n")
    assert program("severity", "1", "SEV2") == (0, "incident 1 is SEV2\n")
    assert program("commander", "1", "second") == (0, "incident 1: second leads\n")
    assert program("join", "1")[0] == 0
    assert program("flows", "1") == (0, "incident 1 affects no flow\n")
    assert program("flows", "1", "reweight") == (0, "incident 1 affects reweight\n")
    assert program("mitigated", "1", "--text", "ticks are back") == (
        0,
        "incident 1 is mitigated\n",
    )
    assert program("close", "1") == (0, "incident 1 is closed\n")
    assert program("mitigated", "1")[0] == 4
    assert program("reopen", "1") == (0, "incident 1 is open\n")
    assert incidents.get(program.desk, 1).attendees[-1] == "second"


def test_the_list_shows_status_as_glyph_and_word(program: Program) -> None:
    program("open", "first")
    code, out = program("list")
    assert code == 0
    assert "✖ open" in out
    program("close", "1")
    assert "first" not in program("list")[1]
    assert "● closed" in program("list", "--all")[1]
    rows = list(csv.DictReader(io.StringIO(program("list", "--all", "--csv")[1])))
    assert [(row["id"], row["status"]) for row in rows] == [("1", "closed")]


@pytest.mark.parametrize(
    ("words", "schema"),
    [
        (["list"], "incidents"),
        (["show", "1"], "incident"),
        (["timeline", "1"], "incident_timeline"),
        (["note", "1", "x"], "incident_note"),
        (["postmortem", "1"], "incident_postmortem"),
        (["stats"], "incident_statistics"),
        (["close", "1"], "incident"),
        (["open", "second"], "incident"),
    ],
)
def test_each_answers_with_one_document(program: Program, words: list[str], schema: str) -> None:
    program("open", "first")
    code, out = program(*words, "--json")
    document = json.loads(out)
    assert (code, document["schema"]) == (0, f"mechexo.{schema}/1")
    assert document["at"].endswith("Z")


def test_an_alert_gives_title_and_severity(program: Program) -> None:
    alerts.raise_alert(
        program.desk,
        key="feed",
        severity="critical",
        name="feed_stale",
        summary="no ticks",
        labels={},
    )
    assert program("open", "--alert", "1")[1] == "incident 1 opened: SEV1 feed_stale: no ticks\n"
    assert program("open", "--alert", "1")[0] == 4
    assert "belongs to incident 1" in program.said
    program("close", "1")
    assert "still open: alert 1 (critical feed_stale)" in program.said


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["open"], "say what is the matter"),
        (["open", "t", "--flow", "rewieght"], "did you mean reweight"),
        (["open", "t", "--began", "2099-01-01T00:00Z"], "to come"),
        (["open", "t", "--severity", "high"], "SEV1, SEV2, SEV3"),
        (["show", "7"], "no incident 7"),
        (["note", "7", "x"], "no incident 7"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_2(
    program: Program, words: list[str], wrong: str
) -> None:
    code, out = program(*words)
    assert (code, out) == (2, "")
    assert wrong in program.said
    assert program.said.count("\n") == 1


def test_a_note_is_read_from_standard_input_and_a_long_one_refused(program: Program) -> None:
    program("open", "t")
    program.patch.setattr(sys, "stdin", io.StringIO("from\nthe pipe\n"))
    assert program("note", "1", "-") == (0, "noted on incident 1: from\n")
    program.patch.setattr(sys, "stdin", io.StringIO("x" * 20_000))
    assert program("note", "1", "-")[0] == 2
    assert "at most 10,000 characters" in program.said


def test_the_timeline_as_csv_and_its_gaps_on_stderr(program: Program) -> None:
    program("open", "t")
    rows = list(csv.DictReader(io.StringIO(program("timeline", "1", "--csv")[1])))
    assert [row["kind"] for row in rows] == ["opened"]
    assert "not known: " in program.said


def test_the_postmortem_is_written_for_its_owner_only(program: Program, tmp_path: Path) -> None:
    program("open", "t")
    out = tmp_path / "post.html"
    code, said = program("postmortem", "1", "--format", "html", "--out", str(out))
    assert (code, said) == (0, "")
    assert out.read_text().startswith("<!doctype html>")
    assert out.stat().st_mode & 0o777 == 0o600
    assert program("postmortem", "1", "--out", str(tmp_path / "no" / "x.md"))[0] == 2


def test_a_damaged_incident_makes_the_list_fail_and_shows_the_others(program: Program) -> None:
    program("open", "broken")
    program("open", "whole")
    with program.desk.state.write() as transaction:
        transaction.execute("UPDATE incident SET flows = '{' WHERE id = 1")
    code, out = program("list")
    assert code == 5
    assert "whole" in out
    assert "incident 1 is damaged" in program.said


def test_recorded_stamps_are_told_in_the_desks_zone(program: Program) -> None:
    path = program.desk.config_path
    path.write_text(path.read_text().replace('zone = "UTC"', 'zone = "America/New_York"'))
    incidents.open_incident(program.desk, title="t", severity="SEV2")
    incidents.note(program.desk, 1, "held until 2026-11-27T11:00:00.000000Z")
    for words in (["timeline", "1"], ["postmortem", "1", "--no-cost"]):
        said = program(*words)[1]
        assert "held until 2026-11-27 06:00:00 EST" in said, words
