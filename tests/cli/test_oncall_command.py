"""`mechexo oncall`: who is on call, for people and for scripts."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from conftest import MakeDesk
from mechexo.alerts.lint import lint
from mechexo.cli import main
from mechexo.desk import Desk
from mechexo.doctor import examine
from mechexo.health.values import Status

NEVER_QUIET = "[quiet_hours]\nenabled = false\n"


def run(
    config: str, words: list[str], patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    patch.setattr(sys, "argv", ["mechexo", "--config", config, "oncall", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    return capsys.readouterr().out


def test_now_names_the_people_and_says_where_nobody_is(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = make_desk(f'[oncall]\nlevel1 = "Ann"\n{NEVER_QUIET}')
    assert run(str(desk.config_path), ["now"], monkeypatch, capsys).splitlines() == [
        "level 1: Ann",
        "level 2: nobody is configured",
        "level 3: nobody is configured",
        "quiet hours: no",
    ]


def test_now_as_json(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = make_desk(f'[oncall]\nlevel1 = "Ann"\n{NEVER_QUIET}')
    document = json.loads(run(str(desk.config_path), ["now", "--json"], monkeypatch, capsys))
    assert document["schema"] == "mechexo.oncall/1"
    assert document["oncall"] == {
        "level1": "Ann", "level2": "", "level3": "", "quiet_hours": False, "quiet_until": None
    }  # fmt: skip


@pytest.mark.parametrize("words", [[], ["--json"]], ids=["text", "json"])
def test_without_a_command_it_is_now(
    make_desk: MakeDesk,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    config = str(make_desk(f'[oncall]\nlevel1 = "Ann"\n{NEVER_QUIET}').config_path)
    assert "Ann" in run(config, words, monkeypatch, capsys)


def test_its_help_names_the_command_and_the_default(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = run(str(make_desk().config_path), ["--help"], monkeypatch, capsys)
    assert "Without a command: now." in said
    assert "Who is told first" in said


ROTATION = """
[channels.box]
url = "file://box.jsonl"
severities = ["critical", "high", "medium", "low", "info"]
[channels.hook]
url = "json://hooks.example.com/x"
[people.ada]
channels = ["box", "hook"]
[people.grace]
channels = ["hook"]
[oncall]
level1 = "primary"
[oncall.schedules.primary]
[[oncall.schedules.primary.layers]]
people = ["ada", "grace"]
since = "2026-03-02"
[quiet_hours]
enabled = false
"""


@pytest.fixture
def rota(make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk with a schedule, on which the command line sees the test's clock."""
    desk = make_desk(ROTATION, zone="America/New_York")
    monkeypatch.setattr("mechexo.clock.SystemClock.now", lambda _: desk.clock.now())
    return desk


class Said(NamedTuple):
    out: str
    err: str
    code: int


Say = Callable[..., Said]


