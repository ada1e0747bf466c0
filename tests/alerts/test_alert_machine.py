"""Any interleaving of what can happen to alerts, against the invariants of alerting.

The rules are stepped as the book steps them; the outbox is a model in memory. After every step each
invariant that speaks of the rules is checked (the others are held by the tests of the tables).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mechexo.alerts import rules
from mechexo.alerts.effects import AlertsState, Effects
from mechexo.alerts.policy import Channel, Ladder, Level, Policy, Route, Suppression
from mechexo.alerts.quiet import QuietHours
from mechexo.alerts.values import SEVERITIES, Alert, AlertState, Observation, Silence
from support.outbox_model import OVER, OutboxModel

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
QUIET = QuietHours(time(22), time(6), "UTC")
ALL = frozenset(SEVERITIES)
KEYS = ("gateway", "no_fills", "feed")
GATEWAY = Suppression("gateway", {"name": "gateway"}, {"name": "no_*"})

CHAT = Channel("chat", ALL, person="ada")
MAIL = Channel("mail", frozenset({"critical", "high", "medium"}))
RING = Channel("ring", frozenset({"critical", "high"}))


def policy(*levels: tuple[int, tuple[Channel, ...]], repeat: int = 1) -> Policy:
    ladder = Ladder(
        tuple(Level(minutes * MINUTE, channels) for minutes, channels in levels),
        repeat=repeat,
        repeat_every=20 * MINUTE,
    )
    return Policy((Route("", ladder, QUIET),), suppressions=(GATEWAY,))


POLICIES = {
    "whole": policy((0, (CHAT,)), (15, (MAIL,)), (30, (RING,))),
    "no chat": policy((0, (MAIL,)), (15, (RING,))),
    "nobody at first": policy((0, ()), (15, (MAIL,)), (30, (RING, CHAT)), repeat=0),
    "turned round": policy((0, (RING,)), (10, (MAIL,)), (20, (CHAT,)), repeat=0),
    "nobody at all": policy((0, ())),
}
CHANNELS = ("chat", "mail", "ring")

# Why a level may be told before its delay is over.
SOONER = {"fallback", "no_responder", "quiet_hours_ended", "clock"}


class Machine(RuleBasedStateMachine):
    """A desk: its alerts, its outbox, its configuration, its clock."""

    @initialize()
    def begin(self) -> None:
        self.now = NOON
        self.name = "whole"
        self.outbox = OutboxModel()
        self.silences: tuple[Silence, ...] = ()
        self.failing: set[str] = set()
        self.fired = 0
        self.settled = True
        self.memory: dict[str, Alert] = {}
        self.unreached_before: frozenset[int] = frozenset()
        self.told_before: dict[int, set[str]] = {}

    # What happens.

    @rule(
        key=st.sampled_from(KEYS),
        severity=st.sampled_from(("critical", "high", "medium", "info")),
        pause=st.integers(0, 3),
    )
    def fire(self, key: str, severity: str, pause: int) -> None:
        self.now += pause * MINUTE
        self.fired += 1
        self.step(Observation(key, True, severity, key, "bad", "probe"))

    @precondition(lambda self: self.memory)
    @rule()
    def everything_is_seen_again(self) -> None:
        self.now += MINUTE
        self.fired += len(self.memory)
        self.step(
            *(
                Observation(each.key, True, each.severity, each.key, "bad", "probe")
                for each in self.memory.values()
            )
        )

    @rule(key=st.sampled_from(KEYS))
    def resolve(self, key: str) -> None:
        self.step(Observation(key, False, "high", key, "well", "probe"))

    @rule(key=st.sampled_from(KEYS))
    def acknowledge(self, key: str) -> None:
        if key in self.memory:
            known, effects = rules.acknowledge(
                self.memory[key], self.now, "ann", "", POLICIES[self.name]
            )
            self.outbox.store(effects)
            self.memory[key] = known
            self.step()

    @rule(key=st.sampled_from(KEYS), minutes=st.integers(1, 200))
    def silence(self, key: str, minutes: int) -> None:
        made = Silence(
            len(self.silences) + 1, {"name": key}, "ann", "works",
            self.now, self.now + minutes * MINUTE,
        )  # fmt: skip
        self.silences = (*self.silences, made)
        self.step()

    @precondition(lambda self: self.silences)
    @rule(which=st.integers(0, 100))
    def unsilence(self, which: int) -> None:
        place = which % len(self.silences)
        self.silences = self.silences[:place] + self.silences[place + 1 :]
        self.step()

    @rule(seconds=st.sampled_from((1, 30, 61, 300, 901, 1801, 3600)))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.step()

    @rule(hours=st.integers(2, 20))
    def engine_is_down(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self.step()

    @rule(hours=st.sampled_from((-1, 1)))
    def clock_steps(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self.step()

    @rule()
    def send(self) -> None:
        self.outbox.send(self.now, self.failing, set(CHANNELS) - self.configured)
        self.step()

    @rule(channel=st.sampled_from(CHANNELS))
    def channel_fails_for_good(self, channel: str) -> None:
        self.failing.add(channel)
        self.outbox.send(self.now, self.failing, set(CHANNELS) - self.configured)
        self.outbox.refuse(channel)
        self.step()

    @rule(channel=st.sampled_from(CHANNELS))
    def channel_answers_no_more(self, channel: str) -> None:
        self.failing.add(channel)

    @rule()
    def channels_work_again(self) -> None:
        self.failing.clear()

    @rule(name=st.sampled_from(sorted(POLICIES)))
    def configuration_changes(self, name: str) -> None:
        self.name = name
        self.step()

    @rule()
    def restart(self) -> None:
        self.memory = self.outbox.open()
        self.step()

    # How it is stepped.

    @property
    def configured(self) -> set[str]:
        levels = POLICIES[self.name].routes[-1].ladder.levels
        return {channel.name for level in levels for channel in level.channels}

    def state(self, keys: tuple[str, ...] = ()) -> AlertsState:
        found = POLICIES[self.name]
        return AlertsState(
            policy=found,
            next_id=max(self.outbox.alerts, default=0) + 1,
            open=dict(self.memory),
            silences=self.silences,
            stranded=self.outbox.stranded(self.configured),
            unreached=self.outbox.unreached(self.now),
            hearing=self.outbox.hearing(self.now),
            recent=self.outbox.openings(keys, self.now, found),
        )

    def step(self, *observations: Observation) -> None:
        state = self.state(tuple(each.key for each in observations if each.firing))
        self.unreached_before = frozenset(state.unreached)
        self.told_before = {
            alert.id: {row.channel for row in self.outbox.newest(alert)}
            for alert in self.memory.values()
        }
        self.before = {alert.id: alert for alert in self.memory.values()}
        after, effects = rules.step(state, self.now, observations)
        self.check_reasons(observations, effects)
        self.check_times(after, effects)
        self.outbox.store(effects)
        self.memory = dict(after.open)
        self.check_fallback()
        # What was brought to another channel climbs from the next look on.
        self.settled = not state.stranded
        if self.settled:
            self.check_no_more_to_do()

    # What holds of a step.

    def check_reasons(self, observations: tuple[Observation, ...], effects: Effects) -> None:
        """I1: every firing observation has its one decision, and every page its event."""
        fired = Counter(each.key for each in observations if each.firing)
        assert fired <= Counter(each.key for each in effects.decisions)
        told = Counter(i for i, event in effects.events if event.kind in TELLING)
        nobody = Counter(i for i, event in effects.events if event.detail.endswith(": nobody"))
        rungs = {(page.alert_id, page.number, page.level) for page in effects.pages}
        elsewhere = set(self.outbox.stranded(self.configured))
        for alert_id, count in told.items():
            if alert_id not in elsewhere:
                assert count - nobody[alert_id] == sum(rung[0] == alert_id for rung in rungs)

    def check_times(self, after: AlertsState, effects: Effects) -> None:
        """I4, I5: no level before its time but for a recorded reason; overdue ones in order."""
        why: dict[int, set[str]] = {}
        for alert_id, event in effects.events:
            why.setdefault(alert_id, set()).add(event.kind)
        alerts = {alert.id: alert for alert in after.open.values()}
        levels: dict[tuple[int, int], list[int]] = {}
        for page in effects.pages:
            if page.kind != "page":
                continue
            levels.setdefault((page.alert_id, page.number), []).append(page.level)
            alert = alerts[page.alert_id]
            if (
                page.level > 1
                and not why[alert.id] & SOONER
                and not self.is_elsewhere(page.alert_id)
            ):
                ladder = POLICIES[self.name].routes[-1].ladder
                assert alert.escalating_since is not None
                assert page.due_at >= alert.escalating_since + ladder.after(page.level)
        assert all(each == sorted(each) for each in levels.values())

    def is_elsewhere(self, alert_id: int) -> bool:
        """Whether the page only takes the place of one for a channel that is gone."""
        return alert_id in self.outbox.stranded(self.configured)

    def check_fallback(self) -> None:
        """I7: a level that reached nobody is followed at once, unless the night keeps it back."""
        for alert_id in self.unreached_before:
            before, alert = self.before[alert_id], self.outbox.alerts[alert_id]
            if kept_back(alert) or alert.state is not AlertState.FIRING:
                continue
            ladder = POLICIES[self.name].routes[-1].ladder
            if not ladder.climbs(alert.severity):
                continue
            told = self.told_before[alert_id]
            names = {name for each in ladder.levels for name in each.for_severity(alert.severity)}
            # By who was told, not by the level's number: the ladder may be another one by now.
            if alert.pages == before.pages and names - told:
                assert {row.channel for row in self.outbox.newest(alert)} > told

    def check_no_more_to_do(self) -> None:
        """I12: a second engine at the same moment finds nothing to do."""
        # A level that begins to wait anew may be one that is known to have reached nobody.
        _, again = rules.step(replace(self.state(), unreached={}), self.now, ())
        assert (again.alerts, again.events, again.pages, again.cancellations) == ((), (), (), ())

    # What always holds.

    @invariant()
    def every_open_alert_was_told_or_says_why_not(self) -> None:
        """I1: no lost page."""
        for alert in self.memory.values():
            if alert.state is not AlertState.FIRING or kept_back(alert):
                continue
            reaching = POLICIES[self.name].routes[-1].ladder.next_reaching(0, alert.severity)
            if reaching is None:
                continue
            assert alert.pages
            rows = self.outbox.newest(alert)
            assert any(row.state != "cancelled" for row in rows), (
                "somebody is told of the last page"
            )

    @invariant()
    def nothing_is_made_twice(self) -> None:
        """I2: one message for each alert, page, level, channel and kind; of an older page nothing
        goes out beside the newer one."""
        assert len(self.outbox.rows) == self.outbox.made
        for row in self.outbox.rows.values():
            if row.state == "due" and row.kind == "page":
                assert row.page == self.outbox.alerts[row.alert_id].pages

    @invariant()
    def who_knows_is_not_told_again(self) -> None:
        """I3: nothing to send for an alert that is acknowledged, over or silenced."""
        for row in self.outbox.rows.values():
            if row.state == "due" and row.kind == "page":
                alert = self.outbox.alerts[row.alert_id]
                assert alert.state is AlertState.FIRING
                assert alert.silenced_until is None
                assert alert.suppressed_by is None

    @invariant()
    def nothing_waits_for_a_channel_that_is_gone(self) -> None:
        """I7: while somebody else can be told."""
        for alert in self.memory.values():
            ladder = POLICIES[self.name].routes[-1].ladder
            if kept_back(alert) or ladder.next_reaching(0, alert.severity) is None:
                continue
            waiting = [row.channel for row in self.outbox.newest(alert) if row.state == "due"]
            assert set(waiting) <= self.configured

    @invariant()
    def nothing_overdue_is_left(self) -> None:
        """I4, I5: after a step no deadline has passed. I11: none lies further ahead than can be."""
        found = POLICIES[self.name]
        for alert in self.memory.values():
            at = alert.next_level_at
            nobody = found.routes[-1].ladder.next_reaching(0, alert.severity) is None
            if nobody or not self.settled:
                continue
            assert at is None or self.now < at <= self.now + found.longest
            since = alert.escalating_since
            assert at is None or since is None or since <= self.now
            quiet = alert.severity != "critical" and QUIET.until(self.now) is not None
            wanted = alert.severity in found.forgotten_severities and not quiet
            if alert.remind_at is not None and alert.silenced_until is None and wanted:
                assert self.now < alert.remind_at
                assert alert.remind_at <= self.now + found.forgotten_after

    @invariant()
    def what_is_kept_back_has_a_reason_that_stands(self) -> None:
        """I6: suppressed is never lost."""
        now = self.now
        for alert in self.memory.values():
            # What waits for a channel that is gone is brought to another one first.
            if self.settled:
                assert alert.held_until is None or alert.held_until == QUIET.until(now)
            assert alert.flapping_until is None or alert.flapping_until > now
            if alert.silenced_until is not None:
                assert rules.matching(alert, self.silences, now)
            if alert.suppressed_by is not None:
                assert self.outbox.alerts[alert.suppressed_by].is_open
            if alert.held_until is not None:
                assert alert.severity != "critical"

    @invariant()
    def equal_keys_are_one_alert(self) -> None:
        """I9: and every look is counted in exactly one."""
        opened = [alert for alert in self.outbox.alerts.values() if alert.is_open]
        assert len({alert.key for alert in opened}) == len(opened)
        assert sum(alert.count for alert in self.outbox.alerts.values()) == self.fired

    @invariant()
    def what_is_in_memory_is_what_is_stored(self) -> None:
        """I10: a restart changes nothing."""
        assert self.memory == self.outbox.open()

    @invariant()
    def the_numbers_reconcile(self) -> None:
        """I13: made = sent + failed + cancelled + waiting."""
        states = Counter(row.state for row in self.outbox.rows.values())
        assert sum(states[each] for each in (*OVER, "due")) == self.outbox.made


TELLING = ("paged", "escalated", "reminded")


def kept_back(alert: Alert) -> bool:
    return any(
        each is not None
        for each in (
            alert.held_until, alert.silenced_until, alert.suppressed_by, alert.flapping_until,
        )
    )  # fmt: skip


TestMachine = pytest.mark.slow(Machine.TestCase)
TestMachine.settings = settings(
    max_examples=450, stateful_step_count=40, deadline=None, derandomize=True
)
