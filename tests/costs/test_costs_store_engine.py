"""Day by day says what the whole period at once says, wherever days are cut."""

from __future__ import annotations

import dataclasses
import math
import pickle
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from costs.store_rows import (
    MIDNIGHT,
    MOMENTS,
    PRICES,
    QUOTES,
    Row,
    new_desk,
    numbered,
    on_store,
    put,
    quotes,
)
from mechexo.costs import engine_fills
from mechexo.costs.day_report import plan, report_by_days
from mechexo.costs.engine import Day, LocalEngine
from mechexo.costs.ingest import ingest
from mechexo.costs.operations import report
from mechexo.costs.spool import Spool
from mechexo.costs.values import CostReport
from mechexo.desk import Desk
from mechexo.errors import UnreachableError, UsageError

pytestmark = pytest.mark.slow

some = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
START, END = MIDNIGHT - timedelta(days=2), MIDNIGHT + timedelta(days=2)
EXPIRY = timedelta(seconds=30)
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


@some
@given(
    FILLS, QUOTES.map(numbered), st.sampled_from(["", 'quote_rule = "at_or_before"\nlag_us = 1\n'])
)
@example([], [], "")
def test_by_days_is_the_whole_period(
    tmp_path: Path, rows: list[tuple[object, ...]], market: list[Row], more: str
) -> None:
    desk = desk_with(tmp_path / "desk", fills(rows), market, more)
    hold_alike(*whole_and_by_days(desk))


@some
@given(FILLS, QUOTES.map(numbered), st.integers(1, 3))
def test_by_days_from_the_store_is_the_whole_period_from_files(
    tmp_path: Path, rows: list[tuple[object, ...]], market: list[Row], files: int
) -> None:
    if not market:
        return
    desk = desk_with(tmp_path / "desk", fills(rows), market, files=files)
    whole = report(desk, start=START, end=END, by=BY)
    ingest(desk)
    hold_alike(whole, report_by_days(on_store(desk), start=START, end=END, by=BY))


@some
@given(FILLS, QUOTES.map(numbered), st.data())
def test_fills_that_are_read_day_by_day_are_checked_as_all_together(
    tmp_path: Path, rows: list[tuple[object, ...]], market: list[Row], data: st.DataObject
) -> None:
    size = len(rows)
    ids = data.draw(
        st.lists(st.sampled_from([f"f{n}" for n in range(12)]), min_size=size, max_size=size)
    )
    words = data.draw(
        st.lists(
            st.sampled_from([None, None, None, "bust", "correct"]), min_size=size, max_size=size
        )
    )
    frame = fills(rows, ids).with_columns(correction=pl.Series(words, dtype=pl.String))
    desk = desk_with(tmp_path / "desk", frame, market, files=data.draw(st.integers(1, 3)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_fills, "_BYTES_READ", 1e12)
        hold_alike(*whole_and_by_days(desk))


@some
@given(FILLS, QUOTES.map(numbered), st.sampled_from(["X", "Y"]))
def test_venues_are_brought_together_across_midnight_too(
    tmp_path: Path, rows: list[tuple[object, ...]], market: list[Row], venue: str
) -> None:
    desk = desk_with(
        tmp_path / "desk", fills(rows), market, f'venue_expiry = "{EXPIRY.seconds}s"\n'
    )
    frame = quotes(market).with_columns(
        venue=pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit("X")).otherwise(pl.lit(venue))
    )
    put(desk, "0.parquet", frame)
    whole, by_days = whole_and_by_days(desk)
    # The moment at which a venue's quote expires is the newest row, though no quote.
    newest = max((row[0] for row in market), default=None)
    hold_alike(dataclasses.replace(whole, newest_quote_at=by_days.newest_quote_at), by_days)
    assert by_days.newest_quote_at is None or by_days.newest_quote_at <= newest + EXPIRY


@some
@given(FILLS, QUOTES.map(numbered))
def test_lower_rungs_are_read_for_the_day_alone(
    tmp_path: Path, rows: list[tuple[object, ...]], market: list[Row]
) -> None:
    more = 'trades = "trades.parquet"\nbars = "bars.parquet"\n'
    desk = desk_with(tmp_path / "desk", fills(rows), market[::2], more)
    lower = quotes(market[1::2])
    lower.select("ts", "symbol", price="bid").write_parquet(desk.root / "trades.parquet")
    lower.select("ts", "symbol", close="ask").write_parquet(desk.root / "bars.parquet")
    hold_alike(*whole_and_by_days(desk))


@some
@given(FILLS, QUOTES.map(numbered), st.sampled_from([1, 2, 5]))
def test_neither_workers_nor_memory_change_the_answer(
    tmp_path: Path, rows: list[tuple[object, ...]], market: list[Row], workers: int
) -> None:
    desk = desk_with(tmp_path / "desk", fills(rows), market)
    whole, by_days = whole_and_by_days(desk, engine=LocalEngine(workers, 0))
    hold_alike(whole, by_days)


