"""`mechexo alerts` as scripts and people use it: the real program, its output and exit codes."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from datetime import datetime

import pytest
from rich.console import Console

from conftest import MakeDesk
from mechexo.alerts import operations as alerts
from mechexo.alerts.values import AlertState
from mechexo.cli import render
from mechexo.desk import Desk
from support.in_process import Program

pytestmark = pytest.mark.slow

BOX = '[channels.box]\nurl = "file://box.jsonl"\n[quiet_hours]\nenabled = false\n'
RAISE = ["raise", "--key", "feed", "--severity", "high", "--name", "feed_stale"]
RAISE += ["--summary", "stale"]


@pytest.fixture
def program(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    # By the machine's clock, as the program itself.
    return Program(Desk.open(make_desk(BOX).config_path), "alerts", monkeypatch, capsys)


def test_raise_stores_the_alert_and_leaves_the_sending_to_the_tick(program: Program) -> None:
    code, out = program(*RAISE, "--label", "card=data", "--runbook", "feed_stale")
    assert (code, out) == (0, "alert 1: high feed_stale\n")
    assert program.said == "queued for 1 channel; the next tick sends\n"
    alert = alerts.get_alert(program.desk, 1)
    assert (alert.labels, alert.runbook, alert.source) == ({"card": "data"}, "feed_stale", "manual")
    assert alerts.mailbox(program.desk) == ()


def test_raise_says_when_nobody_will_be_told(program: Program) -> None:
    program("raise", "--key", "k", "--severity", "info", "--name", "n", "--summary", "s")
    assert program.said == "nothing is sent: no channel takes info alerts, see [channels]\n"


def test_raising_an_equal_key_merges(program: Program) -> None:
    program(*RAISE)
    code, out = program(*RAISE, "--json")
    assert (code, json.loads(out)["alert"]["count"]) == (0, 2)


def test_the_list_as_json_has_the_keys_that_scripts_rely_on(program: Program) -> None:
    program(*RAISE)
    code, out = program("list", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["schema"] == "mechexo.alerts/1"
    assert document["at"].endswith("Z")
    (alert,) = document["alerts"]
    assert alert.keys() >= {
        "id", "key", "severity", "state", "name", "summary", "source", "labels", "runbook",
        "count", "started_at", "last_seen_at", "acknowledged_by", "acknowledged_at",
        "resolved_at", "level", "next_level_at", "held_until",
    }  # fmt: skip
    assert (alert["state"], alert["level"], alert["held_until"]) == ("firing", 1, None)


def test_the_list_as_csv_and_as_a_table(program: Program) -> None:
    program(*RAISE, "--label", "card=data")
    _, out = program("list", "--csv")
    (row,) = csv.DictReader(io.StringIO(out))
    assert (row["key"], row["labels"], row["resolved_at"]) == ("feed", "card=data", "")
    _, out = program("list")
    assert "feed_stale" in out
    assert "\x1b" not in out


def test_an_empty_list_says_so(program: Program) -> None:
    assert program("list") == (0, "Alerts: none\n")


def test_ack_and_resolve(program: Program) -> None:
    program(*RAISE)
    code, out = program("ack", "1", "--note", "on it")
    assert code == 0
    assert out.startswith("alert 1 acknowledged by ")
    assert program("resolve", "1", "--reason", "mended") == (0, "alert 1 resolved\n")
    assert program("list")[1] == "Alerts: none\n"
    assert "resolved" in program("list", "--all")[1]
    code, _ = program("ack", "1")
    assert code == 4
    assert "was resolved at" in program.said


@pytest.mark.parametrize("words", [["show"], ["why"], ["ack"], ["resolve"], ["unsilence"]])
def test_an_unknown_number_is_one_line_and_exit_2(program: Program, words: list[str]) -> None:
    code, out = program(*words, "99")
    assert (code, out) == (2, "")
    assert program.said.startswith("mechexo: there is no ")
    assert program.said.count("\n") == 1


@pytest.mark.parametrize("command", ["show", "why", "ack", "resolve", "unsilence"])
@pytest.mark.parametrize("number", ["99999999999999999999999", "-99999999999999999999999"])
def test_a_number_too_large_for_anything_is_one_line_and_exit_2(
    program: Program, command: str, number: str
) -> None:
    code, out = program(command, "--", number)
    assert (code, out) == (2, "")
    assert len(program.said.splitlines()) == 1
    assert number in program.said


def test_a_limit_larger_than_anything_is_none(program: Program) -> None:
    program(*RAISE)
    code, out = program("list", "--limit", "99999999999999999999999", "--csv")
    assert (code, len(out.splitlines())) == (0, 2)


def test_show_prints_everything_known(program: Program) -> None:
    program(*RAISE)
    _, out = program("show", "1")
    assert "feed_stale" in out
    assert json.loads(program("show", "1", "--json")[1])["alert"]["id"] == 1


def test_why_tells_the_whole_story(program: Program) -> None:
    program(*RAISE)
    alerts.deliver_due(program.desk)
    _, out = program("why", "1", "--json")
    document = json.loads(out)
    assert [event["kind"] for event in document["timeline"]] == ["opened", "paged", "sent"]
    assert [each["state"] for each in document["deliveries"]] == ["sent"]
    _, out = program("why", "1")
    assert "written to box.jsonl" in out


def test_silence_and_unsilence(program: Program) -> None:
    program(*RAISE)
    code, out = program(
        "silence", "--match", "name=feed_stale", "--match", "severity=high", "--for", "2h",
        "--reason", "moving",
    )  # fmt: skip
    assert code == 0
    assert out.startswith("silence 1 until ")
    assert program.said == "open alerts that it covers: 1\n"
    assert "name=feed_stale severity=high" in program("silences")[1]
    program(*RAISE)
    assert program.said.startswith("nothing is sent: silenced until ")
    assert program("unsilence", "1")[0] == 0
    assert program("silences")[1] == "Silences: none\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["silence", "--match", "x", "--for", "2h", "--reason", "r"], "not of the form"),
        (["silence", "--match", "a=b", "--for", "soon", "--reason", "r"], "not a duration"),
        (["silence", "--match", "a=1", "--match", "a=2", "--for", "2h", "--reason", "r"], "twice"),
        ([*RAISE[:3], "--severity", "urgent", "--name", "n", "--summary", "s"], "not a severity"),
        (["stats", "--days", "0"], "from 1 to 366"),
    ],
)
def test_bad_words_are_one_line_and_exit_2(program: Program, words: list[str], said: str) -> None:
    code, _ = program(*words)
    assert code == 2
    assert said in program.said
    assert program.said.count("\n") == 1
    assert alerts.list_alerts(program.desk, states=tuple(AlertState)) == ()


def test_stats_as_json_and_as_tables(program: Program) -> None:
    program(*RAISE)
    statistics = json.loads(program("stats", "--json")[1])["statistics"]
    assert (statistics["days"], statistics["mean_resolve_s"]) == (7, None)
    assert "mean time to acknowledge" in program("stats")[1]


def test_stats_tell_the_hours_and_todays_messages(program: Program) -> None:
    program(*RAISE)
    document = json.loads(program("stats", "--json")[1])
    assert len(document["hours"]) == 24
    (busy,) = [hour for hour in document["hours"] if hour["total"]]
    (alert,) = alerts.list_alerts(program.desk)
    assert busy["by_severity"] == {alert.severity: 1}
    started = alert.started_at.replace(minute=0, second=0, microsecond=0)
    assert datetime.fromisoformat(busy["starts_at"]) == started
    (box,) = document["deliveries_today"]
    assert {name: box[name] for name in ("sent", "failed", "due", "cancelled")} == {
        "sent": 0, "failed": 0, "due": 1, "cancelled": 0,
    }  # fmt: skip
    assert (box["last_failure_at"], box["last_failure"]) == (None, "")
    text = program("stats")[1]
    assert "By hour, the last 24" in text
    assert "Messages today" in text


def test_the_command_imports_neither_apprise_nor_textual_nor_polars(program: Program) -> None:
    import subprocess

    code = (
        "import sys; sys.argv = ['mechexo', '--config', sys.argv[1], 'alerts', 'list']\n"
        "from mechexo.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print({'apprise', 'textual', 'polars', 'httpx'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(program.desk.config_path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.endswith("set()\n")


def test_a_silence_counts_only_what_it_covers_itself(program: Program) -> None:
    program(*RAISE)
    program("silence", "--match", "name=feed_stale", "--for", "2h", "--reason", "moving")
    program("silence", "--match", "foo=bar", "--for", "2h", "--reason", "moving")
    assert program.said.startswith("it covers no open alert now; no alert has foo; known: ")
    program("silence", "--match", "name=other", "--for", "2h", "--reason", "moving")
    assert program.said == "it covers no open alert now\n"


@pytest.mark.parametrize(("slip", "close"), [("nam=feed_stale", "name"), ("crad=data", "card")])
def test_a_silence_by_a_name_that_no_alert_has_names_the_close_ones(
    program: Program, slip: str, close: str
) -> None:
    program(*RAISE, "--label", "card=data")
    words = ("silence", "--match", slip, "--for", "2h", "--reason", "moving")
    code, out = program(*words)
    assert code == 0
    assert out.startswith("silence 1 until ")
    assert program.said == (
        f"it covers no open alert now; no alert has {slip.partition('=')[0]}; "
        f"did you mean {close}?\n"
    )
    _, out = program(*words, "--json")
    assert json.loads(out)["silence"]["id"] == 2
    assert "did you mean" in program.said


def test_what_is_done_again_says_since_when_it_stands(
    program: Program,
) -> None:
    program(*RAISE)
    program("silence", "--match", "name=feed_stale", "--for", "2h", "--reason", "moving")
    program("ack", "1", "--note", "on it")
    code, out = program("ack", "1", "--note", "me too")
    assert code == 0
    assert out.startswith("alert 1: already acknowledged by ")
    assert out.endswith("s ago\n")
    assert "this note is not kept" in program.said
    program("unsilence", "1")
    code, out = program("unsilence", "1")
    assert code == 0
    assert out.startswith("silence 1: already ended ")
    assert program("resolve", "1") == (0, "alert 1 resolved\n")
    code, out = program("resolve", "1")
    assert code == 0
    assert out.startswith("alert 1: already resolved ")


def test_list_and_show_tell_the_note_of_the_acknowledgement_and_the_end_of_the_silence(
    program: Program,
) -> None:
    program(*RAISE)
    program("ack", "1", "--note", "calling the vendor")
    program("silence", "--match", "key=feed", "--for", "2h", "--reason", "moving")
    until = alerts.get_alert(program.desk, 1).silenced_until
    assert until is not None
    end = f"{until:%Y-%m-%d %H:%M:%S}"
    _, listed = program("list")
    assert f"knows: calling the vendor; silenced until {end}" in listed
    _, shown = program("show", "1")
    assert ["acknowledgement note", "calling the vendor"] in rows_of(shown)
    assert any(row[0] == "silenced until" and row[1].startswith(end) for row in rows_of(shown))
    assert json.loads(program("show", "1", "--json")[1])["acknowledgement_note"] == (
        "calling the vendor"
    )


def test_the_note_of_an_acknowledgement_that_no_longer_stands_is_not_shown(
    program: Program,
) -> None:
    program(*RAISE)
    program("ack", "1", "--note", "can wait")
    worse = ["critical" if word == "high" else word for word in RAISE]
    program(*worse)
    assert "can wait" not in program("list")[1]
    assert "can wait" not in program("show", "1")[1]
    assert json.loads(program("show", "1", "--json")[1])["acknowledgement_note"] == ""


def test_show_names_the_runbook_entry_that_fits_the_name_of_an_alert_without_one(
    program: Program,
) -> None:
    book = program.desk.path("book")
    book.mkdir()
    (book / "clearing.md").write_text(
        "---\nschema: 1\nid: clearing\ntitle: Clearing is late\nseverity: SEV2\n"
        "alerts: [clearing_late]\n---\n# Clearing is late\n"
    )
    with program.desk.config_path.open("a") as config:
        config.write('[runbook]\nfolder = "book"\n')
    program("raise", "--key", "c", "--severity", "low", "--name", "clearing_late", "--summary", "s")
    _, out = program("show", "1")
    assert "clearing, by the alert's name: mechexo runbook show clearing" in out
    assert json.loads(program("show", "1", "--json")[1])["nearest_runbook"] == "clearing"
    program("raise", "--key", "k", "--severity", "low", "--name", "zzz", "--summary", "s")
    assert ["runbook", "–"] in rows_of(program("show", "2")[1])


def test_tables_have_words_for_headings(program: Program) -> None:
    program(*RAISE)
    program("silence", "--match", "key=feed", "--for", "2h", "--reason", "moving")
    assert ["id", "match", "author", "reason", "from", "until"] in rows_of(program("silences")[1])
    assert ["measure", "value"] in rows_of(program("stats")[1])
    shown = rows_of(program("show", "1")[1])
    assert ["what", "value"] in shown
    assert not [row for row in shown if "_" in row[0]]


def rows_of(table: str) -> list[list[str]]:
    """A printed table's lines as cells."""
    return [re.split(r" {2,}", line.strip()) for line in table.splitlines()]