@pytest.fixture
def say(rota: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """What the program says to `mechexo oncall` with these words, and how it ends."""

    def said(*words: str) -> Said:
        command = ["mechexo", "--config", str(rota.config_path), "oncall", *words]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return Said(out, err, int(ended.value.code or 0))

    return said


def test_now_says_who_is_on_call_in_a_schedule_and_who_is_next(say: Say) -> None:
    assert say("now").out.splitlines()[0] == (
        "level 1: ada (primary, layer 1), then grace from 2026-03-09 09:00:00 EDT"
    )


def test_now_calls_a_gap_a_gap(make_desk: MakeDesk, say: Say) -> None:
    make_desk(ROTATION.replace("2026-03-02", "2026-03-09"))
    assert say("now").out.startswith("level 1: ✖ nobody (primary, no layer has anybody on call)")
    document = json.loads(say("now", "--json").out)
    assert document["oncall"]["level1"] == ""
    assert document["schedules"][0]["person"] is None


def test_now_says_what_of_a_calendar_is_not_used(make_desk: MakeDesk, say: Say) -> None:
    header = "[oncall.schedules.primary]\n"
    make_desk(ROTATION.replace(header, f'{header}calendar = "no.ics"\n', 1))
    said = say("now")
    assert said.out.startswith("level 1: ada")
    assert "not used:" in said.err
    assert "no.ics: cannot be read" in said.err


def test_the_status_says_nobody_in_a_gap(
    make_desk: MakeDesk, rota: Desk, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    make_desk(ROTATION.replace("2026-03-02", "2026-03-09"))
    monkeypatch.setattr(sys, "argv", ["mechexo", "--config", str(rota.config_path), "status"])
    with pytest.raises(SystemExit):
        main()
    assert "on call nobody" in capsys.readouterr().out


def test_the_schedule_shows_the_turns_in_the_desks_zone(say: Say) -> None:
    said = say("schedule")
    assert "Schedule primary (times: America/New_York)" in said.out
    assert "2026-03-09 09:00:00" in say("schedule", "primary").out
    assert said.err == ""


def test_the_schedule_names_its_gaps(make_desk: MakeDesk, say: Say) -> None:
    make_desk(ROTATION.replace("2026-03-02", "2026-03-09"), zone="UTC")
    said = say("schedule")
    assert "✖ nobody" in said.out
    assert "gap in primary: 2026-03-02 14:30:00 UTC to 2026-03-09 09:00:00 UTC" in said.err


def test_the_schedule_for_scripts(say: Say) -> None:
    document = json.loads(say("schedule", "--days", "10", "--json").out)
    assert document["schema"] == "mechexo.oncall_schedule/1"
    (plan,) = document["schedules"]
    assert [(span["person"], span["why"]) for span in plan["spans"]] == [
        ("ada", "layer 1"),
        ("grace", "layer 1"),
    ]
    assert plan["gaps"] == plan["problems"] == []
    lines = say("schedule", "--days", "10", "--csv").out.splitlines()
    assert lines[0] == "schedule,person,starts_at,ends_at,why"
    assert lines[1].startswith("primary,ada,2026-03-02T14:30:00")


def test_an_exported_schedule_can_be_read_as_a_calendar(
    make_desk: MakeDesk, rota: Desk, say: Say
) -> None:
    before = json.loads(say("schedule", "--json").out)["schedules"][0]["spans"]
    file = rota.root / "oncall.ics"
    assert say("schedule", "--ical", str(file)).out == f"written to {file}\n"
    assert say("schedule", "primary", "--ical", "-").out == file.read_bytes().decode()
    header = "[oncall.schedules.primary]\n"
    other = ROTATION.replace(header, f'{header}calendar = "oncall.ics"\n', 1)
    make_desk(other, zone="America/New_York")
    after = json.loads(say("schedule", "--json").out)["schedules"][0]["spans"]
    assert [{**span, "why": ""} for span in after] == [{**span, "why": ""} for span in before]
    assert {span["why"] for span in after} == {"calendar"}


@pytest.mark.parametrize(
    "words", [("now",), ("now", "--json"), ("schedule",), ("schedule", "--csv"), ("overrides",)]
)
def test_an_override_that_cannot_be_read_is_said_by_who_asks_who_is_on_call(
    say: Say, rota: Desk, words: tuple[str, ...]
) -> None:
    say("override", "primary", "grace", "--for", "8h", "--reason", "swap")
    with closing(sqlite3.connect(rota.state.path, isolation_level=None)) as file:
        file.execute("PRAGMA ignore_check_constraints=ON")
        file.execute("UPDATE oncall_override SET starts_at = 'then' WHERE id = 1")
    said = say(*words)
    assert said.code == 5
    assert said.err == (
        "override 1 is damaged in the state file: starts_at is no time: 'then'; "
        "see: mechexo alerts damaged\n"
    )
    say("unoverride", "1")
    assert say(*words).code == 0


def test_an_export_that_cannot_be_written_says_so(say: Say, tmp_path: Path) -> None:
    said = say("schedule", "--ical", str(tmp_path / "no" / "such.ics"))
    assert said.code == 5
    assert "such.ics: cannot be written" in said.err


def test_an_override_is_made_listed_and_taken_back(say: Say) -> None:
    said = say("override", "primary", "grace", "--for", "8h", "--reason", "swap")
    assert said.out == (
        "override 1: grace is on call in primary from 2026-03-02 09:30:00 EST "
        "until 2026-03-02 17:30:00 EST: swap\n"
    )
    assert say("now").out.startswith("level 1: grace (primary, override 1), then ada from")
    assert "grace" in say("overrides").out
    assert say("overrides", "--csv").out.splitlines()[1].startswith("1,primary,grace,2026-03-02T")
    assert json.loads(say("overrides", "--json").out)["overrides"][0]["reason"] == "swap"
    assert say("unoverride", "1").out == "override 1: taken back before it began\n"
    assert say("now").out.startswith("level 1: ada")
    assert say("overrides").out == "Overrides: none\n"


def test_times_of_an_override_are_by_the_desks_clock(say: Say) -> None:
    said = say(
        "override", "primary", "grace", "--from", "2026-03-09T00:00", "--until",
        "2026-03-10T00:00Z", "--json",
    )  # fmt: skip
    made = json.loads(said.out)["override"]
    assert made["starts_at"] == "2026-03-09T04:00:00.000000Z"
    assert made["ends_at"] == "2026-03-10T00:00:00.000000Z"


def test_an_override_over_another_says_which(say: Say) -> None:
    say("override", "primary", "grace", "--for", "8h")
    said = say("override", "primary", "ada", "--for", "1h")
    assert said.err.startswith("it stands before override 1: grace is on call in primary")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("override", "primary", "grace"), "--until T or --for D"),
        (("override", "primary", "grace", "--for", "1h", "--until", "now"), "one of them"),
        (("override", "primary", "grace", "--for", "9999999d"), "would never end"),
        (("override", "primary", "grace", "--until", "-1h"), "before it begins"),
        (("override", "primary", "nobody", "--for", "1h"), "no person 'nobody'"),
        (("override", "none", "ada", "--for", "1h"), "no schedule 'none'"),
        (("unoverride", "7"), "there is no override 7"),
        (("schedule", "none"), "no schedule 'none'"),
        (("schedule", "--days", "0"), "--days"),
    ],
)
def test_words_that_do_not_fit_are_refused(say: Say, words: tuple[str, ...], said: str) -> None:
    refused = say(*words)
    assert refused.code == 2
    assert said in refused.err


