"""Damaged rows on the command line: a row of their own, exit codes, JSON, the way out."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from conftest import MakeDesk
from mechexo.alerts import operations as alerts
from mechexo.alerts.values import AlertState, Observation
from mechexo.desk import Desk
from mechexo.doctor import examine
from mechexo.health.values import Status
from mechexo.shift_report import open_items
from mechexo.shift_report.values import Items, Shift
from support.damaged_alerts import one_damaged_of_two
from support.in_process import Program

pytestmark = pytest.mark.slow


@pytest.fixture
def program(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    desk = one_damaged_of_two(Desk.open(make_desk().config_path))
    return Program(desk, "alerts", monkeypatch, capsys)


def test_the_list_has_the_damaged_alert_and_the_others_and_exits_5(program: Program) -> None:
    code, out = program("list")
    assert code == 5
    (damaged,) = [line for line in out.splitlines() if "✖ damaged" in line]
    assert "gateway" in damaged
    assert "labels is no JSON of names and texts: '{'" in damaged
    assert "mechexo alerts resolve 1" in damaged
    assert "feed is bad" in out
    assert program.said.startswith("alert 1 (gateway) is damaged in the state file: labels")


def test_many_damaged_alerts_are_rows_of_the_list_and_a_few_lines_below_it(
    program: Program,
) -> None:
    more = [
        Observation(f"more{n}", True, "low", f"more{n}", "is bad", "feed", {}) for n in range(6)
    ]
    alerts.observe(program.desk, more)
    with closing(sqlite3.connect(program.desk.state.path, isolation_level=None)) as file:
        file.execute("UPDATE alert SET labels = '{'")
    _, out = program("list")
    assert out.count("✖ damaged") == 8
    assert program.said.count("\n") == 4
    assert program.said.endswith(
        "5 more rows of the state file are damaged; see: mechexo alerts damaged\n"
    )


def test_a_damaged_name_reaches_no_terminal_with_its_control_characters(program: Program) -> None:
    with closing(sqlite3.connect(program.desk.state.path, isolation_level=None)) as file:
        file.execute("UPDATE alert SET name = ? WHERE id = 1", ("\x1b[31mred\nname",))
    for words in (("damaged",), ("list",), ("show", "1"), ("damaged", "--json")):
        _, out = program(*words)
        assert "\x1b" not in out + program.said
        assert "u001b" not in out
        assert "red name" in out + program.said


def test_the_json_list_tells_of_it_beside_the_alerts(program: Program) -> None:
    code, out = program("list", "--json")
    document = json.loads(out)
    assert code == 5
    assert [each["id"] for each in document["alerts"]] == [2]
    (damaged,) = document["damaged"]
    assert (damaged["what"], damaged["id"], damaged["severity"]) == ("alert", 1, "critical")
    assert damaged["problem"] == "labels is no JSON of names and texts: '{'"


def test_why_tells_what_can_be_read_and_what_cannot(program: Program) -> None:
    code, out = program("why", "1")
    assert code == 5
    assert "opened" in out
    assert "✖ damaged" in out
    assert "next: not known: alert 1 is damaged" in out
    code, out = program("why", "1", "--json")
    document = json.loads(out)
    assert (code, document["next"]["at"]) == (5, None)
    assert [each["what"] for each in document["damaged"]] == ["alert"]
    assert program("why", "2")[0] == 0


def test_why_sends_nobody_to_the_list_of_what_is_in_force_for_a_line_of_the_timeline(
    program: Program,
) -> None:
    with closing(sqlite3.connect(program.desk.state.path, isolation_level=None)) as file:
        file.execute("UPDATE alert_event SET at = 'then' WHERE alert_id = 2")
    assert program("why", "2")[0] == 5
    assert "timeline line" in program.said
    assert "mechexo alerts damaged" not in program.said


def test_show_is_one_line_that_says_what_to_do(program: Program) -> None:
    code, out = program("show", "1")
    assert (code, out) == (5, "")
    assert program.said.count("\n") == 1
    assert "close it with: mechexo alerts resolve 1" in program.said


@pytest.mark.parametrize("words", [("resolve", "1"), ("mend", "alert", "1")])
def test_a_person_takes_it_out_of_force(program: Program, words: tuple[str, ...]) -> None:
    assert program("damaged")[0] == 1
    assert program(*words)[0] == 0
    assert alerts.get_alert(program.desk, 1).state is AlertState.RESOLVED
    assert program("list")[0] == 0
    code, out = program("damaged", "--json")
    assert (code, json.loads(out)["damaged"]) == (0, [])


def test_the_list_of_damage_names_no_alert_as_one_of_itself(program: Program) -> None:
    with closing(sqlite3.connect(program.desk.state.path, isolation_level=None)) as file:
        file.execute("UPDATE alert SET name = CAST(x'ff' AS TEXT) WHERE id = 1")
    out = program("damaged")[1]
    assert "of alert 1" not in out
    assert "name is no text: 1 byte;" in out


def test_what_stood_there_is_where_mend_says(program: Program) -> None:
    _, out = program("mend", "alert", "1")
    assert out.splitlines()[1] == "what stood there is `before` in: mechexo audit log --json"
    assert program.desk.audit_entries(1)[0].payload.count('"before":{"damaged":{"labels"') == 1


def test_what_is_whole_cannot_be_mended(program: Program) -> None:
    assert program("mend", "alert", "2")[0] == 4
    assert program("mend", "row", "2")[0] == 2


def test_a_damaged_silence_is_said_beside_the_others(program: Program) -> None:
    for name in ("gateway", "feed"):
        program("silence", "--match", f"name={name}", "--for", "2h", "--reason", "work")
    with closing(sqlite3.connect(program.desk.state.path, isolation_level=None)) as file:
        file.execute("UPDATE silence SET matchers = 'x' WHERE id = 1")
    code, out = program("silences")
    assert code == 5
    assert "name=feed" in out
    assert program.said.startswith("silence 1 is damaged in the state file: matchers")
    assert program.said.endswith("; see: mechexo alerts damaged\n")
    document = json.loads(program("silences", "--json")[1])
    assert [each["id"] for each in document["silences"]] == [2]
    assert [each["id"] for each in document["damaged"]] == [1]
    assert program("unsilence", "1")[0] == 0
    assert program("silences")[0] == 0


def test_the_doctor_calls_no_state_file_whole_of_which_a_row_cannot_be_read(
    program: Program,
) -> None:
    program.desk.state.close()
    (found,) = [each for each in examine(program.desk.config_path) if each.check == "state file"]
    assert found.status is Status.CRITICAL
    assert "alert 1 (gateway) is damaged in the state file: labels" in found.detail
    assert "mechexo alerts mend WHAT ID" in found.mend


def test_the_shift_report_says_what_cannot_be_read(program: Program) -> None:
    shift = Shift(program.desk, program.desk.clock.now(), program.desk.clock.now())
    first, second = open_items.open_alerts(shift)
    assert isinstance(first, Items)
    assert first.texts[0].startswith("Not readable: alert 1 (gateway) is damaged")
    assert isinstance(second, Items)
    assert "feed is bad" in second.texts[0]
