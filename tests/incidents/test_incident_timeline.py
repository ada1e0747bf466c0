"""The timeline of an incident: from every part's records, nothing missed, what is lost is named."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from conftest import ME, START, MakeDesk
from mechexo import incident_alerts, incident_opening, incident_timeline, watch
from mechexo.alerts import operations as alerts
from mechexo.alerts.acknowledging import acknowledge, resolve
from mechexo.alerts.values import Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.health import operations as health
from mechexo.incident_timeline import timeline
from mechexo.incidents import operations as incidents
from mechexo.incidents.values import BY_ITSELF
from mechexo.runbook import records as steps
from mechexo.runbook.following_values import StepOutcome, StepRun, Tick

MINUTE = timedelta(minutes=1)
TOML = """
[incidents]
open_on = ["critical"]
[quiet_hours]
enabled = false
[channels.box]
url = "file://box.jsonl"
[people.ann]
[people.bob]
[oncall.schedules.primary]
layers = [{ people = ["ann", "bob"], every = "daily", handover = "14:40", since = "2026-01-05" }]
[flows.reweight]
[probes.gross]
kind = "sql"
card = "risk"
severity = "critical"
runbook = "risk-breach"
database = "sqlite:///desk.sqlite"
query = "SELECT used FROM risk"
critical_above = 0.9
fail_after = 1
"""


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    return make_desk(TOML)


@pytest.fixture
def put(desk: Desk) -> Callable[[float], None]:
    def put(value: float) -> None:
        with sqlite3.connect(desk.root / "desk.sqlite") as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS risk (used)")
            connection.execute("DELETE FROM risk")
            connection.execute("INSERT INTO risk VALUES (?)", (value,))
        connection.close()

    put(0.5)
    return put


def raised(desk: Desk, key: str = "feed", severity: str = "critical", **more: str) -> int:
    labels = {k: v for k, v in more.items() if k not in ("runbook", "summary")}
    (alert,) = alerts.observe(
        desk,
        [
            Observation(
                key,
                True,
                severity,
                key,
                more.get("summary", "stale"),
                "probe",
                labels,
                runbook=more.get("runbook", ""),
            )
        ],
    )
    return alert.id


def kinds(desk: Desk, number: int) -> list[str]:
    return [moment.kind for moment in timeline(desk, number).moments]


def every_incident(desk: Desk) -> list[int]:
    return [each.id for each in incidents.list_incidents(desk, all=True)]


@pytest.mark.slow
def test_a_night_is_told_from_the_probe_to_the_closing(
    desk: Desk, put: Callable[[float], None], clock: VirtualClock
) -> None:
    watch.tick(desk)
    clock.advance(MINUTE)
    put(0.95)
    watch.tick(desk)
    (number,) = every_incident(desk)
    incident = incidents.get(desk, number)
    assert (incident.opened_by, incident.severity) == (BY_ITSELF, "SEV1")
    clock.advance(MINUTE)
    assert incident.alert_id is not None
    acknowledge(desk, incident.alert_id, note="on it")
    incidents.join(desk, number)
    incidents.note(desk, number, "the limit was lowered")
    clock.advance(10 * MINUTE)
    put(0.5)
    watch.tick(desk)
    clock.advance(MINUTE)
    watch.tick(desk)
    clock.advance(MINUTE)
    incident_alerts.close(desk, number)
    found = timeline(desk, number)
    told = [moment.kind for moment in found.moments]
    for kind in ("probe", "alert_opened", "told", "opened", "alert_acknowledged", "joined", "note"):
        assert kind in told
    assert told.index("probe") < told.index("alert_opened") < told.index("alert_acknowledged")
    assert "on_call" in told
    assert "alert_resolved" in told
    assert told[-1] == "closed"
    by = {moment.kind: moment.who for moment in found.moments}
    assert by["alert_acknowledged"] == by["note"] == by["closed"] == "tester"
    assert by["on_call"] in ("ann", "bob")
    assert [moment.at for moment in found.moments] == sorted(moment.at for moment in found.moments)
    keys = [moment.key for moment in found.moments]
    assert len(set(keys)) == len(keys)
    assert timeline(desk, number) == found
    # There is no repository here, and that is said.
    assert any("[rollback] repository is not set" in gap for gap in found.gaps)


def test_a_step_is_told_with_the_end_of_its_output(desk: Desk, clock: VirtualClock) -> None:
    number = incidents.open_incident(desk, title="t", severity="SEV1").id
    from mechexo.processes import Process

    run = StepRun(0, number, "disk-full", "look", "df -h", "/", "host", "tester", START)
    with desk.state.write() as transaction:
        steps.insert_tick(transaction, number, "disk-full", Tick("look", True, START, "tester"))
        runner = Process(1, "boot", "0")
        run_id = steps.insert_run(transaction, run, runner, ends_by=START + MINUTE)
        ended = replace(
            *(run,),
            id=run_id,
            ended_at=START + MINUTE,
            outcome=StepOutcome.FAILED,
            exit_code=1,
            duration_s=60.0,
            output="full\x1b[31m\npassword=canary-7",
        )
        steps.finish(transaction, ended)
        steps.insert_run(transaction, run, runner, ends_by=START + MINUTE)
    clock.advance(5 * MINUTE)
    found = [moment for moment in timeline(desk, number).moments if moment.source == "runbook"]
    assert [moment.kind for moment in found] == [
        *("step_ticked", "step_started", "step_started", "step_ended", "step_ended"),
    ]
    texts = [moment.text for moment in found]
    assert texts[-1] == "step look of disk-full ended: failed, exit code 1, after 60.0 s"
    assert "outcome unknown" in texts[3]
    assert found[-1].detail == "full\npassword=***"


def test_one_alert_opens_one_incident_however_often_it_is_looked_at(desk: Desk) -> None:
    raised(desk)
    assert len(incident_opening.open_due(desk)) == 1
    assert incident_opening.open_due(desk) == ()
    assert incident_opening.open_due(Desk.open(desk.config_path, clock=desk.clock)) == ()
    assert len(every_incident(desk)) == 1


@pytest.mark.slow
def test_two_ticks_at_once_open_one_incident(desk: Desk) -> None:
    import threading

    raised(desk)
    opened: list[int] = []
    start = threading.Barrier(4)

    def look() -> None:
        mine = Desk.open(desk.config_path, clock=desk.clock, actor=ME)
        start.wait()
        opened.extend(incident_opening.open_due(mine))
        mine.state.close()

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == len(every_incident(desk)) == 1


def test_a_crash_before_the_end_of_the_transaction_opens_nothing_and_the_next_look_does(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mechexo.incidents import records

    raised(desk)

    def dies(*_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(records, "link", dies)
        with pytest.raises(KeyboardInterrupt):
            incident_opening.open_due(desk)
    assert every_incident(desk) == []
    assert len(incident_opening.open_due(desk)) == 1


def test_nothing_is_opened_unless_it_is_asked_for(make_desk: MakeDesk) -> None:
    desk = make_desk("")
    raised(desk)
    assert incident_opening.open_due(desk) == ()


def test_a_milder_or_silenced_alert_opens_none(desk: Desk) -> None:
    raised(desk, severity="high")
    alerts.silence(desk, matchers={"name": "quiet"}, duration=MINUTE, reason="planned")
    raised(desk, key="quiet")
    assert incident_opening.open_due(desk) == ()


def test_an_alert_of_the_same_runbook_entry_joins_the_incident_that_goes_on(desk: Desk) -> None:
    raised(desk, runbook="feed-stale")
    (number,) = incident_opening.open_due(desk)
    second = raised(desk, key="other", runbook="feed-stale")
    assert incident_opening.open_due(desk) == ()
    assert incidents.linked_alerts(desk, number) == (1, second)
    assert "alert_joined" in kinds(desk, number)
    incidents.close(desk, number)
    raised(desk, key="third", runbook="feed-stale")
    assert len(incident_opening.open_due(desk)) == 1


def test_the_same_trouble_that_comes_back_joins(desk: Desk) -> None:
    resolve(desk, raised(desk))
    # It was over before anybody looked.
    assert incident_opening.open_due(desk) == ()
    first = raised(desk)
    (number,) = incident_opening.open_due(desk)
    resolve(desk, first)
    again = raised(desk)
    assert incident_opening.open_due(desk) == ()
    assert incidents.linked_alerts(desk, number) == (first, again)


def test_what_another_alert_causes_opens_none_and_joins_the_cause(make_desk: MakeDesk) -> None:
    causes = '[suppress.feed]\ncause = { name = "feed" }\nhides = { name = "orders" }\n'
    desk = make_desk(TOML + causes)
    cause = raised(desk)
    child = raised(desk, key="orders")
    (number,) = incident_opening.open_due(desk)
    assert incidents.linked_alerts(desk, number) == (cause, child)


def test_a_runbook_that_cannot_be_read_keeps_no_incident_from_opening(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mechexo.errors import UnreachableError
    from mechexo.runbook import operations as runbook

    def fails(*_: object) -> dict[str, str]:
        raise UnreachableError("runbooks: permission denied")

    monkeypatch.setattr(runbook, "unmistakable", fails)
    raised(desk)
    (number,) = incident_opening.open_due(desk)
    said = incidents.own_moments(desk, number)[0].text
    assert said.endswith("(the runbook cannot be read: runbooks: permission denied)")


def test_a_storm_opens_no_more_than_people_can_lead(desk: Desk) -> None:
    from mechexo.incidents.opening import MOST_OPEN

    for number in range(MOST_OPEN + 5):
        raised(desk, key=f"trouble-{number}")
    assert len(incident_opening.open_due(desk)) == MOST_OPEN
    newest = max(every_incident(desk))
    assert len(incidents.linked_alerts(desk, newest)) == 6


def test_an_incident_for_an_alert_takes_what_the_alert_knows(desk: Desk) -> None:
    number = raised(desk, runbook="feed-stale", flow="reweight", summary="no ticks for 90 s")
    made = incident_alerts.open_for_alert(desk, number)
    assert (made.title, made.severity) == ("feed: no ticks for 90 s", "SEV1")
    assert (made.runbook, made.flows, made.alert_id) == ("feed-stale", ("reweight",), number)
    assert made.began_at == START


def test_closing_says_which_alerts_are_still_open(desk: Desk) -> None:
    number = raised(desk)
    made = incident_alerts.open_for_alert(desk, number)
    closed, open_ = incident_alerts.close(desk, made.id, text="enough")
    assert [alert.id for alert in open_] == [number]
    assert closed.is_closed
    said = timeline(desk, made.id).moments[-1].text
    assert said == f"closed, still open: alert {number} (critical feed): enough"


def test_a_clock_that_is_set_back_hides_nothing(desk: Desk, clock: VirtualClock) -> None:
    number = incident_alerts.open_for_alert(desk, raised(desk)).id
    clock.advance(-60 * MINUTE)
    incidents.note(desk, number, "after the step")
    assert "note" in kinds(desk, number)
    assert "alert_opened" in kinds(desk, number)


def test_damaged_rows_are_gaps_and_the_rest_is_told(desk: Desk) -> None:
    broken, whole = raised(desk), raised(desk, key="whole")
    number = incident_alerts.open_for_alert(desk, broken).id
    with desk.state.write() as transaction:
        transaction.execute("UPDATE alert SET labels = '{' WHERE id = ?", (broken,))
        transaction.execute("UPDATE alert_event SET at = 'never' WHERE alert_id = ?", (whole,))
        transaction.execute(
            "INSERT INTO health_change (probe, at, before, after, detail) VALUES "
            "('p', '2026-03-02T14:30:00.000000Z', 'ok', 'splendid', '')"
        )
        transaction.execute(
            "INSERT INTO step_ticks (incident_id, entry_id, step_key, ticked, at, by) "
            "VALUES (?, 'e', 's', 1, 'never', 'x')",
            (number,),
        )
    found = timeline(desk, number)
    assert [moment.kind for moment in found.moments if moment.source == "incident"] == ["opened"]
    said = "\n".join(found.gaps)
    assert f"alert {broken} is damaged" in said
    assert "lines of their timelines are damaged" in said
    assert "probes: 1 changes are damaged" in said
    assert "runbook: a tick of step s is damaged" in said


def test_an_alert_that_is_not_kept_any_more_is_a_gap(desk: Desk) -> None:
    number = incident_alerts.open_for_alert(desk, raised(desk)).id
    with desk.state.write() as transaction:
        transaction.execute("DELETE FROM alert")
    assert "alerts: alert 1 is not kept any more" in timeline(desk, number).gaps


def test_the_version_changes_with_what_happens_and_only_then(
    desk: Desk, put: Callable[[float], None], clock: VirtualClock
) -> None:
    number = incident_alerts.open_for_alert(desk, raised(desk)).id
    seen = [incident_timeline.version(desk, number)]
    assert incident_timeline.version(desk, number) == seen[0]

    def changed() -> bool:
        seen.append(incident_timeline.version(desk, number))
        return seen[-1] != seen[-2]

    acknowledge(desk, 1)
    assert changed()
    incidents.note(desk, number, "x")
    assert changed()
    put(0.95)
    health.run_due(desk, force=True)
    assert changed()
    alerts.silence(desk, matchers={"name": "x"}, duration=MINUTE, reason="planned")
    assert changed()
    assert not changed()


@pytest.mark.slow
def test_ten_thousand_moments_are_read_and_a_storm_is_bounded_in_words(desk: Desk) -> None:
    number = incidents.open_incident(desk, title="t", severity="SEV1").id
    with desk.state.write() as transaction:
        transaction.connection.executemany(
            "INSERT INTO incident_event (incident_id, at, kind, who, text) VALUES (?,?,?,?,?)",
            [
                (number, "2026-03-02T14:30:00.000000Z", "note", "tester", f"note {turn}")
                for turn in range(10_000)
            ],
        )
    found = timeline(desk, number)
    assert len(found.moments) == 10_001
    texts = [moment.text for moment in found.moments[1:]]
    assert texts == [f"note {turn}" for turn in range(10_000)]
    for turn in range(1_001):
        raised(desk, key=f"k{turn}")
    assert any("only the first 1000 alerts" in gap for gap in timeline(desk, number).gaps)


def test_summer_time_moves_nothing(make_desk: MakeDesk, clock: VirtualClock) -> None:
    from datetime import UTC, datetime

    desk = make_desk(TOML, zone="Europe/Berlin")
    clock.advance(datetime(2026, 10, 25, 0, 30, tzinfo=UTC) - clock.now())
    number = incident_alerts.open_for_alert(desk, raised(desk)).id
    clock.advance(60 * MINUTE)
    incidents.note(desk, number, "the second half past two")
    closed = incidents.close(desk, number)
    assert closed.closed_at is not None
    assert closed.closed_at - closed.began_at == 60 * MINUTE


def test_the_desk_is_told_even_when_its_repository_is_gone(
    make_desk: MakeDesk, tmp_path: Path
) -> None:
    desk = make_desk('[rollback]\nrepository = "nowhere"\nconfigs = ["*.yaml"]\n')
    number = incidents.open_incident(desk, title="t", severity="SEV1").id
    found = timeline(desk, number)
    assert [moment.kind for moment in found.moments] == ["opened"]
    assert any("commits" in gap for gap in found.gaps)
