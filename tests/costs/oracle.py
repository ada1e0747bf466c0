"""A slow second opinion on costs: plain loops over plain rows, written from the definitions."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from mechexo.costs.rules import QuoteRule

T0 = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Quote:
    ts: datetime
    symbol: str
    bid: float | None
    ask: float | None
    seq: int | None = None


@dataclass(frozen=True)
class Fill:
    fill_id: str
    ts: datetime
    symbol: str
    side: str
    quantity: float
    price: float
    commission: float | None = 0.0
    multiplier: float = 1.0
    fx: float = 1.0
    strategy: str | None = None


@dataclass(frozen=True)
class Answer:
    source: str
    suspect: bool = False
    notional: float | None = None
    slippage_bps: float | None = None
    spread_bps: float | None = None
    beyond_bps: float | None = None
    total_bps: float | None = None
    total_ccy: float | None = None


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def usable_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value > 0


def kind_of(quote: Quote, quotes: Sequence[Quote], zone: ZoneInfo, wide_factor: float) -> str:
    if not (usable_number(quote.bid) and usable_number(quote.ask)):
        return "withdrawn"
    if quote.ask < quote.bid:
        return "crossed"
    day = quote.ts.astimezone(zone).date()
    spreads = [
        other.ask - other.bid
        for other in quotes
        if other.symbol == quote.symbol
        and other.ts.astimezone(zone).date() == day
        and usable_number(other.bid)
        and usable_number(other.ask)
        and other.ask >= other.bid
    ]
    usual = statistics.median(spreads)
    return "wide" if usual > 0 and quote.ask - quote.bid > wide_factor * usual else "used"


def price(fill: Fill, quotes: Sequence[Quote], rule: QuoteRule) -> Answer:
    zone = ZoneInfo(rule.zone)
    own = [quote for quote in quotes if quote.symbol == fill.symbol]
    own.sort(key=lambda quote: (quote.ts, -1 if quote.seq is None else quote.seq))
    standing: Quote | None = None
    for quote in own:
        if quote.ts > fill.ts or (rule.strictly_before and quote.ts == fill.ts):
            break
        kind = kind_of(quote, quotes, zone, rule.wide_factor)
        if kind == "used":
            standing = quote
        elif kind == "withdrawn":
            standing = None
    if standing is None or fill.ts - standing.ts > rule.max_age * 5:
        return Answer("none")
    source = "quote" if fill.ts - standing.ts <= rule.max_age else "stale"
    sign = 1 if fill.side == "buy" else -1
    mid = (standing.bid + standing.ask) / 2
    size = abs(fill.quantity) * fill.multiplier * fill.fx
    notional = size * mid
    slippage = sign * (fill.price - mid)
    half = (standing.ask - standing.bid) / 2
    total_ccy = None if fill.commission is None else size * slippage + fill.commission
    return Answer(
        source,
        abs(fill.price - mid) > rule.suspect_pct / 100 * mid,
        notional,
        1e4 * slippage / mid,
        1e4 * half / mid,
        1e4 * (slippage - half) / mid,
        None if total_ccy is None else 1e4 * total_ccy / notional,
        total_ccy,
    )


def percentile(values: Sequence[float], level: float) -> float:
    """Type 7: linear between the two nearest ranks."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * level
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
