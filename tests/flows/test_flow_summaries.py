"""What runs add up to, and when a flow is overdue."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import UnreachableError
from mechexo.flows import operations as flows
from mechexo.flows import records, spool
from mechexo.flows.auditing import starter
from mechexo.flows.rules import is_overdue, percentile, summarise, why_overdue
from mechexo.flows.tallies import Tally
from mechexo.flows.values import FlowRun, RunState
from mechexo.output_tail import LAST_WORDS_LIMIT, Tail, harmless, last_words
from mechexo.processes import Process, is_alive, this_process

HOURLY = '[flows.bars]\nlabel = "Daily bars"\nexpect_every = "1h"\n[flows.other]\n'


def record(
    desk: Desk,
    started: datetime,
    *,
    flow: str = "bars",
    state: RunState = RunState.COMPLETED,
    took_s: float = 10.0,
) -> None:
    ended = started + timedelta(seconds=took_s)
    code = 0 if state is RunState.COMPLETED else 1
    run = FlowRun(0, flow, state, started, ended, took_s, code, "")
    with desk.state.write() as transaction:
        records.insert(transaction, run, this_process())


def test_configured_flows_come_first_in_their_order_then_others_by_name(
    make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk = make_desk(HOURLY)
    record(desk, clock.now(), flow="zeta")
    record(desk, clock.now(), flow="alpha")
    found = flows.summaries(desk)
    assert [summary.flow for summary in found] == ["bars", "other", "alpha", "zeta"]
    assert [summary.label for summary in found][:2] == ["Daily bars", "other"]


def test_a_flow_that_never_ran_has_no_figures(make_desk: Callable[..., Desk]) -> None:
    [bars, _] = flows.summaries(make_desk(HOURLY))
    assert (bars.runs, bars.success_pct, bars.p50_s, bars.p95_s, bars.last) == (
        *(0, None, None, None, None),
    )


def test_a_flow_that_never_ran_is_overdue_once_its_time_has_passed_since_it_was_first_seen(
    make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk = make_desk(HOURLY)
    assert not flows.summaries(desk)[0].overdue
    clock.advance(timedelta(hours=1))
    assert not flows.summaries(desk)[0].overdue
    clock.advance(timedelta(seconds=1))
    assert flows.summaries(desk)[0].overdue
    assert not flows.summaries(desk)[1].overdue


def test_only_a_run_that_ended_well_counts_against_being_overdue(
    make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk = make_desk(HOURLY)
    record(desk, clock.now() - timedelta(hours=2))
    record(desk, clock.now() - timedelta(minutes=5), state=RunState.FAILED)
    assert flows.summaries(desk)[0].overdue
    record(desk, clock.now() - timedelta(minutes=50))
    assert not flows.summaries(desk)[0].overdue


def test_a_good_run_in_the_future_says_that_a_clock_is_wrong_and_not_that_all_is_well(
    make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk = make_desk(HOURLY)
    record(desk, clock.now() - timedelta(minutes=10))
    record(desk, clock.now() + timedelta(seconds=30))
    assert not flows.summaries(desk)[0].overdue
    record(desk, clock.now() + timedelta(hours=2))
    [bars, other] = flows.summaries(desk)
    assert bars.overdue
    assert bars.why_overdue == "its last good run ended 2h in the future, so a clock is wrong"
    assert not other.overdue
    # The next run that ends well is in the present again.
    record(desk, clock.now() - timedelta(minutes=1))
    assert not flows.summaries(desk)[0].overdue
    assert flows.summaries(desk)[0].why_overdue == ""


def test_a_flow_first_seen_in_the_future_is_watched_from_now_on(
    make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk = make_desk(HOURLY)
    flows.summaries(desk)
    clock.advance(timedelta(days=-2))
    assert not flows.summaries(desk)[0].overdue
    clock.advance(timedelta(hours=1, seconds=1))
    assert flows.summaries(desk)[0].overdue
    assert flows.summaries(desk)[0].why_overdue == "has never ended well, in 1h of watching"


def test_a_flow_is_slow_when_its_newest_run_takes_longer_than_usual(
    make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk = make_desk('[flows.bars]\nusual = "20s"\n')
    record(desk, clock.now() - timedelta(hours=1), took_s=20)
    assert not flows.summaries(desk)[0].slow
    record(desk, clock.now() - timedelta(minutes=30), took_s=20.5)
    assert flows.summaries(desk)[0].slow
    run = FlowRun(0, "bars", RunState.RUNNING, clock.now(), None, None, None, "")
    with desk.state.write() as transaction:
        records.insert(transaction, run, this_process())
    assert not flows.summaries(desk)[0].slow
    clock.advance(timedelta(seconds=21))
    assert flows.summaries(desk)[0].slow


def test_without_a_usual_duration_no_flow_is_slow(
    make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk = make_desk(HOURLY)
    record(desk, clock.now() - timedelta(days=1), took_s=80_000)
    assert not flows.summaries(desk)[0].slow


def test_figures_are_over_the_window_only(
    make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk = make_desk(HOURLY)
    record(desk, clock.now() - timedelta(days=8), state=RunState.FAILED, took_s=500)
    for took_s in (1, 2, 3, 4):
        record(desk, clock.now() - timedelta(days=1), took_s=took_s)
    record(desk, clock.now() - timedelta(hours=1), state=RunState.FAILED, took_s=5)
    [bars, _] = flows.summaries(desk)
    assert (bars.runs, bars.failed, bars.success_pct) == (5, 1, 80.0)
    assert (bars.p50_s, bars.p95_s) == (3, 5)
    assert bars.recent_durations_s == (1, 2, 3, 4, 5)
    assert bars.last is not None
    assert bars.last.state is RunState.FAILED
    assert [run.flow for run in flows.runs(desk, flow="bars", limit=2)] == ["bars", "bars"]


def test_a_process_is_told_from_a_later_one_with_its_number() -> None:
    me = this_process()
    assert is_alive(me)
    assert not is_alive(Process(me.pid, me.boot_id, "1"))
    assert not is_alive(Process(me.pid, "another boot", me.started))
    assert not is_alive(Process(2**22 + 1, me.boot_id, me.started))


def test_a_damaged_waiting_run_is_named(desk: Desk) -> None:
    folder = spool.folder_of(desk.state.path)
    folder.mkdir()
    (folder / "x.json").write_text("{")
    with pytest.raises(UnreachableError, match=r"x\.json: this waiting flow run cannot be read"):
        flows.runs(desk)


def test_a_waiting_run_that_cannot_be_read_keeps_no_other_back(
    desk: Desk, clock: VirtualClock
) -> None:
    good = FlowRun(0, "bars", RunState.FAILED, clock.now(), clock.now(), 1.0, 3, "")
    place = spool.keep(desk.state.path, good, this_process(), starter(desk))
    folder = spool.folder_of(desk.state.path)
    (folder / "0.json").mkdir()  # As one of another user's: not to be read.
    with pytest.raises(UnreachableError, match=r"0\.json: this waiting flow run cannot be read"):
        flows.runs(desk)
    assert not place.exists()
    assert records.last_of_each(desk.state, until=clock.now())["bars"].exit_code == 3
    # Nor a flow from being missed.
    assert "bars" in records.first_seen(desk.state)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write for another user")
def test_a_waiting_run_of_root_s_is_for_the_desk_s_own_user(
    desk: Desk, clock: VirtualClock
) -> None:
    os.chown(desk.state.path, 4242, 4242)
    run = FlowRun(0, "bars", RunState.FAILED, clock.now(), clock.now(), 1.0, 3, "")
    place = spool.keep(desk.state.path, run, this_process(), starter(desk))
    assert {place.stat().st_uid, place.parent.stat().st_uid} == {4242}
    assert place.stat().st_mode & 0o777 == 0o600


def test_a_run_of_a_clock_that_was_ahead_hides_no_later_failure(
    make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk = make_desk(HOURLY)
    record(desk, clock.now() + timedelta(days=300))
    # The newest word there is stands, so that the wrong clock is seen.
    assert flows.settled_standings(desk)[0].ended is not None
    record(desk, clock.now() - timedelta(minutes=5), state=RunState.FAILED)
    ended = flows.settled_standings(desk)[0].ended
    assert ended is not None
    assert ended.state is RunState.FAILED
    last = flows.summaries(desk)[0].last
    assert last is not None
    assert last.state is RunState.FAILED
    record(desk, clock.now(), state=RunState.RUNNING)
    bars = flows.settled_standings(desk)[0]
    assert bars.runs
    assert bars.ended == ended


def test_the_tail_is_harmless_to_show() -> None:
    output = (
        b"\x1b[31mred\x1b[0m \x1b]0;title\x07\x9b2J \xe2\x80\xae\r\n"
        b"10%\r50%\r100%\nurl=https://bob:pw1@x/ token=pw2\nnull\0byte\ttab"
    )
    assert harmless(output) == ("red \ufffd2J \n100%\nurl=https://***@x/ token=***\nnullbyte\ttab")


@given(st.lists(st.binary(max_size=50)))
def test_the_tail_never_outgrows_its_limit_and_never_holds_a_control_code(
    chunks: list[bytes],
) -> None:
    tail = Tail(64)
    for chunk in chunks:
        tail.add(chunk)
    text = tail.text()
    assert all(each in "\t\n" or each.isprintable() or ord(each) >= 0xA0 for each in text)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.1, 100))
def test_a_percentile_is_the_smallest_value_that_enough_do_not_exceed(
    values: list[float], pct: float
) -> None:
    found = percentile(values, pct)
    assert found is not None
    assert found in values
    assert sum(value <= found for value in values) >= pct / 100 * len(values) - 1e-9
    assert sum(value < found for value in values) < pct / 100 * len(values) + 1e-9


def test_a_percentile_of_nothing_is_nothing() -> None:
    assert percentile([], 50) is None


DURATIONS = st.lists(st.integers(0, 100_000).map(lambda ms: ms / 1000), max_size=30)
TALLIES = st.builds(
    lambda well, failed, running, took_s: Tally(
        well + failed + running, well + failed, well, tuple(took_s)
    ),
    *(st.integers(0, 50), st.integers(0, 50), st.integers(0, 5), DURATIONS),
)


@given(st.lists(TALLIES, max_size=9))
def test_figures_of_the_days_add_up_to_those_of_the_week(tallies: list[Tally]) -> None:
    first = date(2026, 3, 1)
    days = [(first + timedelta(days=number), each) for number, each in enumerate(tallies)]
    found = summarise("f", days, label="f", days=7, last=None, overdue=False)
    took_s = [each for tally in tallies for each in tally.durations_s]
    ended, well = sum(each.ended for each in tallies), sum(each.well for each in tallies)
    assert found.runs == sum(each.runs for each in tallies)
    assert found.failed == ended - well == sum(each.failed for each in found.by_day)
    assert found.success_pct == (100 * well / ended if ended else None)
    assert found.p95_s == found.usual_s == percentile(took_s, 95)
    assert found.recent_durations_s == tuple(took_s[-20:])
    assert [each.day for each in found.by_day] == [day for day, _ in days]
    assert [each.p50_s for each in found.by_day] == [
        percentile(each.durations_s, 50) for each in tallies
    ]


def test_the_week_is_told_day_by_day_in_the_zone_of_the_desk(
    make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk = make_desk(HOURLY)
    midnight = datetime.combine(clock.now().astimezone(desk.zone).date(), time(), desk.zone)
    record(desk, midnight - timedelta(days=1), took_s=30)
    record(desk, midnight - timedelta(seconds=1), took_s=10, state=RunState.FAILED)
    record(desk, midnight, took_s=20)
    [bars, other] = flows.summaries(desk)
    *_, yesterday, today = bars.by_day
    assert today.day == midnight.date()
    assert (today.runs, today.failed, today.success_pct, today.p50_s) == (1, 0, 100, 20)
    assert (yesterday.runs, yesterday.failed, yesterday.success_pct) == (2, 1, 50)
    assert len(bars.by_day) == 8
    assert [each.runs for each in other.by_day] == [0] * 8
    assert other.by_day[0].success_pct is None


def test_the_next_run_is_expected_when_the_last_good_one_is_as_old_as_it_may_be(
    make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk = make_desk(HOURLY)
    first_seen = clock.now()
    [bars, other] = flows.summaries(desk)
    assert (bars.expected_by, other.expected_by) == (first_seen + timedelta(hours=1), None)
    record(desk, clock.now() - timedelta(minutes=30), took_s=60)
    [bars, _] = flows.summaries(desk)
    assert bars.expected_by == clock.now() + timedelta(minutes=31)


def test_what_is_usual_is_as_the_configuration_says_or_else_the_p95(
    make_desk: Callable[..., Desk], clock: VirtualClock
) -> None:
    desk = make_desk('[flows.bars]\nusual = "20s"\n[flows.other]\n')
    for flow in ("bars", "other"):
        record(desk, clock.now() - timedelta(hours=1), flow=flow, took_s=7)
    assert [each.usual_s for each in flows.summaries(desk)] == [20, 7]


@given(st.integers(0, 10_000), st.integers(1, 5_000))
def test_overdue_is_a_matter_of_time_since_the_last_good_run(ago_s: int, every_s: int) -> None:
    now = datetime.fromisoformat("2026-03-01T00:00:00Z")
    well = now - timedelta(seconds=ago_s)
    every = timedelta(seconds=every_s)
    late = is_overdue(expect_every=every, last_well=well, first_seen=None, now=now)
    assert late is (ago_s > every_s)
    assert not is_overdue(expect_every=None, last_well=well, first_seen=well, now=now)
    assert not is_overdue(expect_every=every, last_well=None, first_seen=None, now=now)


@given(st.integers(-(10**7), 10**7), st.integers(1, 5_000))
def test_overdue_has_words_and_only_then(ago_s: int, every_s: int) -> None:
    now = datetime.fromisoformat("2026-03-01T00:00:00Z")
    well, every = now - timedelta(seconds=ago_s), timedelta(seconds=every_s)
    late = is_overdue(expect_every=every, last_well=well, first_seen=None, now=now)
    said = why_overdue(expect_every=every, last_well=well, first_seen=None, now=now)
    assert late is bool(said) is (ago_s > every_s or ago_s < -60)
    assert ("clock" in said) is (ago_s < -60)


@pytest.mark.parametrize(
    ("tail", "words"),
    [
        ("", ""),
        ("one\ntwo  words\n\n   \n", "two words"),
        ("Traceback\n  File x\n    ^^^^^^\nValueError: no bars\n-----\n", "ValueError: no bars"),
        ("bars: no file of quotes", "no file of quotes"),
        ("cannot log in with token=hunter2", "cannot log in with token=***"),
        ("***\n---", ""),
    ],
)
def test_the_last_line_that_says_something_stands_for_the_output(tail: str, words: str) -> None:
    assert last_words(tail, "bars") == words


def test_a_last_line_without_end_is_cut() -> None:
    said = last_words("x" * 10_000)
    assert len(said) == LAST_WORDS_LIMIT
    assert said.endswith("x…")
