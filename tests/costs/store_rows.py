"""Desks with quotes in files, for the tick store's tests; rows that meet where days do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
from hypothesis import strategies as st

from mechexo.actor import Actor
from mechexo.clock import VirtualClock
from mechexo.costs.ingest import ingest
from mechexo.costs.ingest_run import IngestReport
from mechexo.costs.store import TickStore
from mechexo.desk import Desk

ZONE = "America/New_York"
MIDNIGHT = datetime(2026, 3, 8, 5, tzinfo=UTC)
"""The exchange's: the day that begins here has 23 hours."""
SETTINGS = f"""
fills = "fills.parquet"
quotes = "quotes/*.parquet"
zone = "{ZONE}"
"""

Row = tuple[datetime, str, float | None, float | None, int | None]
"""ts, symbol, bid, ask, seq."""
SCHEMA: Mapping[str, pl.DataType] = {
    "ts": pl.Datetime("us", "UTC"),
    "symbol": pl.String(),
    "bid": pl.Float64(),
    "ask": pl.Float64(),
    "seq": pl.Int64(),
}


def quotes(rows: Sequence[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def new_desk(folder: Path, settings: str = SETTINGS) -> Desk:
    """A desk whose `[costs]` are these; an older one of the folder goes."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "quotes").mkdir(parents=True)
    (folder / "mechexo.toml").write_text(
        f'[desk]\nname = "t"\nmode = "paper"\nzone = "UTC"\n[costs]\n{settings}'
    )
    return reopened(folder)


def reopened(folder: Path) -> Desk:
    clock = VirtualClock(MIDNIGHT + timedelta(days=10))
    return Desk.open(folder / "mechexo.toml", clock=clock, actor=Actor(os.getuid(), "tester"))


def on_store(desk: Desk) -> Desk:
    """The same desk, reading its quotes from the store."""
    text = desk.config_path.read_text().replace('"quotes/*.parquet"', '"store"')
    desk.config_path.write_text(text)
    return reopened(desk.root)


def store_of(desk: Desk) -> TickStore:
    return TickStore(desk.path(desk.settings.costs.store))


def put(desk: Desk, name: str, rows: pl.DataFrame) -> Path:
    path = desk.root / "quotes" / name
    rows.write_parquet(path)
    return path


def follow(desk: Desk, cure: str) -> IngestReport:
    """Does what an error says: `mechexo costs ingest`, with a rebuild and days or without."""
    words = cure.split()
    assert words[:3] == ["mechexo", "costs", "ingest"]
    days = {
        name: date.fromisoformat(words[words.index(option) + 1])
        for option, name in (("--from", "first"), ("--to", "last"))
        if option in words
    }
    assert len(words) == 3 + ("--rebuild" in words) + 2 * len(days)
    return ingest(desk, rebuild="--rebuild" in words, **days)


def content(store: TickStore) -> dict[str, pl.DataFrame]:
    """The rows of every day, with the symbols' names."""
    table = pl.DataFrame({"symbol": store.symbols()}).with_row_index("sid")
    return {
        day.isoformat(): pl.read_parquet(store.path(day)).join(
            table, on="sid", maintain_order="left"
        )
        for day in store.days()
    }


# A coarse grid around the change of days, so that rows share moments and lie at the very edges.
MOMENTS = st.one_of(
    st.integers(-12, 12).map(lambda step: MIDNIGHT + timedelta(seconds=step * 20)),
    st.sampled_from([-1, 0, 1]).map(lambda us: MIDNIGHT + timedelta(microseconds=us)),
    st.integers(-30, 40).map(lambda hours: MIDNIGHT + timedelta(hours=hours)),
)
PRICES = st.integers(9_990, 10_010).map(lambda cents: cents / 100)


@st.composite
def quote_rows(draw: st.DrawFn) -> Row:
    bid = draw(PRICES)
    ask: float | None = round(bid + draw(st.sampled_from([0, 1, 2, 4, 300])) / 100, 2)
    kind = draw(st.integers(0, 9))
    if kind == 0:
        bid, ask = ask, bid - 0.01
    elif kind == 1:
        bid, ask = draw(st.sampled_from([(0.0, 0.0), (bid, None), (bid, float("nan"))]))
    return draw(MOMENTS), draw(st.sampled_from(["AAA", "BBB", "CCC"])), bid, ask, None


def numbered(rows: list[Row]) -> list[Row]:
    """Each row with a sequence of its own, so that no order but that one matters."""
    return [(*row[:4], place) for place, row in enumerate(rows)]


QUOTES = st.lists(quote_rows(), max_size=30)


def of_day(number: int, *symbols: str, each: int = 5) -> pl.DataFrame:
    """So many quotes a second apart of each symbol (AAA and BBB), on a day from the first on."""
    at = MIDNIGHT + timedelta(days=number, hours=14)
    rows: list[Row] = [
        (at + timedelta(seconds=n), symbol, 10.0 + n, 10.5 + n, n)
        for n in range(each)
        for symbol in symbols or ("AAA", "BBB")
    ]
    return quotes(rows)
