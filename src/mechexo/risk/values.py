"""What is known of a desk's positions, P&L and limits. A None is not known, never zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from mechexo.outside import Standing
from mechexo.value_classes import dataclass

NOT_TOLD = "not told by this source"
FALLBACK = "USD"
"""The currency of amounts that neither name one nor are of a source that is said to be in one."""
NOTHING_YET = "nothing is there yet"
"""Of a P&L: no row, or an empty one. It is not known, and no trouble of the source."""


class Trading(StrEnum):
    """Whether the desk trades."""

    ON = "on"
    HALTED = "halted"
    UNKNOWN = "unknown"


class Broker(StrEnum):
    """How the connection to the broker is."""

    CONNECTED = "connected"
    AWAY = "away"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount of money."""

    value: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Position:
    """One position. Short ones have a quantity and a value below zero."""

    symbol: str
    quantity: Decimal | None
    """In units of the instrument."""
    price: Decimal | None
    """In `currency` for one unit."""
    value: Decimal | None
    """The exposure, in `currency`."""
    currency: str
    entry_price: Decimal | None = None
    unrealised: Decimal | None = None
    """The P&L that is not realised yet, in `currency`."""
    account: str = ""
    """Where it is held: an account, an exchange, a strategy; empty when not told."""


@dataclass(frozen=True, slots=True)
class ToldLimit:
    """A limit as the source tells it."""

    name: str
    used: Decimal | None
    limit: Decimal | None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class RiskLook:
    """What a look at a source brought. A part that is None is not known, and `why` says why."""

    day: date
    """The trading day that `pnl_today` is of; the month of `pnl_month` is its."""
    trading: Trading = Trading.UNKNOWN
    broker: Broker = Broker.UNKNOWN
    capital: tuple[Amount, ...] | None = None
    """What belongs together in several currencies stays apart until there is a rate. No amount at
    all is known to be nothing."""
    capital_used: tuple[Amount, ...] | None = None
    positions: tuple[Position, ...] | None = None
    pnl_today: tuple[Amount, ...] | None = None
    pnl_month: tuple[Amount, ...] | None = None
    limits: tuple[ToldLimit, ...] | None = None
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    """What one unit of a currency is worth in that of the table."""
    as_of: datetime | None = None
    """When that was so, where the source tells it."""
    priced: str = ""
    """What the positions' values are at, where it is not the market: `entry prices`."""
    why: Mapping[str, str] = field(default_factory=dict)
    """For each part that is not known, why."""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Total:
    """A sum in one currency; None when it is not known, and then `why` says why."""

    value: Decimal | None
    currency: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """The exposure in one symbol, or in one currency."""

    name: str
    value: Decimal | None
    """Signed, in `currency`."""
    currency: str
    of_gross_pct: float | None = None


@dataclass(frozen=True, slots=True)
class Exposure:
    """What all positions add up to, in one currency."""

    gross: Total
    net: Total
    long: Total
    short: Total
    """The value of the short positions, as a positive number."""
    by_symbol: tuple[Share, ...]
    """The largest first; what is not known before all."""
    by_currency: tuple[Share, ...]
    """Net, each in its own currency."""


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of a limit is used."""

    name: str
    used: Decimal | None
    limit: Decimal | None
    left: Decimal | None
    """Below zero when the limit is broken."""
    used_pct: float | None
    unit: str
    is_broken: bool | None
    """None when that is not known; `why` says why."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """A number that a limit is held against."""

    value: Decimal | None
    unit: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class RiskStanding:
    """What is known of a source, and how old that is."""

    name: str
    kind: str
    """Its scheme: sqlite, freqtrade, ..."""
    currency: str
    look: RiskLook | None
    """None when it was never learnt."""
    good_at: datetime | None
    asked_at: datetime | None
    why: str
    """Why the last question brought nothing; empty when it did."""
    standing: Standing
    until: datetime | None
    """While left alone: until when."""
    failures: int
