"""A million fills: the console holds the pages it shows, and nothing else of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import polars as pl
import pytest

from console.driving import Show, press, screen_text, settled
from mechexo.costs.views import PAGE
from mechexo.desk import Desk
from mechexo_tui.app import MechexoApp
from mechexo_tui.costs_apart import CostsApart
from mechexo_tui.screens.costs import CostsScreen
from mechexo_tui.screens.costs_known import AHEAD
from mechexo_tui.widgets.paged_rows import KEPT

pytestmark = pytest.mark.slow

COUNT = 1_000_000
FIRST = datetime(2026, 2, 26, 15, 0, tzinfo=UTC)
TOML = '[costs]\nfills = "fills.parquet"\nquotes = "quotes.parquet"\nhorizons = ["1s"]\n'


@pytest.fixture
def great_desk(make_desk: Callable[..., Desk]) -> Desk:
    """A million fills of 50 symbols within two hours, 5 to an order; a quote a second."""
    desk = make_desk(TOML)
    number = pl.int_range(COUNT, dtype=pl.Int64, eager=True).alias("n")
    symbol = "S" + (number % 50).cast(pl.String).str.zfill(2)
    moment = pl.lit(FIRST).dt.cast_time_unit("us") + pl.duration(microseconds=pl.col("n") * 7200)
    side = pl.when(pl.col("n") % 2 == 0).then(pl.lit("buy")).otherwise(pl.lit("sell"))
    cents = pl.col("n") * 7919 % 41 - 20
    pl.DataFrame({"n": number, "symbol": symbol}).select(
        fill_id="F" + pl.col("n").cast(pl.String).str.zfill(7),
        ts=moment,
        symbol="symbol",
        side=side,
        quantity=pl.lit(100.0),
        price=100.0 + cents / 1000,
        commission=pl.lit(0.5),
        order_id="O" + (pl.col("n") // 5).cast(pl.String).str.zfill(6),
    ).write_parquet(desk.root / "fills.parquet")
    seconds = pl.DataFrame({"s": pl.int_range(-1, 7201, eager=True)})
    symbols = pl.DataFrame({"symbol": symbol.unique().sort()})
    seconds.join(symbols, how="cross").select(
        ts=pl.lit(FIRST).dt.cast_time_unit("us") + pl.duration(seconds=pl.col("s")),
        symbol="symbol",
        bid=pl.lit(99.99),
        ask=pl.lit(100.01),
    ).write_parquet(desk.root / "quotes.parquet")
    return desk


async def test_a_million_fills_scroll_and_only_the_pages_that_are_seen_are_transferred(
    great_desk: Desk, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    transferred: list[int] = []
    look = CostsApart.look

    def counted(self: CostsApart, *asked: Any, **options: Any) -> Any:
        seen = look(self, *asked, **options)
        rows = getattr(seen.view, "fills", None) or getattr(seen.view, "rows", ())
        transferred.append(len(rows))
        return seen

    monkeypatch.setattr(CostsApart, "look", counted)
    async with show(great_desk, 120, 40) as pilot:
        await press(pilot, "4", "o")
        await settled(pilot, costs=True)
        text = screen_text(pilot)
        assert f"priced {COUNT:,} of {COUNT:,} fills" in text
        app = cast("MechexoApp", pilot.app)
        screen = cast("CostsScreen", app.screen)
        shown = screen.active
        assert len(shown.rows) == COUNT
        transferred.clear()

        for _ in range(10):
            await press(pilot, "pagedown")
            assert " … " not in screen_text(pilot)
        passed = shown.top + shown.size.height + AHEAD
        assert sum(transferred) <= passed + PAGE
        assert screen.copied.startswith("02-26 15:00:0")

        await press(pilot, "G")
        # 999,999 x 7.2 ms after three o'clock.
        assert "02-26 16:59:59.992" in screen_text(pilot)
        await press(pilot, "T", "G", "g", "slash", *"S07 sell", "enter")
        text = screen_text(pilot)
        assert "priced 20,000 of 20,000 fills" in text
        await press(pilot, "enter")
        assert "S07 at 99.98" in screen_text(pilot)
        assert max(transferred) <= PAGE
        assert sum(transferred) < 3_000

        await press(pilot, "q", "escape", "q")
        await press(pilot, "b", *"order_id", "enter", "T", *["pagedown"] * 5)
        assert "Costs by order_id" in screen_text(pilot)
        assert len(screen.active.rows) == COUNT // 5
        assert max(transferred) <= PAGE
        known = screen._known.rows
        assert len(known._pages) <= KEPT
