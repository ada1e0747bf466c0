"""Today's market of a running paper desk. Its session never closes: a demo is always in hours."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from mechexo.paper import files, trading
from mechexo.paper.history import ZONE
from mechexo.paper.market import (
    UNIVERSE,
    Fill,
    Instrument,
    Quote,
    execution,
    quote_around,
    step_mid,
)
from mechexo.paper.orders import orders_of

KEEP_DAYS = 14
SHAPE = 0.8
PULL_PER_S = 1 / 1800
"""How fast prices return to where the day began: a session that never ends may not drift away."""
FILLS_PER_S = 0.35
REJECT_SHARE = 0.01


class LiveMarket:
    """Appends quotes, fills and their orders to today's files and books the fills."""

    def __init__(self, folder: Path, seed: int, now: datetime) -> None:
        self.folder = folder
        self.feed_is_up = True
        self.books = True
        """Whether fills and marks reach the trading database: not without a gateway."""
        self.reject_share = REJECT_SHARE
        self.left_alone: frozenset[str] = frozenset()
        """Symbols that the strategies do not trade by themselves."""
        self._draw = random.Random(f"{seed} live {now.isoformat()}")
        self._draw_orders = random.Random(f"{seed} live orders {now.isoformat()}")
        self._mids = _last_mids(folder)
        self._anchors = dict(self._mids)
        self._day: date | None = None
        self._next_seq = self._next_fill = 0

    def step(self, since: datetime, now: datetime) -> None:
        """The market between two moments: walks, quotes, trades, books."""
        seconds = (now - since).total_seconds()
        if seconds <= 0:
            return
        day = now.astimezone(ZONE).date()
        if day != self._day:
            self._begin(day)
        quotes = [self._quote(instrument, seconds) for instrument in UNIVERSE]
        fills = self._fills(quotes, seconds) if self.books and self._is_trading() else []
        if self.feed_is_up:
            self._write_quotes(sorted(quotes, key=lambda quote: quote.offset_s), since, day)
        if self.books:
            self._book(fills, since, now, day)

    def trade(self, symbol: str, side: str, quantity: int, now: datetime) -> None:
        """One extra execution at the present mid, booked and recorded like any other."""
        instrument = next(each for each in UNIVERSE if each.symbol == symbol)
        quote = quote_around(self._mids[symbol], instrument, 0.0, SHAPE, self._draw)
        fill = replace(execution(quote, 0.0, side, "base", self._draw), quantity=quantity)
        day = now.astimezone(ZONE).date()
        if day != self._day:
            self._begin(day)
        self._book([fill], now, now, day)

    @property
    def quotes_today(self) -> int:
        """The quotes in today's file."""
        return self._next_seq

    def mid(self, symbol: str) -> float:
        """The present mid of a symbol."""
        return self._mids[symbol]

    def _begin(self, day: date) -> None:
        import polars as pl

        self._day = day
        counts = []
        for kind in (files.QUOTES, files.FILLS):
            path = files.day_file(self.folder, kind, day)
            counts.append(
                int(pl.scan_parquet(path).select(pl.len()).collect().item()) if path.exists() else 0
            )
            for old in sorted((self.folder / kind).glob("*.parquet"))[:-KEEP_DAYS]:
                old.unlink()
        for kind in (files.ORDERS, files.BARS, files.MINUTES):
            for old in sorted((self.folder / kind).glob("*.parquet"))[:-KEEP_DAYS]:
                old.unlink()
        self._next_seq, self._next_fill = counts
        self._anchors = dict(self._mids)

    def _quote(self, instrument: Instrument, seconds: float) -> Quote:
        symbol = instrument.symbol
        back = (self._anchors[symbol] / self._mids[symbol]) ** min(seconds * PULL_PER_S, 1.0)
        self._mids[symbol] = step_mid(
            self._mids[symbol] * back, instrument, min(seconds, 600.0), SHAPE, self._draw
        )
        offset_s = self._draw.uniform(0.0, 0.6 * seconds)
        return quote_around(self._mids[symbol], instrument, offset_s, SHAPE, self._draw)

    def _is_trading(self) -> bool:
        return trading.flag(self.folder, "trading_enabled") == "true"

    def _fills(self, quotes: list[Quote], seconds: float) -> list[Fill]:
        targets = trading.target_quantities(self.folder, self._mids)
        held = trading.quantities(self.folder)
        count = min(int(FILLS_PER_S * seconds + self._draw.random()), 20)
        found = []
        for _ in range(count):
            quote = self._draw.choice(quotes)
            if quote.symbol in self.left_alone:
                continue
            gap = targets.get(quote.symbol, 0) - held.get(quote.symbol, 0)
            # The further from its target, the surer the side: the book follows the weights.
            towards = 0.5 + 0.5 * math.tanh(gap * quote.mid / 30_000)
            side = "buy" if self._draw.random() < towards else "sell"
            strategy = "canary" if self._draw.random() < 0.16 else "base"
            later_s = quote.offset_s + self._draw.uniform(0.02, 0.39) * seconds
            found.append(execution(quote, later_s, side, strategy, self._draw))
        return sorted(found, key=lambda fill: fill.offset_s)

    def _write_quotes(self, quotes: list[Quote], since: datetime, day: date) -> None:
        frame = files.quotes_frame(quotes, since, self._next_seq)
        files.append_parquet(frame, files.day_file(self.folder, files.QUOTES, day))
        self._next_seq += len(quotes)

    def _book(self, fills: list[Fill], since: datetime, now: datetime, day: date) -> None:
        if fills:
            length_s = (now - since).total_seconds()
            placed, orders = orders_of(fills, length_s, self._draw_orders)
            for kind, frame in (
                (files.FILLS, files.fills_frame(placed, since, day, self._next_fill)),
                (files.ORDERS, files.orders_frame(orders, since)),
            ):
                files.append_parquet(frame, files.day_file(self.folder, kind, day))
            self._next_fill += len(fills)
        rejects = self._rejects(len(fills))
        trading.book(
            self.folder,
            day=day.isoformat(),
            fills=fills,
            mids={symbol: round(mid, 4) for symbol, mid in self._mids.items()},
            now=now,
            rejects=rejects,
        )

    def _rejects(self, filled: int) -> int:
        """How many orders were rejected beside those that filled, by the share of rejects."""
        odds = self.reject_share / (1 - self.reject_share)
        return sum(int(odds) + (self._draw.random() < odds % 1) for _ in range(filled))


def _last_mids(folder: Path) -> dict[str, float]:
    """The prices that the book was last marked at; a symbol it never held starts at its first."""
    return {each.symbol: each.price for each in UNIVERSE} | trading.marks(folder)