@some
@given(FILLS, QUOTES.map(numbered))
def test_what_waits_on_the_disk_is_looked_at_again_all_the_same(
    tmp_path: Path, rows: list[tuple[object, ...]], market: list[Row]
) -> None:
    desk = desk_with(tmp_path / "desk", fills(rows), market)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_fills, "_BYTES_READ", 1e12)
        patch.setattr("mechexo.costs.day_report.LEDGER_SHARE", 10**9)
        hold_alike(*whole_and_by_days(desk))


def test_a_spool_gives_its_frames_in_order_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spool").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "spool"))
    frames = [pl.DataFrame({"n": range(size)}) for size in (3, 20_000, 0, 5)]
    spool = Spool(memory_mb=0)
    for frame in frames:
        spool.add(frame)
    assert list(tmp_path.rglob("*.arrow"))
    for _ in range(2):
        assert all(one.equals(other) for one, other in zip(spool, frames, strict=True))
    spool.close()
    assert not list((tmp_path / "spool").iterdir())


@pytest.mark.slow
def test_a_disk_without_room_for_what_waits_says_what_to_do(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(small_disk))
    spool = Spool(memory_mb=0)
    with pytest.raises(UnreachableError, match="set TMPDIR"):
        spool.add(pl.DataFrame({"n": range(500_000)}))
    spool.close()
    assert not list(small_disk.iterdir())


class Recording:
    """An engine that keeps what it was asked, and computes the days backwards."""

    def __init__(self) -> None:
        self.days: list[Day] = []

    def run(self, days: Sequence[Day], price_day: Callable[[Day], object]) -> Iterator[object]:
        self.days = list(days)
        done = {day.name: price_day(day) for day in reversed(days)}
        return iter([done[day.name] for day in days])


def a_fill(moment: datetime, symbol: str = "AAA") -> tuple[object, ...]:
    return moment, symbol, "buy", 10.0, 100.0, 0.0, None


def a_quote(moment: datetime, symbol: str = "AAA") -> Row:
    return moment, symbol, 99.99, 100.01, None


def test_any_engine_with_one_method_will_do_and_days_without_fills_are_not_asked(
    tmp_path: Path,
) -> None:
    days = [MIDNIGHT + timedelta(days=n, hours=9) for n in (-2, 0, 1)]
    market = [a_quote(at - timedelta(seconds=1)) for at in days]
    desk = desk_with(tmp_path / "desk", fills([a_fill(at) for at in days]), market)
    engine = Recording()
    hold_alike(*whole_and_by_days(desk, engine=engine))
    assert [day.name for day in engine.days] == [
        date(2026, 3, 6),
        date(2026, 3, 8),
        date(2026, 3, 9),
    ]
    assert (engine.days[1].start, engine.days[1].end) == (MIDNIGHT, MIDNIGHT + timedelta(hours=23))


class Elsewhere:
    """An engine as a cluster would be: what computes a day, and what came of it, is sent."""

    def run(self, days: Sequence[Day], price_day: Callable[[Day], object]) -> Iterator[object]:
        for day in days:
            # Our own bytes, made a line above.
            there = pickle.loads(pickle.dumps(price_day))
            yield pickle.loads(pickle.dumps(there(day)))


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("day_by_day", [False, True])
def test_what_computes_a_day_can_be_sent_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: bool, day_by_day: bool
) -> None:
    if day_by_day:
        monkeypatch.setattr(engine_fills, "_BYTES_READ", 1e12)
    days = [MIDNIGHT + timedelta(days=n, hours=9) for n in (-1, 0, 1)]
    market = [a_quote(at - timedelta(seconds=1)) for at in days]
    desk = desk_with(tmp_path / "desk", fills([a_fill(at) for at in days]), market)
    if stored:
        ingest(desk)
        desk = on_store(desk)
    hold_alike(*whole_and_by_days(desk, engine=Elsewhere()))


class Watched:
    """A source that keeps the windows it was asked for."""

    def __init__(self, source: object) -> None:
        self._source, self.windows = source, []

    def batches(self, window, time_column):
        self.windows.append(window)
        return self._source.batches(window, time_column)


def asked_for(desk: Desk, name: date) -> list[tuple[datetime, datetime, tuple[str, ...]]]:
    """The windows of quotes that a day is priced with."""
    days, pricing = plan(desk, START, END, BY)
    feed = dataclasses.replace(
        pricing.quotes.feed,
        feed=dataclasses.replace(
            pricing.quotes.feed.feed, source=Watched(pricing.quotes.feed.feed.source)
        ),
    )
    pricing = dataclasses.replace(pricing, quotes=dataclasses.replace(pricing.quotes, feed=feed))
    pricing(next(day for day in days if day.name == name))
    return [(each.start, each.end, each.symbols) for each in feed.feed.source.windows]


