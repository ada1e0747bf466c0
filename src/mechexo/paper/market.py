"""The simulated market: quotes and fills of one session. Pure: the same inputs give the same rows.

Mid-prices are random walks whose volatility, like the spread, follows the U shape of a trading
day: widest at the open, calm at noon, rising into the close. Only Python's own Mersenne Twister
draws, so the rows of a seed never change with a library's version.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from mechexo.value_classes import dataclass

SESSION_S = 23_400.0
"""Length of a New York session, 09:30 to 16:00, in seconds: the unit of daily volatility."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """A traded symbol: its starting price, its volatility per day, its usual full spread."""

    symbol: str
    price: float
    daily_volatility: float
    spread_bps: float


UNIVERSE: tuple[Instrument, ...] = (
    Instrument("AAPL", 228.0, 0.014, 0.9),
    Instrument("AMZN", 186.0, 0.017, 1.1),
    Instrument("CAT", 352.0, 0.015, 2.4),
    Instrument("ETSY", 54.0, 0.030, 5.6),
    Instrument("GNRC", 148.0, 0.028, 6.4),
    Instrument("JPM", 212.0, 0.012, 1.4),
    Instrument("MSFT", 415.0, 0.013, 0.8),
    Instrument("NEE", 81.0, 0.0075, 1.9),
    Instrument("NVDA", 132.0, 0.024, 1.2),
    Instrument("PLD", 124.0, 0.014, 2.9),
    Instrument("UNH", 570.0, 0.013, 2.7),
    Instrument("XOM", 117.0, 0.012, 1.5),
)

BY_SYMBOL = {instrument.symbol: instrument for instrument in UNIVERSE}

VOLUME = 2_200_000.0
"""About what a day's quotes of a symbol show at the touch, in shares: it stands for the volume of
this market, which has no trades but ours."""
WALK = 3.0
"""How far beyond the touch a fill that takes more than it shows is made, in the daily volatility
times the square root of its share of the volume."""

VENUES = ("ARCX", "BATS", "IEXG", "XNAS")
MARKOUT_S = 1800.0
"""How far the strategies see: their sides lean towards the mid this much later."""


@dataclass(frozen=True, slots=True)
class Quote:
    """One top-of-book quote. `offset_s` counts from the start of the session."""

    offset_s: float
    symbol: str
    bid: float
    ask: float
    bid_size: int
    ask_size: int

    @property
    def mid(self) -> float:
        return (self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. `commission` is in dollars, positive when paid."""

    offset_s: float
    symbol: str
    side: str
    quantity: int
    price: float
    commission: float
    strategy: str
    venue: str
    order_id: str
    liquidity: str


def intraday_shape(position: float) -> float:
    """How lively the market is at `position` (0 the open, 1 the close); about 1 on average."""
    from_noon = 2.0 * position - 1.0
    opening = 0.5 * math.exp(-12.0 * max(position, 0.0))
    return 0.75 + 0.65 * from_noon * from_noon + opening


def step_mid(
    mid: float, instrument: Instrument, seconds: float, shape: float, draw: random.Random
) -> float:
    """The mid after `seconds` of a walk with the instrument's volatility times `shape`."""
    sigma = instrument.daily_volatility * math.sqrt(max(seconds, 0.0) / SESSION_S) * shape
    return mid * math.exp(draw.gauss(-sigma * sigma / 2, sigma))


def quote_around(
    mid: float, instrument: Instrument, offset_s: float, shape: float, draw: random.Random
) -> Quote:
    """A quote in whole cents around the mid, at least one cent wide."""
    wide = mid * instrument.spread_bps / 1e4 * shape * draw.uniform(0.7, 1.4)
    cents = max(1, round(wide * 100))
    bid = max(1, round(mid * 100 - cents / 2))
    return Quote(
        offset_s,
        instrument.symbol,
        bid / 100,
        (bid + cents) / 100,
        100 * draw.randint(1, 12),
        100 * draw.randint(1, 12),
    )


def symbol_quotes(
    instrument: Instrument,
    opening_mid: float,
    length_s: float,
    every_s: float,
    draw: random.Random,
) -> tuple[list[Quote], float]:
    """The quotes of one symbol over a session, and its last mid."""
    quotes: list[Quote] = []
    mid, offset = opening_mid, 0.0
    while True:
        wait = draw.uniform(0.2, 1.8) * every_s
        offset += wait
        if offset >= length_s:
            return quotes, mid
        shape = intraday_shape(offset / length_s)
        mid = step_mid(mid, instrument, wait, shape, draw)
        quotes.append(quote_around(mid, instrument, offset, shape, draw))