def test_an_open_maintenance_window_is_among_the_silences(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    window = '[maintenance.move]\nmatch = { name = "feed_*" }\nreason = "moving the feed"\n'
    window += 'since = "2020-01-01T00:00"\nuntil = "2100-01-01T00:00"\n'
    program = Program(make_desk(BOX + window), "alerts", monkeypatch, capsys)
    code, out = program("silences")
    assert code == 0
    assert "[maintenance.move]" in out
    assert "moving the feed" in out
    _, out = program("silences", "--json")
    (found,) = json.loads(out)["maintenance"]
    assert (found["window"], found["matchers"]) == ("[maintenance.move]", {"name": "feed_*"})
    _, out = program("silences", "--csv")
    (row,) = csv.DictReader(io.StringIO(out))
    assert (row["id"], row["ends_at"]) == ("", "2100-01-01T00:00:00.000000Z")


def test_on_a_terminal_of_80_columns_what_is_the_matter_has_the_room(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The only thing of a terminal that the list looks at.
    monkeypatch.setattr(render, "console", lambda: Console(file=sys.stdout, width=80))
    words = ["--key", "k", "--severity", "critical", "--name", "market_data_feed_stale"]
    program("raise", *words, "--summary", "no quote from the primary feed for 412 seconds")
    program("ack", "1", "--note", "calling the broker")
    lines = program("list")[1].splitlines()
    assert max(map(len, lines)) <= 80
    heading, first, second = lines[2], lines[4], lines[5]
    assert heading.split() == ["id", "severity", "state", "name:", "summary", "seen", "age", "note"]
    assert "critical  acked" in first
    assert "market_data_feed_stale: no" in first  # at least 27 columns of it
    assert "from the primary feed" in second


def test_no_control_character_of_a_cell_reaches_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [("\x1b]0;title\x07a\u202eb", "two\nlines"), ("plain", "-")]
    render.table("Names", ("name", "detail"), rows)
    out = capsys.readouterr().out
    assert not {"\x1b", "\x07", "\u202e"} & set(out)
    assert " ]0;title a b" in out
    assert "lines" in out