def test_only_the_days_symbols_are_read_and_neighbours_only_where_they_matter(
    tmp_path: Path,
) -> None:
    night = MIDNIGHT + timedelta(hours=23)
    rows = [
        a_fill(MIDNIGHT + timedelta(seconds=30), "AAA"),
        a_fill(MIDNIGHT + timedelta(hours=9), "BBB"),
        a_fill(night - timedelta(minutes=10), "CCC"),
        a_fill(night + timedelta(hours=9), "DDD"),
    ]
    market = [a_quote(MIDNIGHT + timedelta(hours=h), s) for h in (-1, 8, 30) for s in "ABCD"]
    desk = desk_with(tmp_path / "desk", fills(rows), market)
    before = MIDNIGHT - timedelta(days=1)
    after = night + timedelta(days=1)
    assert asked_for(desk, date(2026, 3, 8)) == [
        (before, MIDNIGHT, ("AAA",)),
        (MIDNIGHT, night, ("AAA", "BBB", "CCC")),
        (night, after, ("CCC",)),
    ]
    assert asked_for(desk, date(2026, 3, 9)) == [(night, after, ("DDD",))]


def test_a_crossed_market_through_midnight_is_resolved_as_far_back_as_it_takes(
    tmp_path: Path,
) -> None:
    crossed = [
        (MIDNIGHT + timedelta(hours=h), "AAA", 100.01, 99.99, None) for h in (-30, -20, -2, 0, 1)
    ]
    market = [a_quote(MIDNIGHT - timedelta(hours=40)), *crossed]
    desk = desk_with(
        tmp_path / "desk", fills([a_fill(MIDNIGHT + timedelta(hours=1, seconds=5))]), market
    )
    whole, by_days = whole_and_by_days(desk)
    hold_alike(whole, by_days)
    assert whole.coverage.unpriced[0].reason == "no valid quote recent enough before it"


def test_a_markout_after_a_days_last_quote_is_known_when_later_days_have_quotes(
    tmp_path: Path,
) -> None:
    close = MIDNIGHT + timedelta(hours=16)
    market = [a_quote(close), a_quote(close + timedelta(days=1))]
    desk = desk_with(tmp_path / "desk", fills([a_fill(close + timedelta(seconds=5))]), market)
    whole, by_days = whole_and_by_days(desk)
    hold_alike(whole, by_days)
    assert whole.markouts[0].fills == 1
    desk = desk_with(tmp_path / "desk", fills([a_fill(close + timedelta(seconds=5))]), market[:1])
    whole, by_days = whole_and_by_days(desk)
    hold_alike(whole, by_days)
    assert whole.markouts[0].fills == 0


def test_a_day_that_fails_fails_the_report(tmp_path: Path) -> None:
    rows = [a_fill(MIDNIGHT + timedelta(days=n, hours=9)) for n in (-1, 0, 1)]
    desk = desk_with(tmp_path / "desk", fills(rows), [a_quote(MIDNIGHT)])
    (desk.root / "quotes" / "0.parquet").write_bytes(b"PAR1")
    with pytest.raises(UnreachableError, match=r"0\.parquet cannot be read"):
        report_by_days(desk, start=START, end=END)


def test_words_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    desk = desk_with(tmp_path / "desk", fills([]), [])
    with pytest.raises(UsageError, match="did you mean day"):
        report_by_days(desk, start=START, end=END, by=("dya",))
    with pytest.raises(UsageError, match="must end after its start"):
        report_by_days(desk, start=END, end=START)


def test_the_engine_keeps_within_its_workers_and_its_memory() -> None:
    days = [Day(date(2026, 3, n), MIDNIGHT, MIDNIGHT, weight_mb=40) for n in range(1, 13)]
    lock, now, most = threading.Lock(), [0], [0]
    gate = threading.Semaphore(0)

    def price(day: Day) -> date:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        gate.acquire(timeout=0.02)
        with lock:
            now[0] -= 1
        return day.name

    for engine, limit in (
        (LocalEngine(3, 1_000), 3),
        (LocalEngine(3, 80), 2),
        (LocalEngine(3, 10), 1),
        (LocalEngine(1, 1_000), 1),
    ):
        most[0] = 0
        assert list(engine.run(days, price)) == [day.name for day in days]
        assert most[0] <= limit


def test_zones_of_utc_and_of_the_desk_are_days_too(tmp_path: Path) -> None:
    rows = [a_fill(datetime(2026, 3, 8, hour, tzinfo=UTC)) for hour in (0, 4, 5, 23)]
    desk = desk_with(
        tmp_path / "desk", fills(rows), [a_quote(datetime(2026, 3, 7, 23, tzinfo=UTC))]
    )
    text = desk.config_path.read_text().replace('zone = "America/New_York"\n', "")
    desk.config_path.write_text(text)
    hold_alike(*whole_and_by_days(Desk.open(desk.config_path, clock=desk.clock, actor=desk.actor)))
