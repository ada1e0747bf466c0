"""A year of random alerts in four zones, against a walk along the wall clock minute by minute."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from mechexo.alerts import rules
from mechexo.alerts.effects import AlertsState
from mechexo.alerts.policy import Channel, Ladder, Level, Policy, Route
from mechexo.alerts.quiet import QuietHours
from mechexo.alerts.values import SEVERITIES, Alert, AlertState, Observation
from support.outbox_model import OutboxModel, Row

pytestmark = pytest.mark.slow

ZONES = ("America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Tokyo")
MINUTE = timedelta(minutes=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = 365 * 24 * 60
ALL = frozenset(SEVERITIES)
LADDER = Ladder(
    (
        Level(0 * MINUTE, (Channel("chat", ALL),)),
        Level(15 * MINUTE, (Channel("mail", ALL),)),
        Level(30 * MINUTE, (Channel("ring", frozenset({"critical"})),)),
    ),
    repeat=1,
)
DEADLINES = (
    "next_level_at", "held_until", "silenced_until", "flapping_until", "remind_at",
)  # fmt: skip


@dataclass(frozen=True)
class Trouble:
    """Something that is the matter from a minute of the year to another."""

    key: str
    severity: str
    starts: int
    known: int | None
    """When somebody acknowledges it, if anybody does."""
    ends: int


def troubles(key: str, dice: random.Random) -> Iterator[Trouble]:
    """One after the other, far enough apart to be no flapping."""
    at = dice.randrange(2000)
    while at < YEAR - 4000:
        severity = dice.choices(SEVERITIES, (2, 4, 3, 2, 1))[0]
        lasts = int(dice.expovariate(1 / 400)) + 1
        known = at + int(dice.expovariate(1 / 60)) + 1 if dice.random() < 0.5 else None
        yield Trouble(
            key, severity, at, known if known and known < at + lasts else None, at + lasts
        )
        at += lasts + 20 + int(dice.expovariate(1 / 1500))


def quiet_by_walking(zone: str) -> bytearray:
    """For each minute of the year, and some days more, whether the clock shows 22:00 to 06:00."""
    own = ZoneInfo(zone)
    return bytearray(
        not 6 <= (START + minute * MINUTE).astimezone(own).hour < 22
        for minute in range(YEAR + 5 * 24 * 60)
    )


class Year:
    """The year as an engine lives it that is restarted between any two things that happen."""

    def __init__(self, zone: str, all_troubles: list[Trouble]) -> None:
        quiet = QuietHours(time(22), time(6), zone)
        self.policy = Policy((Route("", LADDER, quiet),))
        self.outbox = OutboxModel()
        self.happens: dict[int, list[tuple[str, Trouble]]] = {}
        for each in all_troubles:
            self.happens.setdefault(each.starts, []).append(("starts", each))
            self.happens.setdefault(each.ends, []).append(("ends", each))
            if each.known is not None:
                self.happens.setdefault(each.known, []).append(("known", each))
        self.ids: dict[Trouble, int] = {}

    def live(self) -> None:
        coming = sorted(self.happens)
        now = START
        while True:
            due = [at for alert in self.outbox.open().values() for at in deadlines(alert, now)]
            if coming:
                due.append(START + coming[0] * MINUTE)
            if not due:
                return
            now = min(due)
            found: list[tuple[str, Trouble]] = []
            if coming and now == START + coming[0] * MINUTE:
                found = self.happens[coming.pop(0)]
            self.step(now, found)

    def step(self, now: datetime, found: list[tuple[str, Trouble]]) -> None:
        said = [
            Observation(each.key, what == "starts", each.severity, each.key, "bad", "probe")
            for what, each in found
            if what != "known"
        ]
        state = AlertsState(
            policy=self.policy,
            next_id=len(self.outbox.alerts) + 1,
            open=self.outbox.open(),
            unreached=self.outbox.unreached(now),
        )
        _, effects = rules.step(state, now, said)
        self.outbox.store(effects)
        for what, each in found:
            if what == "starts":
                self.ids[each] = self.outbox.open()[each.key].id
            elif what == "known":
                self.acknowledge(self.outbox.open()[each.key], now)
        self.outbox.send(now)

    def acknowledge(self, alert: Alert, now: datetime) -> None:
        _, effects = rules.acknowledge(alert, now, "ann", "", self.policy)
        self.outbox.store(effects)


def deadlines(alert: Alert, now: datetime) -> list[datetime]:
    found = (getattr(alert, name) for name in DEADLINES)
    return [at for at in found if at is not None and at > now]


def minute_of(row: Row) -> int:
    assert row.sent_at is not None
    assert (row.sent_at - START) % MINUTE == timedelta(0)
    return (row.sent_at - START) // MINUTE


@pytest.mark.parametrize("zone", ZONES)
def test_a_year_of_alerts_reaches_somebody_and_keeps_the_nights_quiet(zone: str) -> None:
    dice = random.Random(zone)
    every = [each for number in range(10) for each in troubles(f"k{number}", dice)]
    assert len(every) > 1000
    year = Year(zone, every)
    year.live()
    # What is over is told in the morning, where nothing else happens any more.
    year.outbox.send(START + (YEAR + 24 * 60) * MINUTE)
    quiet = quiet_by_walking(zone)
    for each in every:
        check(each, year.outbox, year.ids[each], quiet)
    opened = [a for a in year.outbox.alerts.values() if a.state is not AlertState.RESOLVED]
    assert opened == []
    states = {row.state for row in year.outbox.rows.values()}
    assert states <= {"sent", "cancelled"}, "nothing is left waiting"


def check(each: Trouble, outbox: OutboxModel, alert_id: int, quiet: bytearray) -> None:
    rows = [row for row in outbox.of(alert_id) if row.kind == "page" and row.state == "sent"]
    times = sorted(minute_of(row) for row in rows)
    over = min(each.ends, each.known or each.ends)
    due = each.starts
    if each.severity != "critical":
        # Quiet hours are held exactly, and what is still open at their end is told at that minute.
        assert not any(quiet[at] for at in times)
        due = quiet.index(0, each.starts)
    if due < over:
        assert times, "no lost page"
        assert times[0] == due
        first = min(rows, key=minute_of)
        assert first.together == (due > each.starts)
    elif due > over:
        assert not times or each.severity == "critical"
    # Bounded: each climb of the ladder at most once, and the same again after a forgotten one.
    assert len({row.identity for row in rows}) == len(rows)
    assert outbox.alerts[alert_id].pages <= (2 if each.severity == "critical" else 1) * 2
    if each.known is None:
        assert all(at <= each.ends for at in times)
