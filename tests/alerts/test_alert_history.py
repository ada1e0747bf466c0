"""How many alerts started in each hour of the desk, and what became of today's messages."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import START, MakeDesk
from mechexo.alerts import attempt_records, history_records, outbox, records
from mechexo.alerts import operations as alerts
from mechexo.alerts.bundling import Limit
from mechexo.alerts.history import hour_starts
from mechexo.alerts.values import (
    NOTICE_SOURCE,
    SEVERITIES,
    Alert,
    AlertState,
    ChannelDay,
    Observation,
)
from mechexo.clock import VirtualClock
from mechexo.desk import Desk

MINUTE = timedelta(minutes=1)
CHANGES = (
    ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ("Europe/London", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("Asia/Tokyo", datetime(2026, 6, 1, tzinfo=UTC)),
    ("Asia/Kolkata", datetime(2026, 6, 1, tzinfo=UTC)),
)
BOXES = '[channels.box]\nurl = "file://box.jsonl"\n[channels.mail]\nurl = "file://mail.jsonl"\n'


def go_to(clock: VirtualClock, at: datetime) -> None:
    clock.advance(at - clock.now())


def walked_hours(now: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """The slow way: minute by minute, a new hour whenever the clock's hour or its offset turns."""
    whole = now.replace(second=0, microsecond=0)
    minutes = [whole - MINUTE * back for back in reversed(range(27 * 60))]

    def named(at: datetime) -> tuple[object, ...]:
        local = at.astimezone(zone)
        return local.date(), local.hour, local.utcoffset()

    for _, each in groupby(minutes, named):
        first = next(each)
        if first > now - timedelta(hours=24):
            yield first


@given(
    change=st.sampled_from(CHANGES),
    later=st.integers(-3 * 3600, 27 * 3600),
    fraction=st.integers(0, 999_999),
)
def test_the_hours_are_those_of_a_walk_minute_by_minute(
    change: tuple[str, datetime], later: int, fraction: int
) -> None:
    zone, at = ZoneInfo(change[0]), change[1]
    now = at + timedelta(seconds=later, microseconds=fraction)
    assert hour_starts(now, zone) == tuple(walked_hours(now, zone))