def test_a_live_desk_wants_a_reason(make_desk: MakeDesk, say: Say) -> None:
    make_desk(ROTATION, mode="live")
    refused = say("override", "primary", "grace", "--for", "8h")
    assert refused.code == 2
    assert "--reason" in refused.err


@pytest.mark.slow
def test_lint_of_a_sound_desk_is_well(say: Say) -> None:
    said = say("lint")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("● OK")
    assert json.loads(say("lint", "--json").out)["ok"] is True


@pytest.mark.slow
def test_lint_says_what_is_amiss_and_what_to_do(make_desk: MakeDesk, say: Say) -> None:
    make_desk(ROTATION.replace("2026-03-02", "2026-03-09"))
    said = say("lint")
    assert said.code == 1
    assert "✖ CRITICAL  [oncall.schedules.primary] layers: nobody is on call from" in said.out
    assert "do: add a layer, or: mechexo oncall override primary PERSON --from" in said.out
    document = json.loads(say("lint", "--json").out)
    assert document["ok"] is False
    assert document["findings"][0]["table"] == "oncall.schedules.primary"


@pytest.mark.slow
def test_the_doctor_has_the_same_findings(make_desk: MakeDesk) -> None:
    desk = make_desk(ROTATION.replace("2026-03-02", "2999-01-08"))
    wanted = [(f"[{each.table}] {each.key}: {each.what}", each.do) for each in lint(desk)]
    desk.state.close()
    found = [each for each in examine(desk.config_path) if each.check == "on call"]
    # The doctor looks at the real time, lint at the test's.
    assert len(found) == len(wanted) == 2
    assert found[0].status is Status.CRITICAL
    assert found[0].detail.startswith("[oncall.schedules.primary] layers: nobody is on call from")
    assert (found[1].detail, found[1].mend) == wanted[1]
    assert found[1].status is Status.WARNING
