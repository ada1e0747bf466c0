"""Storm control: which messages go out next, and which together."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mechexo.alerts.bundling import (
    ALONE_AT_MOST,
    MINUTE,
    Due,
    Limit,
    Spoken,
    Wait,
    crowd_waits,
    next_bundle,
)

pytestmark = pytest.mark.slow

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TELEGRAM = Limit(20, SECOND)
PHONE = Limit(4, together=True)


@dataclass(frozen=True)
class Message:
    """One message: when it became due, and what it is."""

    at: datetime
    due: Due


@dataclass
class Line:
    """A channel that is handed whatever it may be handed, as soon as it may be."""

    limit: Limit
    spoken: list[Spoken] = field(default_factory=list)
    sent: list[tuple[datetime, tuple[int, ...]]] = field(default_factory=list)

    def run(self, messages: list[Message]) -> None:
        waiting = sorted(messages, key=lambda each: each.at)
        known = {each.due.delivery_id: each for each in messages}
        due: dict[int, Message] = {}
        now = waiting[0].at if waiting else NOON
        while waiting or due:
            while waiting and waiting[0].at <= now:
                arrived = waiting.pop(0)
                due[arrived.due.delivery_id] = arrived
            found = next_bundle(urgent_first(due.values()), self.spoken, self.limit, now)
            if isinstance(found, Wait):
                assert found.until > now
                now = min([found.until, *(each.at for each in waiting[:1])])
            elif found is None:
                now = waiting[0].at
            else:
                assert found
                assert all(known[each].at <= now for each in found)
                for each in found:
                    del due[each]
                self.spoken.append(Spoken(now, len(found)))
                self.sent.append((now, found))

    def when(self) -> dict[int, datetime]:
        return {each: at for at, found in self.sent for each in found}


def urgent_first(messages: object) -> list[Due]:
    """As the outbox gives them: pages first, critical ones first of these, then by age."""
    return [
        each.due
        for each in sorted(
            messages,  # type: ignore[call-overload]
            key=lambda m: (not m.due.page, not m.due.critical, m.at, m.due.delivery_id),
        )
    ]


LIMITS = st.one_of(
    st.sampled_from([TELEGRAM, PHONE, Limit(60), Limit(None), Limit(1), Limit(2)]),
    st.builds(
        Limit,
        st.integers(1, 60),
        st.integers(0, 5).map(lambda seconds: seconds * SECOND),
        st.booleans(),
    ),
)


@st.composite
def storms(draw: st.DrawFn) -> list[Message]:
    kinds = draw(
        st.lists(
            st.tuples(st.integers(0, 240), st.booleans(), st.booleans(), st.booleans()), max_size=60
        )
    )
    return [
        Message(NOON + at * SECOND, Due(number, critical, page, together))
        for number, (at, critical, page, together) in enumerate(kinds)
    ]


@given(storms(), LIMITS)
def test_every_message_goes_out_exactly_once(messages: list[Message], limit: Limit) -> None:
    line = Line(limit)
    line.run(messages)
    sent = [each for _, found in line.sent for each in found]
    assert sorted(sent) == [each.due.delivery_id for each in messages]


@given(storms(), LIMITS)
def test_the_limit_of_a_minute_and_the_gap_are_kept(messages: list[Message], limit: Limit) -> None:
    line = Line(limit)
    line.run(messages)
    times = [at for at, _ in line.sent]
    for place, at in enumerate(times):
        if limit.per_minute is not None:
            assert sum(at - MINUTE < other <= at for other in times) <= limit.per_minute
        if place and limit.gap:
            assert at - times[place - 1] >= limit.gap


@given(storms(), LIMITS.filter(lambda limit: limit.per_minute is not None and not limit.together))
def test_there_is_at_most_one_bundle_a_minute(messages: list[Message], limit: Limit) -> None:
    line = Line(limit)
    line.run(messages)
    bundles = [at for at, found in line.sent if len(found) > 1]
    assert all(later - at >= MINUTE for at, later in pairwise(bundles))


@given(storms(), LIMITS)
def test_nothing_is_said_before_a_critical_page_that_waits(
    messages: list[Message], limit: Limit
) -> None:
    line = Line(limit)
    line.run(messages)
    when = line.when()
    known = {each.due.delivery_id: each for each in messages}
    # The morning's digest is kept for one message, whatever is in it.
    first = [m for m in messages if m.due.critical and m.due.page and not m.due.together]
    for at, found in line.sent:
        alone = [known[each].due for each in found if not known[each].due.together]
        for each in first:
            waits = each.at <= at < when[each.due.delivery_id]
            assert not waits or not alone or alone[0].critical


@given(storms(), LIMITS, st.integers(0, 300), st.floats(0, 1, exclude_max=True))
def test_nothing_goes_out_before_the_moment_to_wait_for_and_something_changes_then(
    messages: list[Message], limit: Limit, after: int, part: float
) -> None:
    line = Line(limit)
    line.run(messages)
    due = [Due(1000 + number, False, True, number % 2 == 0) for number in range(8)]
    now = NOON + after * SECOND
    spoken = [each for each in line.spoken if each.at <= now]
    found = next_bundle(due, spoken, limit, now)
    if isinstance(found, Wait):
        # A part close to 1 is rounded to the whole.
        before = min(now + part * (found.until - now), found.until - timedelta.resolution)
        between = next_bundle(due, spoken, limit, before)
        assert isinstance(between, Wait)
        then = next_bundle(due, spoken, limit, found.until)
        assert not isinstance(then, Wait) or then.until > found.until


@given(
    storms(),
    LIMITS,
    st.integers(0, 300),
    st.lists(
        st.builds(Due, st.integers(1, 999), st.booleans(), st.booleans(), st.booleans()),
        min_size=ALONE_AT_MOST + 1,
        max_size=20,
    ),
)
def test_whether_a_crowd_waits_is_known_without_its_messages(
    messages: list[Message], limit: Limit, after: int, due: list[Due]
) -> None:
    line = Line(limit)
    line.run(messages)
    now = NOON + after * SECOND
    spoken = [each for each in line.spoken if each.at <= now]
    usual = [each for each in due if not (each.critical and each.page)]
    assume(sum(not each.together for each in usual) > ALONE_AT_MOST)
    found, known = next_bundle(usual, spoken, limit, now), crowd_waits(spoken, limit, now)
    assert known == (found if isinstance(found, Wait) else None)


@given(st.integers(100, 1500), st.lists(st.integers(1, 59), min_size=1, max_size=7, unique=True))
@settings(max_examples=20)
def test_a_new_critical_page_in_a_storm_goes_out_within_5_seconds(
    size: int, moments: list[int]
) -> None:
    storm = [Message(NOON, Due(number, False, True, False)) for number in range(size)]
    new = [
        Message(NOON + at * SECOND, Due(10_000 + at, True, True, False)) for at in sorted(moments)
    ]
    line = Line(TELEGRAM)
    line.run([*storm, *new])
    when = line.when()
    assert all(when[each.due.delivery_id] - each.at <= 5 * SECOND for each in new)
    assert when[0] == NOON, "the first page does not wait for a bundle"


@given(
    st.integers(6, 1500),
    st.lists(st.integers(3, 300), min_size=1, max_size=20, unique=True),
    st.sampled_from([TELEGRAM, Limit(20), Limit(60), Limit(30, SECOND)]),
)
@settings(max_examples=30)
def test_a_new_critical_page_in_a_storm_of_critical_ones_goes_out_within_5_seconds(
    size: int, moments: list[int], limit: Limit
) -> None:
    storm = [Message(NOON, Due(number, True, True, False, number)) for number in range(size)]
    # One after the other, with time to tell each.
    apart = [at for at, after in pairwise([*sorted(moments), 10_000]) if after - at >= 6]
    new = [
        Message(NOON + at * SECOND, Due(10_000 + at, True, True, False, 10_000 + at))
        for at in apart
    ]
    line = Line(limit)
    line.run([*storm, *new])
    when = line.when()
    assert all(when[each.due.delivery_id] - each.at <= 5 * SECOND for each in new)
    first = [when[each.due.delivery_id] for each in storm]
    assert max(first) <= NOON + 5 * SECOND, "a few alone, more by one message and a digest"


@given(st.integers(1, 10), st.sampled_from([TELEGRAM, Limit(20), Limit(60)]))
@settings(max_examples=10)
def test_in_a_rain_of_critical_pages_each_is_told_within_the_minute(
    a_second: int, limit: Limit
) -> None:
    rain = [
        Message(NOON + second * SECOND, Due(number, True, True, False, number))
        for second in range(180)
        for number in range(second * a_second, (second + 1) * a_second)
    ]
    line = Line(limit)
    line.run(rain)
    when = line.when()
    assert all(when[each.due.delivery_id] - each.at <= MINUTE + 5 * SECOND for each in rain)
    said = [at for at, _ in line.sent if at < NOON + 3 * MINUTE]
    assert all(later - at <= 5 * SECOND for at, later in pairwise(said))


def test_a_few_go_out_one_by_one_and_many_together() -> None:
    few, many = Line(Limit(60)), Line(Limit(60))
    few.run([Message(NOON, Due(n, False, True, False)) for n in range(ALONE_AT_MOST)])
    many.run([Message(NOON, Due(n, False, True, False)) for n in range(50)])
    assert [len(found) for _, found in few.sent] == [1] * ALONE_AT_MOST
    assert [len(found) for _, found in many.sent] == [1, 49]


def test_the_morning_s_digest_is_one_message_and_a_telephone_rings_once() -> None:
    kept, rung = Line(TELEGRAM), Line(PHONE)
    kept.run([Message(NOON, Due(n, False, True, True)) for n in range(3)])
    rung.run([Message(NOON, Due(n, True, True, False)) for n in range(3)])
    assert [found for _, found in kept.sent] == [found for _, found in rung.sent] == [(0, 1, 2)]


def test_what_was_said_in_the_future_does_not_count() -> None:
    ahead = [Spoken(NOON + timedelta(hours=1), 5)] * 60
    assert next_bundle([Due(1, False, True, False)], ahead, TELEGRAM, NOON) == (1,)
    assert next_bundle([], ahead, TELEGRAM, NOON) is None


def test_half_of_the_minute_is_kept_for_critical_pages() -> None:
    """A trickle of one mild message a second leaves room for a critical one at once."""
    spoken: list[Spoken] = []
    limit = Limit(20)
    waiting = 0
    for second in range(50):
        now = NOON + timedelta(seconds=second)
        waiting += 1
        mild = [Due(number, False, True, False) for number in range(1, waiting + 1)]
        found = next_bundle(mild, spoken, limit, now)
        if isinstance(found, tuple):
            spoken.append(Spoken(now, len(found)))
            waiting -= len(found)
        critical = Due(999, True, True, False)
        assert next_bundle([critical, *mild], spoken, limit, now) == (999,), second
    assert len([each for each in spoken if each.at > now - timedelta(minutes=1)]) <= 11