def execution(quote: Quote, offset_s: float, side: str, strategy: str, draw: random.Random) -> Fill:
    """One execution near the touch of `quote`: mostly taking it, now and then beyond it, the
    further the more it takes, passive at our own side, or at the mid."""
    touch, far, away = (
        (quote.ask, quote.bid, 0.01) if side == "buy" else (quote.bid, quote.ask, -0.01)
    )
    quantity = 10 * max(1, round(draw.lognormvariate(2.3, 0.7)))
    kind = draw.random()
    liquidity = "taker"
    if kind < 0.64:
        price = touch
    elif kind < 0.85:
        price = touch + away * walked_cents(quote, quantity)
    elif kind < 0.97:
        price, liquidity = far, "maker"
    else:
        price = quote.mid
    per_share = 0.0035 if liquidity == "taker" else 0.0012
    return Fill(
        offset_s,
        quote.symbol,
        side,
        quantity,
        round(price, 4),
        round(max(0.35, per_share * quantity), 4),
        strategy,
        draw.choice(VENUES),
        f"{draw.getrandbits(48):012x}",
        liquidity,
    )


def walked_cents(quote: Quote, quantity: int) -> int:
    """How far beyond the touch an execution of this quantity goes when it takes all that is there,
    in cents."""
    volatility = BY_SYMBOL[quote.symbol].daily_volatility
    return max(1, round(100 * quote.mid * WALK * volatility * math.sqrt(quantity / VOLUME)))


def symbol_fills(quotes: Sequence[Quote], count: int, draw: random.Random) -> list[Fill]:
    """`count` executions spread over a symbol's session, each shortly after a quote."""
    if len(quotes) < 3:
        return []
    last = len(quotes) - 1
    horizon = max(1, round(MARKOUT_S / max(quotes[last].offset_s / last, 1e-9)))
    fills = []
    for place in sorted(draw.randrange(last) for _ in range(count)):
        quote, following = quotes[place], quotes[place + 1]
        offset = quote.offset_s + draw.uniform(0.05, 0.9) * (following.offset_s - quote.offset_s)
        strategy = "canary" if draw.random() < 0.16 else "base"
        rises = quotes[min(place + horizon, last)].mid >= quote.mid
        right = draw.random() < (0.56 if strategy == "canary" else 0.54)
        side = "buy" if rises == right else "sell"
        fills.append(execution(quote, offset, side, strategy, draw))
    return fills


@dataclass(frozen=True, slots=True)
class Session:
    """A session's quotes and fills in time order, and the last mid of each symbol."""

    quotes: tuple[Quote, ...]
    fills: tuple[Fill, ...]
    closing_mids: Mapping[str, float]


def simulate_session(
    seed: str,
    opening_mids: Mapping[str, float],
    *,
    length_s: float = SESSION_S,
    every_s: float = 14.0,
    fills_per_symbol: int = 20,
    flawed: bool = True,
) -> Session:
    """One session of the whole universe.

    With `flawed` it has what real feeds have: some crossed and some empty quotes, and one symbol
    whose feed falls silent for minutes while it still trades (fills with stale quotes).
    """
    draw = random.Random(seed)
    quotes: list[Quote] = []
    fills: list[Fill] = []
    closing: dict[str, float] = {}
    for instrument in UNIVERSE:
        opening = opening_mids[instrument.symbol]
        own, closing[instrument.symbol] = symbol_quotes(
            instrument, opening, length_s, every_s, draw
        )
        fills += symbol_fills(own, fills_per_symbol, draw)
        quotes += own
    if flawed:
        quotes = _with_flaws(quotes, length_s, draw)
    quotes.sort(key=lambda quote: (quote.offset_s, quote.symbol))
    fills.sort(key=lambda fill: (fill.offset_s, fill.symbol))
    return Session(tuple(quotes), tuple(fills), closing)


def _with_flaws(quotes: list[Quote], length_s: float, draw: random.Random) -> list[Quote]:
    silent = draw.choice(UNIVERSE).symbol
    start = draw.uniform(0.1, 0.8) * length_s
    end = start + draw.uniform(120.0, 900.0)
    kept = []
    for quote in quotes:
        if quote.symbol == silent and start <= quote.offset_s < end:
            continue
        chance = draw.random()
        bid, ask = quote.bid, quote.ask
        if chance < 0.0004:
            bid, ask = ask, bid
        elif chance < 0.0007:
            bid, ask = 0.0, 0.0
        kept.append(Quote(quote.offset_s, quote.symbol, bid, ask, quote.bid_size, quote.ask_size))
    return kept


def overnight(mids: Mapping[str, float], seed: str) -> dict[str, float]:
    """The next opening: each close moved by a gap of about 40 % of a day's volatility."""
    draw = random.Random(f"{seed} overnight")
    return {
        symbol: mid * math.exp(draw.gauss(0.0, 0.4 * BY_SYMBOL[symbol].daily_volatility))
        for symbol, mid in sorted(mids.items())
    }


def business_days(before: date, count: int) -> list[date]:
    """The last `count` weekdays before a day, oldest first. Holidays are traded: it is paper."""
    days: list[date] = []
    day = before
    while len(days) < count:
        day -= timedelta(days=1)
        if day.weekday() < 5:
            days.append(day)
    return days[::-1]


def at(start: datetime, offset_s: float) -> datetime:
    """The moment `offset_s` after the start of a session."""
    return start + timedelta(microseconds=round(offset_s * 1e6))