def test_the_hour_that_clocks_go_through_twice_stands_twice(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(zone="America/New_York")
    for at, severity in (("05:30", "low"), ("06:30", "high"), ("06:59", "high")):
        go_to(clock, datetime.fromisoformat(f"2026-11-01T{at}:00+00:00"))
        alerts.observe(desk, [Observation(at, True, severity, "n", "s", "test")])
    go_to(clock, datetime(2026, 11, 1, 12, 15, tzinfo=UTC))
    hours = alerts.history_24h(desk)
    assert len(hours) == 24
    twice = [hour for hour in hours if hour.starts_at.hour == 1]
    assert [hour.by_severity for hour in twice] == [{"low": 1}, {"high": 2}]
    assert sum(hour.total for hour in hours) == 3


def test_the_hour_that_clocks_leave_out_does_not_stand(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(zone="America/New_York")
    go_to(clock, datetime(2026, 3, 8, 12, 15, tzinfo=UTC))
    hours = [hour.starts_at.hour for hour in alerts.history_24h(desk)]
    assert len(hours) == 24
    assert 2 not in hours


def test_hours_count_by_severity_only_what_started_in_them(desk: Desk, clock: VirtualClock) -> None:
    started: Counter[tuple[int, str]] = Counter()
    for number in range(40):
        severity = ("critical", "medium")[number % 2]
        alerts.observe(desk, [Observation(f"k{number}", True, severity, "n", "s", "test")])
        started[clock.now().hour, severity] += 1
        clock.advance(timedelta(minutes=47))
    # The first ones started more than a day ago.
    hours = alerts.history_24h(desk)
    assert hours[0].starts_at == (clock.now() - timedelta(hours=23)).replace(minute=0)
    assert [hour.starts_at for hour in hours] == [
        hours[0].starts_at + timedelta(hours=each) for each in range(24)
    ]
    recent = [
        (START + timedelta(minutes=47) * number, ("critical", "medium")[number % 2])
        for number in range(40)
    ]
    for hour in hours:
        within = [
            severity
            for at, severity in recent
            if hour.starts_at <= at < hour.starts_at + timedelta(hours=1)
        ]
        assert hour.by_severity == dict(Counter(within))


def send_one(desk: Desk, channel: str, outcome: str, detail: str = "") -> None:
    """Lets the channel's next message come to an end as a sender would record it."""
    now = desk.clock.now()
    with desk.state.write() as transaction:
        connection = transaction.connection
        found = outbox.claim(connection, channel, Limit(None), now)
        assert isinstance(found, outbox.Bundle)
        (claim,) = found.claims
        if outcome == "sent":
            assert attempt_records.record_sent(connection, claim, detail, now)
        elif outcome == "failed":
            assert attempt_records.record_failed(connection, claim, "rejected", detail, now)
        else:
            later = now + timedelta(minutes=5)
            assert attempt_records.record_retry(connection, claim, "refused", detail, now, later)


def fire(desk: Desk, key: str) -> None:
    alerts.observe(desk, [Observation(key, True, "critical", key, "s", "test")])


def test_todays_messages_are_counted_per_channel_and_state(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(BOXES)
    fire(desk, "a")
    send_one(desk, "box", "sent")
    send_one(desk, "mail", "failed", "no such mailbox")
    failed_at = clock.now()
    clock.advance(timedelta(minutes=1))
    fire(desk, "b")
    alerts.resolve(desk, next(a.id for a in alerts.list_alerts(desk) if a.key == "b"))
    fire(desk, "c")
    assert alerts.deliveries_today(desk) == (
        ChannelDay("box", sent=1, due=1, cancelled=1),
        ChannelDay("mail", failed=1, due=1, cancelled=1, last_failure_at=failed_at,
                   last_failure="no such mailbox"),
    )  # fmt: skip


def test_a_message_that_is_tried_again_is_due_and_says_why_it_failed(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(BOXES)
    fire(desk, "a")
    send_one(desk, "mail", "failed", "the first words")
    clock.advance(timedelta(minutes=1))
    fire(desk, "b")
    send_one(desk, "mail", "again", "connection refused")
    mail = alerts.deliveries_today(desk)[1]
    assert (mail.failed, mail.due, mail.last_failure) == (1, 1, "connection refused")
    assert mail.last_failure_at == clock.now()
    clock.advance(timedelta(minutes=5))
    with desk.state.write() as transaction:  # it is being sent: its last result still stands
        outbox.claim(transaction.connection, "mail", Limit(None), clock.now())
    assert alerts.deliveries_today(desk)[1].last_failure == "connection refused"
    assert alerts.deliveries_today(desk)[1].due == 1


def test_today_begins_at_midnight_of_the_desk(make_desk: MakeDesk, clock: VirtualClock) -> None:
    desk = make_desk(BOXES, zone="Asia/Tokyo")
    go_to(clock, datetime(2026, 3, 2, 14, 59, tzinfo=UTC))
    fire(desk, "a")
    send_one(desk, "box", "sent")
    assert alerts.deliveries_today(desk)[0] == ChannelDay("box", sent=1)
    go_to(clock, datetime(2026, 3, 2, 15, 0, tzinfo=UTC))
    assert alerts.deliveries_today(desk)[0] == ChannelDay("box")


def test_a_channel_that_is_gone_is_listed_while_it_had_messages(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    fire(make_desk(BOXES), "a")
    desk = make_desk('[channels.box]\nurl = "file://box.jsonl"\n')
    assert alerts.deliveries_today(desk) == (
        ChannelDay("box", due=1),
        ChannelDay("mail", due=1, configured=False),
    )


@pytest.mark.parametrize("read", ["started", "days", "noisiest", "finished", "waiting", "failures"])
def test_no_count_walks_through_the_whole_history(desk: Desk, read: str) -> None:
    asked: list[str] = []
    with closing(sqlite3.connect(desk.state.path)) as connection:
        connection.set_trace_callback(asked.append)
        if read == "started":
            history_records.started_by_minute(connection, START - timedelta(days=1), START)
        elif read == "days":
            history_records.started_by_day(connection, [START - timedelta(days=1), START])
        elif read == "noisiest":
            history_records.noisiest(connection, START, 5)
        elif read == "finished":
            history_records.finished_since(connection, START)
        elif read == "waiting":
            history_records.waiting(connection)
        else:
            history_records.last_failures(connection, START)
        connection.set_trace_callback(None)
        assert asked
        for query in asked:
            plan = [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
            walks = [
                step
                for step in plan
                if step.startswith("SCAN ")
                and " USING " not in step
                and not step.startswith(
                    # "day": the list of days that is asked about.
                    ("SCAN (subquery", "SCAN CONSTANT", "SCAN day VIRTUAL")
                )
            ]
            assert walks == [], plan
            assert not any("SCAN delivery USING INDEX delivery_finished" in step for step in plan)


MOMENTS = st.integers(0, 40 * 24 * 60).map(
    lambda minutes: timedelta(minutes=minutes, microseconds=7 * minutes)
)
STARTED = st.lists(
    st.tuples(
        MOMENTS, st.sampled_from(SEVERITIES), st.sampled_from("abcdefg"),
        st.none() | MOMENTS, st.none() | MOMENTS,
    ),
    max_size=25,
)  # fmt: skip


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    alerts_=STARTED, days=st.integers(1, 40),
    zone=st.sampled_from(["UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo"]),
)  # fmt: skip
def test_the_statistics_are_those_of_a_count_one_by_one(
    make_desk: MakeDesk, clock: VirtualClock, alerts_: list[Any], days: int, zone: str
) -> None:
    desk = make_desk(zone=zone)
    began = clock.now() - timedelta(days=39, hours=20)
    made = [
        Alert(
            number, f"k{number}", severity, AlertState.RESOLVED, name, "s", "probe", {}, "", 1,
            began + at, began + at,
            acknowledged_at=None if known is None else began + at + known,
            resolved_at=None if over is None else began + at + over,
        )
        for number, (at, severity, name, known, over) in enumerate(alerts_, start=1)
    ]  # fmt: skip
    notice = replace(made[0], id=99, source=NOTICE_SOURCE) if made else None
    with desk.state.write() as transaction:
        transaction.execute("DELETE FROM alert")
        records.save_alerts(transaction.connection, [*made, *([notice] if notice else [])])
    found = alerts.statistics(desk, days=days)

    today = clock.now().astimezone(desk.zone).date()
    dates = [today - timedelta(days=back) for back in range(days - 1, -1, -1)]
    counted = [each for each in made if each.started_at.astimezone(desk.zone).date() >= dates[0]]
    assert found.total == len(counted)
    assert dict(found.by_severity) == Counter(each.severity for each in counted)
    on = Counter(each.started_at.astimezone(desk.zone).date() for each in counted)
    assert found.by_day == tuple((date.isoformat(), on[date]) for date in dates)
    names = Counter(each.name for each in counted)
    assert list(found.noisiest) == sorted(names.items(), key=lambda n: (-n[1], n[0]))[:5]
    for mean, ends in (
        (found.mean_acknowledge_s, [(a.started_at, a.acknowledged_at) for a in counted]),
        (found.mean_resolve_s, [(a.started_at, a.resolved_at) for a in counted]),
    ):
        took = [(end - start).total_seconds() for start, end in ends if end is not None]
        assert mean == (pytest.approx(sum(took) / len(took), abs=1e-6) if took else None)
