"""The shift report's open items, hand-over notes, page, and the way through a channel."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from conftest import MakeDesk
from mechexo.actor import Actor
from mechexo.alerts import handover_notes, silencing
from mechexo.alerts import operations as alerts
from mechexo.alerts.handover_notes import NOTE_LIMIT
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import ConflictError, NotAllowedError, NotFoundError, UsageError
from mechexo.following import run_step, tick
from mechexo.incidents import operations as incidents
from mechexo.shift_report import collect, html, markdown, message, shift_report
from mechexo.shift_report.values import Items, Part, ShiftReport
from runbook.followed import following_desk
from support.program import document, mechexo, one_line

pytestmark = pytest.mark.slow

ONCALL = """
[people.ada]
[people.bob]
[oncall.schedules.primary]
[[oncall.schedules.primary.layers]]
people = ["ada", "bob"]
every = "daily"
handover = "08:00"
since = "2026-03-01"
"""


def section(report: str, title: str) -> str:
    return report.partition(f"# {title}\n")[2].partition("\n#")[0]


def part(report: ShiftReport, title: str) -> Part:
    every = [each for whole in report.parts for each in (whole, *whole.parts)]
    return next(each for each in every if each.title == title)


def box(folder: Path, more: str = "") -> str:
    return f'[channels.box]\nurl = "file://{folder}/box.jsonl"\nseverities = []\n{more}\n'


def raised(desk: Desk, name: str, severity: str = "high") -> int:
    return alerts.raise_alert(
        desk, key=name, severity=severity, name=name, summary="it is late", labels={}
    ).id


def test_every_part_of_the_open_items_says_none_on_a_quiet_desk(desk: Desk) -> None:
    report = shift_report(desk)
    for title in ("Open alerts", "Open incidents", "Commits on hold", "Incidents", "Steps run"):
        assert section(report, title).strip() == "None.", title


def test_open_alerts_come_worst_first_with_who_knows(desk: Desk) -> None:
    raised(desk, "feed_late")
    alerts.acknowledge(desk, raised(desk, "disk"))
    raised(desk, "risk", "critical")
    alerts.resolve(desk, raised(desk, "over"))
    told = section(shift_report(desk), "Open alerts")
    assert [line.split(",")[0] for line in told.strip().splitlines()] == [
        "- 3 critical risk",
        "- 1 high feed\\_late",
        "- 2 high disk",
    ]
    assert "- 2 high disk, tester knows, since" in told
    assert "- 3 critical risk, nobody knows, since" in told


def test_an_open_incident_is_told_with_the_steps_that_come_next(desk: Desk) -> None:
    opened = incidents.open_incident(
        desk, title="the disk is full", severity="SEV2", runbook="disk-full"
    )
    from mechexo.runbook.operations import entry

    steps = entry(desk, "disk-full").steps
    tick(desk, opened.id, "disk-full", steps[0].key)
    told = section(shift_report(desk), "Open incidents")
    assert "**1 SEV2** the disk is full: ✖ open, nobody leads" in told
    assert f"disk-full: 1 of {len(steps)} steps ticked." in told
    assert f"Next, {steps[1].section} {steps[1].number}" in told
    assert f"Next, {steps[0].section} {steps[0].number}:" not in told


def test_an_incident_of_an_entry_that_is_gone_says_so_and_the_rest_is_there(desk: Desk) -> None:
    incidents.open_incident(desk, title="odd", severity="SEV3", runbook="no-such-entry")
    report = shift_report(desk)
    assert "Its next steps are not readable:" in section(report, "Open incidents")
    assert "| 1 | SEV3 | odd |" in section(report, "Incidents")


def test_incidents_that_were_over_before_the_shift_are_not_in_it(
    desk: Desk, clock: VirtualClock
) -> None:
    old = incidents.open_incident(desk, title="long over", severity="SEV3")
    incidents.close(desk, old.id, text="mended")
    clock.advance(timedelta(hours=20))
    mine = incidents.open_incident(desk, title="of this shift", severity="SEV3")
    incidents.close(desk, mine.id, text="mended")
    told = section(shift_report(desk), "Incidents")
    assert "of this shift" in told
    assert "long over" not in told


def test_the_steps_that_were_run_are_told_with_how_they_ended(
    make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk = following_desk(
        make_desk, ("echo well", "id=look risk=read"), ("exit 3", "id=fails risk=read")
    )
    opened = incidents.open_incident(desk, title="odd", severity="SEV3", runbook="sample")
    run_step(desk, opened.id, "sample", "look")
    clock.advance(timedelta(hours=1))
    run_step(desk, opened.id, "sample", "fails")
    told = section(shift_report(desk), "Steps run")
    assert "| 1 | sample/look | tester | ● ok | 0 | echo well |" in told
    assert "| 1 | sample/fails | tester | ✖ failed | 3 | exit 3 |" in told
    clock.advance(timedelta(minutes=30))
    later = section(shift_report(desk, hours=1), "Steps run")
    assert "sample/look" not in later
    assert "sample/fails" in later


def test_a_silence_that_ends_in_the_next_shift_is_told_and_a_longer_one_is_not(
    desk: Desk,
) -> None:
    for name, hours in (("soon", 3), ("later", 30)):
        silencing.silence(
            desk, matchers={"name": name}, duration=timedelta(hours=hours), reason="known"
        )
    told = section(shift_report(desk), "Silences and maintenance about to end")
    assert "silence 1 of name=soon by tester ends 2026-03-02 17:30: known" in told
    assert "later" not in told


def test_times_without_anybody_on_call_are_told(make_desk: MakeDesk) -> None:
    desk = make_desk(ONCALL + 'start = "08:00"\nend = "20:00"\n')
    told = section(shift_report(desk), "Nobody on call in the next shift")
    assert "primary: nobody from 2026-03-02 20:00 to 2026-03-03 02:30" in told
    assert "None until" in section(
        shift_report(make_desk(ONCALL)), "Nobody on call in the next shift"
    )


def test_since_the_last_hand_over_when_there_was_one(make_desk: MakeDesk) -> None:
    report = collect(make_desk(ONCALL), rotation=True)
    assert report.end - report.start == timedelta(hours=6, minutes=30)
    assert report.since == "bob took over primary"
    without = collect(make_desk(), rotation=True, hours=4)
    assert without.end - without.start == timedelta(hours=4)
    assert "no hand-over" in without.since


def test_a_note_stays_in_the_reports_until_it_is_done(desk: Desk, clock: VirtualClock) -> None:
    left = handover_notes.leave(desk, "vendor calls at nine")
    clock.advance(timedelta(days=3))
    told = section(shift_report(desk), "Handover notes")
    assert "- 1, tester at 2026-03-02 14:30: vendor calls at nine" in told
    handover_notes.done(desk, left.id)
    assert section(shift_report(desk), "Handover notes").strip().startswith("None.")
    with pytest.raises(ConflictError, match="by tester"):
        handover_notes.done(desk, left.id)
    with pytest.raises(NotFoundError, match="no note 99"):
        handover_notes.done(desk, 99)


def test_a_note_is_harmless_and_keeps_no_secret(desk: Desk) -> None:
    left = handover_notes.leave(desk, "a\x1b[2J\u202e **b** <i>\npassword=hunter2")
    assert "hunter2" not in left.text
    assert "\x1b" not in left.text
    report = shift_report(desk)
    assert "hunter2" not in report
    assert "\\*\\*b\\*\\* \\<i\\>" in report
    assert "hunter2" not in json.dumps([str(each) for each in desk.audit_entries(10)])


@pytest.mark.parametrize("text", ["", "  \n", "x" * (NOTE_LIMIT + 1)])
def test_a_note_of_nothing_or_too_much_is_refused(desk: Desk, text: str) -> None:
    with pytest.raises(UsageError):
        handover_notes.leave(desk, text)
    assert handover_notes.notes(desk) == ()


@pytest.mark.parametrize(
    "statement", ["UPDATE handover_note SET text = 'other'", "DELETE FROM handover_note"]
)
def test_what_a_note_says_is_never_changed_or_lost(desk: Desk, statement: str) -> None:
    handover_notes.leave(desk, "vendor calls at nine")
    with pytest.raises(sqlite3.IntegrityError), desk.state.write() as transaction:
        transaction.execute(statement)
    assert [each.text for each in handover_notes.notes(desk)] == ["vendor calls at nine"]


def test_a_damaged_note_keeps_its_words_and_hides_no_other(desk: Desk) -> None:
    handover_notes.leave(desk, "vendor calls at nine")
    handover_notes.leave(desk, "the feed is slow")
    with desk.state.write() as transaction:
        transaction.execute("DROP TRIGGER handover_note_is_done_once")
        transaction.execute("UPDATE handover_note SET at = 'never' WHERE id = 1")
    told = section(shift_report(desk), "Handover notes")
    assert "Not readable: note 1 is damaged in the state file" in told
    assert "vendor calls at nine" in told
    assert "the feed is slow" in told
    listed = mechexo("report", "note", config=desk.config_path)
    assert listed.returncode == 5
    assert "the feed is slow" in listed.stdout
    assert "vendor calls at nine" in listed.stderr


def test_a_damaged_incident_is_no_absence_of_open_ones(desk: Desk) -> None:
    incidents.open_incident(desk, title="t", severity="SEV1")
    with desk.state.write() as transaction:
        transaction.execute("UPDATE incident SET began_at = 'never'")
    told = section(shift_report(desk), "Open incidents")
    assert "Not readable: incident 1 is damaged" in told
    assert "None." not in told


def test_a_clock_that_was_set_back_hides_no_incident_and_no_step(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = following_desk(make_desk, ("true", "id=look"))
    number = incidents.open_incident(desk, title="feed lost", severity="SEV1").id
    run_step(desk, number, "sample", "look")
    clock.advance(-timedelta(hours=1))
    report = shift_report(desk)
    assert "feed lost" in section(report, "Incidents")
    assert "sample/look" in section(report, "Steps run")


def test_a_viewer_leaves_no_note(make_desk: Callable[..., Desk]) -> None:
    toml = '[access]\nowner_is_admin = false\nothers = "viewer"\n'
    desk = make_desk(toml, actor=Actor(54321, "guest"))
    with pytest.raises(NotAllowedError):
        handover_notes.leave(desk, "let me")


def test_a_part_that_cannot_be_read_says_so_and_is_named(make_desk: MakeDesk) -> None:
    desk = make_desk('[costs]\nfills = "none/*.parquet"\nquotes = "none/*.parquet"\n')
    report = collect(desk)
    assert report.unreadable == ("Costs",)
    assert part(report, "Costs").blocks == ()
    assert "Costs: not readable" in message(report)
    assert "Not readable:" in html(report)


def test_the_page_says_what_the_markdown_says_and_fetches_nothing(desk: Desk) -> None:
    handover_notes.leave(desk, "<script>alert(1)</script> ![x](http://example.com/x.png)")
    raised(desk, "feed_late")
    report = collect(desk)
    page, text = html(report), markdown(report)
    titles = re.findall(r"<h[23][^>]*>(?:<a[^>]*>)?(.*?)<", page)
    assert titles == re.findall(r"^##+ (.*)$", text, re.MULTILINE)
    assert "<script" not in page
    assert not re.search(r"<(?:img|link|iframe)|src=|url\(|@import", page)
    assert "default-src 'none'" in page
    assert "prefers-color-scheme:dark" in page
    assert "@media print" in page
    assert "feed_late" in page


def test_the_message_has_what_is_open_and_no_more_than_a_channel_takes(desk: Desk) -> None:
    for number in range(300):
        raised(desk, f"alert_{number}")
    handover_notes.leave(desk, "vendor calls at nine")
    short = message(collect(desk))
    assert len(short) <= 6_000
    assert short.endswith("The whole: mechexo report shift")
    quiet = message(collect(desk, hours=1))
    assert "ops_ok: no" in quiet


def test_sending_it_goes_through_the_outbox_whatever_the_channel_s_severities_say(
    make_desk: MakeDesk, tmp_path: Path
) -> None:
    desk = make_desk(box(tmp_path))
    handover_notes.leave(desk, "vendor calls at nine")
    sent = mechexo("report", "shift", "--send", "box", config=desk.config_path)
    assert sent.returncode == 0, sent.stderr
    assert sent.stdout == ""
    assert "sent through box" in sent.stderr
    (told,) = map(json.loads, (tmp_path / "box.jsonl").read_text().splitlines())
    assert told["title"] == "For your information: shift report on test (paper)"
    assert "vendor calls at nine" in told["body"]
    entry = next(each for each in desk.audit_entries(10) if each.action == "report.send")
    assert (entry.target, entry.outcome) == ("box", "done")


def test_a_channel_that_does_not_take_it_is_a_failure_that_is_recorded(
    make_desk: MakeDesk,
) -> None:
    desk = make_desk(
        '[channels.dead]\nurl = "mailto://127.0.0.1:1/?from=a@b.example&to=c@b.example"\n'
    )
    failed = mechexo("report", "shift", "--send", "dead", config=desk.config_path)
    assert failed.returncode != 0
    one_line(failed, "dead did not take the shift report")
    unknown = mechexo("report", "shift", "--send", "ded", config=desk.config_path)
    one_line(unknown, "there is no channel 'ded'")


def test_the_commands_leave_list_and_end_notes(desk: Desk) -> None:
    left = mechexo("report", "note", "vendor calls at nine", config=desk.config_path)
    assert left.stdout == "note 1 stays in the reports until it is done\n", left.stderr
    found = document(mechexo("report", "note", "--json", config=desk.config_path))
    assert found["schema"] == "mechexo.handover_notes/1"
    assert [each["text"] for each in found["notes"]] == ["vendor calls at nine"]
    assert mechexo("report", "note", "--done", 1, config=desk.config_path).stdout == (
        "note 1 is done\n"
    )
    both = mechexo("report", "note", "x", "--done", 1, config=desk.config_path)
    one_line(both, "either a text or --done")


def test_the_command_writes_a_page_and_a_document(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "shift.html"
    done = mechexo("report", "--format", "html", "--out", out, config=desk.config_path)
    assert done.returncode == 0, done.stderr
    assert out.read_text().startswith("<!doctype html>")
    found = document(mechexo("report", "shift", "--json", config=desk.config_path))
    assert found["report"]["parts"][1]["title"] == "Open items"
    assert found["markdown"].startswith("# Shift report: test")


def test_the_value_is_below_both_renderings(desk: Desk) -> None:
    raised(desk, "feed_late")
    (block,) = part(collect(desk), "Open alerts").blocks
    assert isinstance(block, Items)
    (said,) = block.texts
    assert said.startswith("1 high feed_late, nobody knows")
