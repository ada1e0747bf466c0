"""Where days are computed: any engine will do, each day is asked for what it needs, and the local
engine keeps within its limits."""

from __future__ import annotations

import dataclasses
import pickle
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from costs.engine_desks import (
    BY,
    END,
    START,
    a_fill,
    a_quote,
    desk_with,
    fills,
    hold_alike,
    whole_and_by_days,
)
from costs.store_rows import MIDNIGHT, on_store
from mechexo.costs import engine_fills
from mechexo.costs.day_report import plan
from mechexo.costs.engine import Day, LocalEngine
from mechexo.costs.ingest import ingest
from mechexo.desk import Desk

pytestmark = pytest.mark.slow


class Recording:
    """An engine that keeps what it was asked, and computes the days backwards."""

    def __init__(self) -> None:
        self.days: list[Day] = []

    def run(self, days: Sequence[Day], price_day: Callable[[Day], object]) -> Iterator[object]:
        self.days = list(days)
        done = {day.name: price_day(day) for day in reversed(days)}
        return iter([done[day.name] for day in days])


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
