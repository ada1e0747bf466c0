"""Desks whose fills and quotes meet where days do, and whether two reports on them say the same."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
from hypothesis import strategies as st

from costs.store_rows import MIDNIGHT, MOMENTS, PRICES, Row, new_desk, put, quotes
from mechexo.costs.day_report import report_by_days
from mechexo.costs.operations import report
from mechexo.costs.values import CostReport
from mechexo.desk import Desk

START, END = MIDNIGHT - timedelta(days=2), MIDNIGHT + timedelta(days=2)
BY = ("day", "symbol", "hour+side", "source")
SETTINGS = """
fills = "fills/*.parquet"
quotes = "quotes/*.parquet"
zone = "America/New_York"
max_age = "20s"
horizons = ["30s", "10m"]
wide_factor = 20.0
"""


def alike(first: object, second: object) -> bool:
    """Equal but for the rounding of floats."""
    if isinstance(first, float) and isinstance(second, float):
        return math.isclose(first, second, rel_tol=1e-9, abs_tol=1e-9)
    if dataclasses.is_dataclass(first) and type(first) is type(second):
        names = [each.name for each in dataclasses.fields(first)]
        return all(alike(getattr(first, name), getattr(second, name)) for name in names)
    if isinstance(first, dict) and isinstance(second, dict):
        return list(first) == list(second) and all(alike(first[k], second[k]) for k in first)
    if isinstance(first, tuple) and isinstance(second, tuple):
        return len(first) == len(second) and all(map(alike, first, second))
    return first == second


def hold_alike(one: CostReport, other: CostReport) -> None:
    for each in dataclasses.fields(CostReport):
        first, second = getattr(one, each.name), getattr(other, each.name)
        assert alike(first, second), f"{each.name}:\n{first}\n{second}"


def whole_and_by_days(desk: Desk, **kinds: object) -> tuple[CostReport, CostReport]:
    return (
        report(desk, start=START, end=END, by=BY),
        report_by_days(desk, start=START, end=END, by=BY, **kinds),
    )


@st.composite
def fill_rows(draw: st.DrawFn) -> tuple[object, ...]:
    flaw = draw(st.integers(0, 19))
    moment = draw(MOMENTS)
    return (
        None if flaw == 0 else moment,
        draw(st.sampled_from(["AAA", "BBB", "CCC", "NEVER"])),
        "hold" if flaw == 1 else draw(st.sampled_from(["buy", "sell"])),
        float(draw(st.integers(1, 100))),
        draw(PRICES) * draw(st.sampled_from([1.0, 1.0, 1.0, 1.2])),
        draw(st.sampled_from([None, 0.0, 0.5])),
        draw(st.sampled_from([None, "USD", "USD", "CHF"])),
    )


def fills(rows: Sequence[tuple[object, ...]], ids: Sequence[str] | None = None) -> pl.DataFrame:
    kinds = {
        "ts": pl.Datetime("us", "UTC"),
        "symbol": pl.String(),
        "side": pl.String(),
        "quantity": pl.Float64(),
        "price": pl.Float64(),
        "commission": pl.Float64(),
        "commission_currency": pl.String(),
    }
    frame = pl.DataFrame(list(rows), schema=kinds, orient="row")
    names = ids or [f"f{place:03}" for place in range(len(rows))]
    return frame.with_columns(fill_id=pl.Series(names, dtype=pl.String))


FILLS = st.lists(fill_rows(), max_size=20)


def desk_with(
    folder: Path, fill_frame: pl.DataFrame, rows: list[Row], more: str = "", files: int = 1
) -> Desk:
    desk = new_desk(folder, SETTINGS + more)
    (desk.root / "fills").mkdir()
    for part in range(files):
        fill_frame[part::files].write_parquet(desk.root / "fills" / f"{part}.parquet")
        put(desk, f"{part}.parquet", quotes(rows[part::files]))
    return desk


def a_fill(moment: datetime, symbol: str = "AAA") -> tuple[object, ...]:
    return moment, symbol, "buy", 10.0, 100.0, 0.0, None


def a_quote(moment: datetime, symbol: str = "AAA") -> Row:
    return moment, symbol, 99.99, 100.01, None
