"""Patience before alarm and before relief, held against a slow model of its definition."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import dropwhile, pairwise

from hypothesis import given
from hypothesis import strategies as st

from mechexo.config import ProbeSettings
from mechexo.health.hysteresis import next_state, unseen
from mechexo.health.values import Outcome, ProbeState, Status

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
OK, WARNING, UNKNOWN, CRITICAL = Status.OK, Status.WARNING, Status.UNKNOWN, Status.CRITICAL

histories = st.lists(st.sampled_from(Status), min_size=1, max_size=40)
patience = st.integers(1, 4)


def run_through(
    found: Sequence[Status],
    fail_after: int = 2,
    recover_after: int = 2,
    step: timedelta = timedelta(minutes=1),
) -> list[ProbeState]:
    settings = ProbeSettings(
        kind="tcp", card="trading", fail_after=fail_after, recover_after=recover_after
    )
    state, states = unseen("gateway", settings), []
    for index, status in enumerate(found):
        outcome = Outcome(status, f"run {index}", float(index), "ms")
        state = next_state(state, outcome, NOW + index * step, settings)
        states.append(state)
    return states


def statuses(found: Sequence[Status], **patience: int) -> list[Status]:
    return [state.status for state in run_through(found, **patience)]


def modelled(found: Sequence[Status], fail_after: int, recover_after: int) -> Status:
    """The status by the words of the definition, looking at the whole history each time."""
    looks = [status for status in found if status != UNKNOWN]
    down = False
    for end in range(1, len(found) + 1):
        past = found[:end]
        failures = [s for s in past if s != UNKNOWN][-fail_after:]
        if len(failures) == fail_after and set(failures) == {CRITICAL}:
            down = True
        if len(past) >= recover_after and set(past[-recover_after:]) <= {OK, WARNING}:
            down = False
    last = found[-1]
    if last == UNKNOWN:
        return UNKNOWN
    if down:
        return CRITICAL
    assert looks
    if last != CRITICAL:
        return last
    before = list(dropwhile(lambda status: status == CRITICAL, reversed(found)))
    # Patience is for what was known to be well when it began to fail.
    return WARNING if before and before[0] in (OK, WARNING) else UNKNOWN


@given(histories, patience, patience)
def test_the_status_is_that_of_the_model(found, fail_after, recover_after):
    shown = statuses(found, fail_after=fail_after, recover_after=recover_after)
    expected = [modelled(found[: n + 1], fail_after, recover_after) for n in range(len(found))]
    assert shown == expected


@given(histories, patience, patience)
def test_a_failed_run_is_never_shown_as_ok_and_an_unknown_one_always_as_unknown(
    found, fail_after, recover_after
):
    shown = statuses(found, fail_after=fail_after, recover_after=recover_after)
    for status, as_shown in zip(found, shown, strict=True):
        assert as_shown.rank >= status.rank or status == CRITICAL
        assert as_shown != OK or status == OK
        assert as_shown == UNKNOWN or status != UNKNOWN
        assert as_shown != UNKNOWN or status in (UNKNOWN, CRITICAL)


@given(histories, patience, patience)
def test_a_failure_is_a_mere_warning_only_after_the_probe_was_known_to_be_well(
    found, fail_after, recover_after
):
    shown = statuses(found, fail_after=fail_after, recover_after=recover_after)
    for earlier, (status, as_shown) in zip(
        [UNKNOWN, *shown], zip(found, shown, strict=True), strict=False
    ):
        if status == CRITICAL and as_shown == WARNING:
            assert earlier in (OK, WARNING)


@given(histories)
def test_since_is_when_the_present_status_began(found):
    states = run_through(found)
    for index, state in enumerate(states):
        first = index
        while first and states[first - 1].status == state.status:
            first -= 1
        assert state.since == states[first].observed_at


@given(histories, st.integers(1, 900))
def test_flapping_is_four_changes_within_ten_minutes(found, step_s):
    states = run_through(found, step=timedelta(seconds=step_s))
    for index, state in enumerate(states):
        changes = [
            later.observed_at
            for earlier, later in pairwise(states[: index + 1])
            if earlier.status != later.status
            and state.observed_at - later.observed_at < timedelta(minutes=10)
        ]
        assert state.flapping == (len(changes) >= 4)
        assert len(state.changes) <= 20


def test_a_first_failure_is_a_warning_that_counts():
    _, state = run_through([OK, CRITICAL])
    assert (state.status, state.detail) == (WARNING, "1 of 2 failures: run 1")
    assert state.failures == 1


def test_a_first_look_that_fails_is_no_warning_for_it_may_have_been_broken_all_the_time():
    (state,) = run_through([CRITICAL])
    assert state.status == UNKNOWN
    assert state.detail == "1 of 2 failures, and not known to have been well before: run 0"
    assert statuses([OK, UNKNOWN, CRITICAL, OK], fail_after=3)[2] == UNKNOWN


def test_the_second_failure_in_a_row_is_critical():
    assert statuses([CRITICAL, CRITICAL]) == [UNKNOWN, CRITICAL]
    assert statuses([OK, CRITICAL, CRITICAL]) == [OK, WARNING, CRITICAL]


def test_a_recovery_takes_its_time_and_says_so():
    states = run_through([CRITICAL, CRITICAL, OK, OK])
    assert [state.status for state in states[2:]] == [CRITICAL, OK]
    assert states[2].detail == "recovering, 1 of 2 looks: run 2"


def test_a_failure_hidden_behind_an_unknown_is_still_there():
    assert statuses([CRITICAL, CRITICAL, UNKNOWN, OK]) == [UNKNOWN, CRITICAL, UNKNOWN, CRITICAL]


def test_changes_stamped_by_a_clock_that_was_ahead_are_dropped():
    settings = ProbeSettings(kind="tcp")
    state = run_through([OK, UNKNOWN] * 4)[-1]
    earlier = NOW - timedelta(hours=1)
    assert next_state(state, Outcome(OK, ""), earlier, settings).changes == (earlier,)


def test_card_severity_and_runbook_are_those_of_the_configuration():
    state = run_through([OK])[0]
    settings = ProbeSettings(kind="tcp", card="risk", severity="low", runbook="feed", suspect="a")
    moved = next_state(state, Outcome(OK, ""), NOW, settings)
    assert (moved.card, moved.severity, moved.runbook, moved.suspect) == (
        "risk",
        "low",
        "feed",
        "a",
    )


def test_a_warning_on_the_way_down_from_critical_is_not_called_a_success() -> None:
    states = run_through([CRITICAL, CRITICAL, WARNING, WARNING])
    assert states[2].status is CRITICAL
    assert states[2].detail == "below critical, 1 of 2 looks: run 2"
    assert (states[3].status, states[3].detail) == (WARNING, "run 3")
