"""From looks at the machine to values over time, against a slow oracle."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.resources.rules import binned, series, summarised, values_of
from mechexo.resources.values import Look, Point, ProcessLook

START = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
GAP = 3 * MINUTE


def look(minute: float, *, boot: str = "a", **counters: float) -> Look:
    """A look with counters such as `net_received_bytes__eth0`."""
    named = {name.replace("__", ":"): value for name, value in counters.items()}
    return Look(START + minute * MINUTE, boot, counters=named)


def router(minute: float, cpu_s: dict[str, float]) -> Look:
    process = ProcessLook(len(cpu_s), 1000.0, 5.0, 2.0, START.timestamp(), cpu_s)
    return Look(START + minute * MINUTE, "a", processes={"router": process})


def test_a_rate_is_the_growth_over_the_time_between_two_looks() -> None:
    before, after = look(0, net_sent_bytes__eth0=1000), look(2, net_sent_bytes__eth0=13_000)
    assert values_of(before, after, GAP) == {"net_sent_bytes_per_s:eth0": 100.0}


def test_the_busy_share_is_of_all_processor_time() -> None:
    before = look(0, cpu_s__all=100, cpu_s__busy=10, cpu_s__steal=0, cpu_s__iowait=5)
    after = look(1, cpu_s__all=220, cpu_s__busy=40, cpu_s__steal=12, cpu_s__iowait=5)
    assert values_of(before, after, GAP) == {
        "cpu_pct": 25.0,
        "cpu_steal_pct": 10.0,
        "cpu_iowait_pct": 0.0,
    }


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(look(0, net_sent_bytes__eth0=9e9), id="the counter went backwards"),
        pytest.param(look(0, boot="b", net_sent_bytes__eth0=1), id="the machine was restarted"),
        pytest.param(look(-3, net_sent_bytes__eth0=1), id="nobody looked for long"),
        pytest.param(look(1, net_sent_bytes__eth0=1), id="no time has passed"),
        pytest.param(look(0, net_sent_bytes__eth1=1), id="it was not read before"),
        pytest.param(None, id="it is the first look"),
    ],
)
def test_what_cannot_be_compared_has_no_rate(before: Look | None) -> None:
    assert values_of(before, look(1, net_sent_bytes__eth0=5000), GAP) == {}


def test_an_interface_that_began_anew_takes_no_value_from_the_others() -> None:
    before = look(0, net_sent_bytes__eth0=500, net_sent_bytes__eth1=0)
    after = look(1, net_sent_bytes__eth0=20, net_sent_bytes__eth1=60)
    assert values_of(before, after, GAP) == {"net_sent_bytes_per_s:eth1": 1.0}


def test_a_restarted_process_has_no_processor_share_at_its_first_look() -> None:
    old, new = router(0, {"7@1.00": 50.0}), router(1, {"9@61.00": 0.5})
    found = values_of(old, new, GAP)
    assert "process_cpu_pct:router" not in found
    assert found["process_rss_bytes:router"] == 1000.0
    assert values_of(new, router(2, {"9@61.00": 6.5}), GAP)["process_cpu_pct:router"] == 10.0


def test_of_several_processes_those_that_stayed_count() -> None:
    before = router(0, {"1@1.00": 10.0, "2@1.00": 20.0})
    after = router(1, {"1@1.00": 13.0, "3@9.00": 40.0})
    assert values_of(before, after, GAP)["process_cpu_pct:router"] == 5.0


def test_a_missing_process_has_a_count_and_nothing_else() -> None:
    gone = Look(START, "a", processes={"router": ProcessLook(0)})
    assert values_of(None, gone, GAP) == {"process_count:router": 0.0}


def test_a_clock_set_back_makes_no_process_run_for_less_than_no_time() -> None:
    found = values_of(None, router(-60, {}), GAP)
    assert found["process_uptime_s:router"] == 0.0


def test_a_time_without_looks_is_a_point_without_a_value() -> None:
    looks = [Look(START + minute * MINUTE, "a", {"load_1m": 1.0}) for minute in (0, 1, 10, 11)]
    points = series(looks, GAP)["load_1m"]
    assert [point.value for point in points] == [1.0, 1.0, None, 1.0, 1.0]
    assert points[1].at < points[2].at < points[3].at


def test_metrics_of_one_interface_stand_together() -> None:
    found = look(1, net_received_bytes__b=1, net_sent_bytes__b=1, net_received_bytes__a=1)
    before = look(0, net_received_bytes__b=0, net_sent_bytes__b=0, net_received_bytes__a=0)
    assert list(series([before, found], GAP)) == [
        "net_received_bytes_per_s:a",
        "net_received_bytes_per_s:b",
        "net_sent_bytes_per_s:b",
    ]


def test_the_current_value_is_that_of_the_newest_look_or_none() -> None:
    points = [Point(START, 2.0), Point(START + MINUTE, 4.0), Point(START + 2 * MINUTE, None)]
    found = summarised("load_1m", points, points[-1].at, "not read")
    assert (found.current, found.why) == (None, "not read")
    assert (found.lowest, found.average, found.highest) == (2.0, 3.0, 4.0)


def test_nothing_known_has_neither_lowest_nor_average() -> None:
    found = summarised("load_1m", [Point(START, None)], START, "not read")
    assert (found.lowest, found.average, found.highest) == (None, None, None)


COUNTERS = st.lists(
    st.tuples(
        st.integers(1, 300),
        st.one_of(st.none(), st.integers(0, 10**6)),
        st.sampled_from("ab"),
    ),
    max_size=30,
)


@given(COUNTERS)
def test_rates_are_what_a_slow_reckoning_says(steps: list[tuple[int, int | None, str]]) -> None:
    at, looks, expected = START, [], []
    last: tuple[datetime, int | None, str] | None = None
    for seconds, value, boot in steps:
        at += timedelta(seconds=seconds)
        counters = {} if value is None else {"net_sent_bytes:e": float(value)}
        looks.append(Look(at, boot, counters=counters))
        rate = None
        if last is not None and last[2] == boot and seconds <= GAP.total_seconds():
            old = last[1]
            if old is not None and value is not None and value >= old:
                rate = (value - old) / seconds
        if rate is not None:
            expected.append((at, rate))
        last = at, value, boot
    points = series(looks, GAP).get("net_sent_bytes_per_s:e", ())
    known = [(point.at, point.value) for point in points if point.value is not None]
    assert known == expected
    assert all(value is None or value >= 0 for _, value in known)


@given(
    st.lists(st.tuples(st.integers(-5, 65), st.one_of(st.none(), st.floats(0, 100))), max_size=40),
    st.integers(1, 20),
)
def test_a_bin_holds_the_highest_of_its_time_and_nothing_else(
    found: list[tuple[int, float | None]], count: int
) -> None:
    points = [Point(START + minute * MINUTE, value) for minute, value in found]
    bins = binned(points, START, START + 60 * MINUTE, count)
    for place, shown in enumerate(bins):
        low, high = 60 * place / count, 60 * (place + 1) / count
        inside = [
            value
            for minute, value in found
            if value is not None and (low <= minute < high or (minute == 60 and place == count - 1))
        ]
        assert shown == max(inside, default=None)
