"""The postmortem: every time, name and number in it stands in a record."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import START, MakeDesk
from mechexo import incident_alerts
from mechexo.alerts import operations as alerts
from mechexo.alerts.acknowledging import acknowledge, resolve
from mechexo.alerts.values import Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import NotFoundError, UsageError
from mechexo.incident_postmortem import cost_lines, markdown, postmortem
from mechexo.incident_timeline import Timeline, timeline
from mechexo.incidents import operations as incidents
from mechexo.incidents.markdown import block, cell
from mechexo.incidents.values import IncidentStatus, Moment
from mechexo.processes import Process
from mechexo.runbook import records as steps
from mechexo.runbook.following_values import StepRun
from mechexo.times import in_zone

MINUTE = timedelta(minutes=1)
STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]+")


def whole_night(desk: Desk, clock: VirtualClock) -> int:
    (alert,) = alerts.observe(
        desk, [Observation("feed", True, "critical", "feed_stale", "no ticks", "probe")]
    )
    clock.advance(MINUTE)
    number = incident_alerts.open_for_alert(desk, alert.id, commander="second").id
    acknowledge(desk, alert.id, note="on it")
    clock.advance(3 * MINUTE)
    incidents.note(desk, number, "restarted the handler\nsecond line")
    incidents.set_status(desk, number, IncidentStatus.MITIGATED, text="ticks are back")
    clock.advance(MINUTE)
    resolve(desk, alert.id)
    incidents.close(desk, number)
    return number


def section(text: str, title: str) -> str:
    return text.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_a_night_has_its_times_with_the_records_they_came_from(
    desk: Desk, clock: VirtualClock
) -> None:
    text = postmortem(desk, whole_night(desk, clock))
    times = section(text, "Detection and response")
    assert "| time to detect (MTTD) | 0s |" in times
    assert "| time to acknowledge (MTTA) | 1m | 2026-03-02 14:30:00 UTC (alert 1: opened)" in times
    assert "| time to mitigate | 4m |" in times
    assert "| time to resolve (MTTR) | 5m |" in times
    assert "(incident 1: closed)" in times
    assert "restarted the handler second line" in section(text, "Timeline")
    assert "| commander | second |" in section(text, "Summary")
    questions = section(text, "Open questions")
    assert "no affected flow is recorded" in questions
    assert "nobody acknowledged" not in questions
    assert "| – | – | – |" in section(text, "Action items")


def test_every_time_and_name_in_it_stands_in_a_record(desk: Desk, clock: VirtualClock) -> None:
    number = whole_night(desk, clock)
    text, found = postmortem(desk, number), timeline(desk, number)
    recorded = {in_zone(moment.at, desk.zone) for moment in found.moments}
    recorded |= {
        in_zone(each, desk.zone)
        for each in (
            *(found.incident.began_at, found.incident.opened_at),
            *(found.incident.mitigated_at, found.incident.closed_at),
        )
        if each
    }
    assert set(STAMP.findall(text)) <= recorded
    people = {moment.who for moment in found.moments} | {*found.incident.attendees}
    rows = [line.split(" | ") for line in section(text, "Timeline").splitlines()[3:]]
    said = {row[2] for row in rows if len(row) > 3}
    assert said <= people | {"–"}


def test_an_incident_of_which_nothing_is_recorded_says_so(desk: Desk) -> None:
    number = incidents.open_incident(desk, title="t", severity="SEV3").id
    text = postmortem(desk, number)
    assert "Nothing else is recorded of this incident." in text
    assert "Nothing is recorded." in section(text, "What was done")
    questions = section(text, "Open questions")
    for said in (
        *("it is not closed", "nobody is recorded as commander", "nobody wrote a note"),
        *("no alert was recorded", "what it cost is not known", "nothing that was done"),
    ):
        assert said in questions
    assert "| time to resolve (MTTR) | not known |" in text


def test_the_cost_that_is_given_stands_under_impact(desk: Desk) -> None:
    number = incidents.open_incident(desk, title="t", severity="SEV3").id
    text = markdown(desk, timeline(desk, number), cost=["It cost 12 bps of 40 fills."])
    assert "It cost 12 bps of 40 fills." in section(text, "Impact")
    assert "what it cost is not known" not in text
    assert "Cost: not known" in postmortem(desk, number)


def test_a_cost_that_cannot_be_computed_says_why(make_desk: MakeDesk) -> None:
    desk = make_desk()
    assert cost_lines(desk, opened(desk)) is None
    desk = make_desk('[costs]\nfills = "nowhere.csv"\n')
    lines = cost_lines(desk, 1)
    assert lines is not None
    assert lines[0].startswith("Cost: not known: ")


def opened(desk: Desk) -> int:
    return incidents.open_incident(
        desk, title="t", severity="SEV1", began_at=desk.clock.now() - 60 * MINUTE
    ).id


def test_a_run_that_nobody_saw_end_is_an_open_question_also_once_it_was_run_again(
    desk: Desk, clock: VirtualClock
) -> None:
    number = incidents.open_incident(desk, title="t", severity="SEV1").id
    incidents.note(desk, number, "the broker says: outcome unknown")
    run = StepRun(0, number, "disk-full", "look", "df -h", "/", "host", "tester", clock.now())
    assert "nobody knows the outcome" not in postmortem(desk, number)
    with desk.state.write() as transaction:
        steps.insert_run(transaction, run, Process(1, "boot", "0"), ends_by=clock.now())
        steps.lost(transaction, steps.running(transaction, "disk-full", "look", START), START)
    questions = section(postmortem(desk, number), "Open questions")
    assert "- nobody knows the outcome of disk-full/look" in questions


def test_a_damaged_alert_costs_the_postmortem_a_part_and_not_the_whole(
    desk: Desk, clock: VirtualClock
) -> None:
    number = whole_night(desk, clock)
    with desk.state.write() as transaction:
        transaction.execute("UPDATE alert SET labels = '{'")
    text = postmortem(desk, number)
    assert "alerts: alert 1 (feed" in section(text, "What changed before")
    assert "alert 1 is damaged" in section(text, "Open questions")
    assert "restarted the handler" in section(text, "Timeline")


def test_an_unknown_incident_or_format_is_refused(desk: Desk) -> None:
    with pytest.raises(NotFoundError):
        postmortem(desk, 9)
    with pytest.raises(UsageError, match="md, html"):
        postmortem(desk, 9, format="pdf")


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "[click](javascript:alert(1))",
        "![x](http://evil.example/x.png)",
        "| a | b |\n|---|---|\n# head",
        "\x1b]8;;http://evil.example\x07text\x1b]8;;\x07\x00\u202eabc",
        "```\n</code>",
        "&lt;img&gt; ~~gone~~",
    ],
)
def test_what_people_wrote_stays_text_in_markdown_and_html(desk: Desk, hostile: str) -> None:
    number = incidents.open_incident(desk, title=f"t {hostile}", severity="SEV1").id
    incidents.note(desk, number, hostile)
    page = postmortem(desk, number, format="html")
    found = Tags()
    found.feed(page)
    allowed = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "ul", "li"}
    allowed |= {"table", "thead", "tbody", "tr", "th", "td", "code"}
    assert found.tags <= allowed
    text = postmortem(desk, number)
    assert not {"\x1b", "\x00", "\u202e"} & {*text}
    assert sum(line.startswith("# ") for line in text.splitlines()) == 1


def test_secrets_in_what_people_wrote_are_hidden(desk: Desk) -> None:
    number = incidents.open_incident(desk, title="token=canary-1", severity="SEV1").id
    incidents.note(desk, number, "postgresql://me:canary-2@db/x")
    incidents.close(desk, number, text="password: canary-3")
    for format in ("md", "html"):
        assert "canary" not in postmortem(desk, number, format=format)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 500),
            st.sampled_from(["note", "probe", "step_started", "step_ended", "told", "flag"]),
            st.text(max_size=20),
            st.text(max_size=40),
            st.text(max_size=60),
        ),
        max_size=8,
    )
)
def test_whatever_was_recorded_the_document_holds_its_shape(
    desk: Desk, lines: list[tuple[int, str, str, str, str]]
) -> None:
    if not incidents.list_incidents(desk):
        incidents.open_incident(desk, title="t", severity="SEV1")
    moments = tuple(
        Moment(START + minute * MINUTE, kind, who, text, detail)
        for minute, kind, who, text, detail in sorted(lines)
    )
    text = markdown(desk, Timeline(incidents.get(desk, 1), moments, ()))
    heads = [line for line in text.split("\n") if line.startswith("## ")]
    assert heads == [
        *("## Summary", "## Impact", "## Detection and response", "## What changed before"),
        *("## What was done", "## Timeline", "## Open questions", "## Action items"),
    ]
    rows = [line for line in section(text, "Timeline").split("\n") if line.startswith("|")]
    assert len(rows) == len(moments) + 2
    recorded = {in_zone(moment.at, desk.zone) for moment in moments}
    began = in_zone(incidents.get(desk, 1).began_at, desk.zone)
    assert {*STAMP.findall(section(text, "Timeline"))} <= recorded | {began}


@given(st.text())
def test_a_cell_is_one_line_that_divides_no_table(text: str) -> None:
    found = cell(text)
    assert "\n" not in found
    assert "|" not in found.replace("\\|", "")


@given(st.text(alphabet="`x\n ", max_size=40))
def test_nothing_within_a_block_ends_it(text: str) -> None:
    lines = block(text, 20)
    fence = lines[-1]
    inner = lines[lines.index(f"{fence}text") + 1 : -1]
    assert not any(line.strip().startswith(fence) for line in inner)
