"""Whatever the desk and whatever people do: what is simulated is what the engine and its outbox do.

On a grid of five minutes, to which all waits are multiples: between its moments nothing happens.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conftest import ME
from mechexo.alerts import attempt_records, outbox, outbox_reading
from mechexo.alerts import operations as alerts
from mechexo.alerts.bundling import Limit, Wait
from mechexo.alerts.simulating import simulate
from mechexo.alerts.values import Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk

pytestmark = pytest.mark.slow

GRID = timedelta(minutes=5)
LOOK = timedelta(hours=10)
CHANNELS = ("chat", "mail", "ring")
ALL = ("critical", "high", "medium")
MESSAGES = {"told": "page", "escalated": "page", "again": "page", "reminder": "reminder"}

Told = set[tuple[int, str, str]]
"""After how many steps of the grid, through which channel, what."""


@dataclass(frozen=True)
class Case:
    """A desk, an alert, and what is done about it; times in steps of the grid."""

    severity: str = "high"
    starts: int = 144
    """From midnight: noon."""
    waits: tuple[int, ...] = (0, 3)
    tells: tuple[tuple[str, ...], ...] = (("chat",), ("mail",))
    takes: tuple[tuple[str, ...], ...] = (ALL, ALL, ALL)
    climbing: tuple[str, ...] = ("critical", "high")
    repeat: int = 0
    repeat_every: int = 6
    quiet: tuple[str, str] | None = ("22:00", "06:00")
    forgotten: tuple[str, ...] = ("critical",)
    maintenance: tuple[int, int] | None = None
    acknowledged: int | None = None
    resolved: int | None = None
    failing: tuple[str, ...] = ()

    @property
    def at(self) -> datetime:
        return datetime(2026, 3, 2, tzinfo=UTC) + self.starts * GRID

    @property
    def toml(self) -> str:
        words = [
            '[alerts]\nfallback_after = "5m"\nforgotten_after = "30m"\nremind_before = "5m"',
            f"forgotten_severities = {json.dumps(self.forgotten)}",
            "[quiet_hours]",
            f'start = "{self.quiet[0]}"\nend = "{self.quiet[1]}"'
            if self.quiet
            else "enabled = false",
        ]
        for name, takes in zip(CHANNELS, self.takes, strict=True):
            words.append(f'[channels.{name}]\nurl = "file://{name}.jsonl"')
            words.append(f"severities = {json.dumps(takes)}")
        words.append(f"[escalation.default]\nrepeat = {self.repeat}")
        words.append(f'repeat_every = "{self.repeat_every * 5}m"')
        words.append(f"severities = {json.dumps(self.climbing)}")
        for wait, tells in zip(self.waits, self.tells, strict=True):
            words.append("[[escalation.default.levels]]")
            words.append(f'after = "{wait * 5}m"\ntell = {json.dumps(tells)}')
        if self.maintenance:
            begins, ends = (self.at + each * GRID for each in self.maintenance)
            words.append('[maintenance.works]\nmatch = { name = "k" }\nreason = "works"')
            words.append(f'since = "{begins.isoformat()}"\nuntil = "{ends.isoformat()}"')
        return "\n".join(words)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    levels = draw(st.integers(1, 3))
    gaps = draw(st.lists(st.integers(1, 12), min_size=levels - 1, max_size=levels - 1))
    some = st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=2, unique=True).map(tuple)
    taken = st.sampled_from([ALL, ("critical", "high"), ("critical",)])
    # Late in the evening and just before the morning come often.
    starts = st.one_of(st.integers(0, 287), st.integers(252, 275), st.integers(48, 75))
    begins = draw(st.integers(-10, 60))
    return Case(
        severity=draw(st.sampled_from(ALL)),
        starts=draw(starts),
        waits=tuple(sum(gaps[:number]) for number in range(levels)),
        tells=tuple(draw(some) for _ in range(levels)),
        takes=(draw(taken), draw(taken), draw(taken)),
        climbing=draw(st.sampled_from([("critical", "high"), ("critical",), ALL])),
        repeat=draw(st.integers(0, 2)),
        repeat_every=draw(st.integers(1, 12)),
        quiet=draw(st.sampled_from([("22:00", "06:00"), ("01:00", "02:30"), None])),
        forgotten=draw(st.sampled_from([("critical",), ALL])),
        maintenance=draw(st.sampled_from([None, None, (begins, begins + 20)])),
        acknowledged=draw(st.none() | st.integers(0, 30)),
        resolved=draw(st.none() | st.integers(1, 110)),
        failing=draw(st.sampled_from([(), (), ("chat",), ("mail",), ("chat", "mail"), CHANNELS])),
    )


@given(case=cases())
@settings(max_examples=25)
@example(
    # What does not climb goes on too, when nobody was reached.
    case=Case("medium", failing=("chat",))
)
@example(
    # A reminder that falls into the quiet hours is given at their end, and it pages then.
    case=Case("high", starts=258, forgotten=ALL, acknowledged=2)
)
@example(
    # Who would hear in the morning that somebody knows hears only that it is over.
    case=Case("high", starts=263, acknowledged=2, resolved=8)
)
@example(
    # The second time the channel that failed is waited for no more.
    case=Case("high", waits=(0, 12), repeat=2, failing=("chat",))
)
@example(case=Case("critical", failing=CHANNELS, repeat=1, acknowledged=20))
def test_the_desk_does_what_the_simulation_said(case: Case) -> None:
    with a_desk(case) as desk:
        assert said(desk, case) == done(desk, case)


@contextmanager
def a_desk(case: Case) -> Iterator[Desk]:
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with TemporaryDirectory(dir=memory) as folder:
        config = Path(folder, "mechexo.toml")
        config.write_text(f'[desk]\nname = "test"\nzone = "UTC"\n{case.toml}\n')
        desk = Desk.open(config, clock=VirtualClock(case.at), actor=ME)
        yield desk
        desk.state.close()


def after(case: Case, at: datetime) -> int:
    steps, rest = divmod(at - case.at, GRID)
    assert not rest, "something happens between two moments of the grid"
    return steps


def said(desk: Desk, case: Case) -> Told:
    found = simulate(
        desk,
        severity=case.severity,
        at=case.at,
        lasting=LOOK,
        name="k",
        acknowledge_after=None if case.acknowledged is None else case.acknowledged * GRID,
        resolve_after=None if case.resolved is None else case.resolved * GRID,
        failing=case.failing,
    )
    told: Told = set()
    for each in found.happenings:
        if each.what in MESSAGES and each.channel not in case.failing and each.channel:
            told.add((after(case, each.at), each.channel, MESSAGES[each.what]))
        elif each.what == "informed":
            kind = "acknowledged" if each.why.endswith("knows") else "resolved"
            told.add((after(case, each.at), each.channel, kind))
    assert found.reached == any(kind in ("page", "reminder") for _, _, kind in told)
    return told


def done(desk: Desk, case: Case) -> Told:
    """What the engine does on a clock of its own, with channels that deliver at once or never."""
    clock = desk.clock
    assert isinstance(clock, VirtualClock)
    alerts.observe(desk, [trouble(case, firing=True)], time_is_kept=True)
    told: Told = set()
    for step in range(LOOK // GRID + 1):
        for _ in range(6):  # passes of this moment: a level that fails at once is followed at once
            alerts.keep_time(desk)
            told |= {(step, *sent) for sent in delivered(desk, case)}
        if step == case.acknowledged and alerts.list_alerts(desk):
            alerts.acknowledge(desk, 1)
        if step == case.resolved:
            alerts.observe(desk, [trouble(case, firing=False)], time_is_kept=True)
        told |= {(step, *sent) for sent in delivered(desk, case)}
        clock.advance(GRID)
    return told


def trouble(case: Case, *, firing: bool) -> Observation:
    return Observation("k", firing, case.severity, "k", "x", "simulation")


def delivered(desk: Desk, case: Case) -> Iterator[tuple[str, str]]:
    """Sends all that is due, and gives the channel and the kind of what went out."""
    now = desk.clock.now()
    for channel in outbox_reading.channels_with_work(desk.state.reader(), now):
        while True:
            with desk.state.write() as transaction:
                bundle = outbox.claim(transaction.connection, channel, Limit(None), now)
                if bundle is None or isinstance(bundle, Wait):
                    break
                for claim in bundle.claims:
                    if channel in case.failing:
                        again_at = now + timedelta(seconds=10)
                        attempt_records.record_retry(
                            transaction.connection, claim, "refused", "no", now, again_at
                        )
                    else:
                        attempt_records.record_sent(transaction.connection, claim, "ok", now)
                        yield channel, claim.kind
