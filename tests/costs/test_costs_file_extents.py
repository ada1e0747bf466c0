"""From when until when a file's rows are, of those of a window, beside what plain Python says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.costs.engine_files import KnownFiles, by_window, one_file
from mechexo.costs.sources.columns import FILL_COLUMNS
from mechexo.costs.sources.protocol import Window
from mechexo.costs.sources.reading import Feed

pytestmark = pytest.mark.slow

NOON = datetime(2026, 3, 8, 12, tzinfo=UTC)
WINDOW = Window(NOON, NOON + timedelta(seconds=10))
MOMENTS = st.integers(-15_000_000, 15_000_000).map(lambda us: NOON + timedelta(microseconds=us))


def extent(path: Path, column: pl.Series, name: str = "ts") -> tuple[object, ...]:
    """What is found out about a file with these times."""
    rows = len(column)
    pl.DataFrame(
        [
            column.alias(name),
            pl.Series("fill_id", [str(number) for number in range(rows)], dtype=pl.String),
            pl.Series("symbol", ["AAA"] * rows, dtype=pl.String),
            pl.Series("price", [1.0] * rows, dtype=pl.Float64),
            pl.Series("quantity", [1.0] * rows, dtype=pl.Float64),
            pl.Series("side", ["buy"] * rows, dtype=pl.String),
        ]
    ).write_parquet(path, row_group_size=3)
    mapping = {} if name == "ts" else {"ts": name}
    known = by_window(Feed(one_file(path, "fills"), FILL_COLUMNS, mapping, None), WINDOW)
    assert isinstance(known.feed.source, KnownFiles)
    (found,) = known.feed.source.extents
    return found.first, found.last, found.rows, found.timeless


@pytest.mark.parametrize("name", ["ts", "executed"])
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
@given(
    moments=st.lists(MOMENTS | st.none(), min_size=1, max_size=8),
    inside=st.booleans(),
)
def test_the_extent_is_that_of_the_rows_in_the_window_and_of_those_without_a_time(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    unit: str,
    zone: str,
    moments: list[datetime | None],
    inside: bool,
) -> None:
    if inside:
        moments = [
            each and WINDOW.start + abs(each - NOON) % timedelta(seconds=10) for each in moments
        ]
    if unit == "ms":
        moments = [
            each and each.replace(microsecond=each.microsecond // 1000 * 1000) for each in moments
        ]
    column = pl.Series("ts", moments, dtype=pl.Datetime("us", "UTC"))
    column = column.dt.convert_time_zone(zone).dt.cast_time_unit(unit)
    met = [each for each in moments if each and WINDOW.start <= each < WINDOW.end]
    timeless = moments.count(None)
    path = tmp_path_factory.mktemp("extent") / "fills.parquet"
    assert extent(path, column, name) == (
        min(met, default=None),
        max(met, default=None),
        len(met) + timeless,
        timeless,
    )


@pytest.mark.parametrize("far_us", [2**62, -(2**62), 2**63 - 1, -(2**63)])
def test_a_time_beyond_the_calendar_is_outside_and_fails_nothing(
    tmp_path: Path, far_us: int
) -> None:
    near_us = round(WINDOW.start.timestamp() * 1_000_000)
    column = pl.Series("ts", [near_us, far_us]).cast(pl.Datetime("us", "UTC"))
    assert extent(tmp_path / "fills.parquet", column) == (WINDOW.start, WINDOW.start, 1, 0)
