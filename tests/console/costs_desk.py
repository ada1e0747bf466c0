"""A desk with fills of three days: symbols, orders, one fill each that is unpriced, suspect,
rejected and without a commission."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mechexo.desk import Desk

TOML = """
[costs]
fills = "fills.csv"
quotes = "quotes.csv"
horizons = ["10s", "5m"]
"""

DAYS = tuple(datetime(2026, month, day, 15, tzinfo=UTC)
             for month, day in ((2, 6), (2, 26), (2, 27), (3, 2)))  # fmt: skip
"""The first is outside the last five days; the last is still to come when the clock starts."""

PRICES = {"AAPL": 100.0, "MSFT": 50.0}


def costs_desk(make_desk: Callable[..., Desk], **options: str) -> Desk:
    desk = make_desk(TOML, **options)
    write_rows(desk.root)
    return desk


def write_rows(folder: Path, *, more: int = 0) -> None:
    """Six fills of each symbol a day, two to an order, a minute apart; `more` on the last day."""
    fills = ["fill_id,ts,symbol,side,quantity,price,commission,order_id,strategy"]
    quotes = ["ts,symbol,bid,ask"]
    for day in DAYS[:-1]:
        for symbol, mid in PRICES.items():
            for place in range(6 + (more if day == DAYS[2] else 0)):
                moment = day + timedelta(minutes=place)
                quotes += [
                    f"{(moment + timedelta(seconds=after)).isoformat()},{symbol},"
                    f"{mid - 0.01 + after / 1000:.3f},{mid + 0.01 + after / 1000:.3f}"
                    for after in (-2, -1, 3, 20)
                ]
                side, sign = ("sell", -1) if place % 2 else ("buy", 1)
                fills.append(
                    f"{day:%m%d}{symbol[0]}{place},{moment.isoformat()},{symbol},{side},"
                    f"100,{mid + (0.02 - place / 500) * sign:.3f},0.5,"
                    f"o{day:%d}{symbol[0]}{place // 2},{'base' if place < 3 else 'canary'}"
                )
    last = DAYS[2] + timedelta(hours=1)
    odd = (
        f"x1,{last.isoformat()},AAPL,buy,100,100.0,0.5,,",  # its quote is an hour old
        f"x2,{(DAYS[2] + timedelta(minutes=5, seconds=30)).isoformat()},AAPL,buy,100,140.0,0.5,,",
        f"x3,{(DAYS[2] + timedelta(minutes=5, seconds=40)).isoformat()},AAPL,buy,100,100.02,,,",
        f"x4,{last.isoformat()},AAPL,buy,100,-3,0.5,,",
    )
    (folder / "fills.csv").write_text("\n".join([*fills, *odd]) + "\n")
    (folder / "quotes.csv").write_text("\n".join(quotes) + "\n")
