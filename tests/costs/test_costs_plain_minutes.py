"""What the clock says once of a minute's fills is what it says of each of them."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.costs import plain_keys
from mechexo.costs.dimensions import Grouping
from mechexo.costs.group_keys import key, keys_of_fills
from mechexo.costs.plain_keys import OF_THE_CLOCK, _Minutes

ZONES = ("UTC", "America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Kolkata")
NAMES = tuple(sorted(OF_THE_CLOCK))
US = timedelta(microseconds=1)


def frame(moments: list[datetime]) -> pl.DataFrame:
    return pl.DataFrame({"ts": moments}, schema={"ts": pl.Datetime("us", "UTC")})


@pytest.mark.slow
@given(
    start_us=st.integers(0, 4 * 365 * 86_400_000_000),
    steps_us=st.lists(
        st.integers(0, 40) | st.integers(0, 50_000_000) | st.integers(0, 20_000_000_000),
        max_size=40,
    ),
    zone=st.sampled_from(ZONES),
    day_starts=st.times().map(lambda each: each.replace(second=0, microsecond=0)),
)
def test_each_fill_has_the_keys_that_it_has_by_itself(
    start_us: int, steps_us: list[int], zone: str, day_starts: time
) -> None:
    moments = [datetime(2024, 1, 1, tzinfo=UTC) + start_us * US]
    for step_us in steps_us:
        moments.append(moments[-1] + step_us * US)
    rules, fills = Grouping(zone=zone, day_starts=day_starts), frame(moments)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain_keys, "_FEW_MINUTES", 0)
        minutes = _Minutes.of(fills, rules)
    assert minutes is not None
    each = keys_of_fills(fills, NAMES, rules)
    for name, (values, numbers) in minutes.numbered(NAMES, rules).items():
        own = values.new_from_index(0, len(fills)) if numbers is None else values[numbers]
        assert own.to_list() == each[key(name)].to_list()


def test_a_day_that_begins_within_a_minute_is_asked_for_each_fill() -> None:
    moments = [datetime(2026, 3, 2, 14, tzinfo=UTC) + n * US for n in range(100)]
    assert _Minutes.of(frame(moments), Grouping(day_starts=time(17, 0))) is not None
    assert _Minutes.of(frame(moments), Grouping(day_starts=time(17, 0, 30))) is None


def test_fills_out_of_order_are_asked_for_each() -> None:
    moments = [datetime(2026, 3, 2, 14, tzinfo=UTC) + n * US for n in range(100)]
    assert _Minutes.of(frame(moments[::-1]), Grouping()) is None


def test_few_fills_over_many_minutes_are_asked_for_each() -> None:
    moments = [datetime(2026, 3, 2, tzinfo=UTC) + timedelta(hours=n) for n in range(20)]
    assert _Minutes.of(frame(moments), Grouping()) is None
