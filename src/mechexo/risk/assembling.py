"""From the rows that a desk's own tables or endpoints answered to what they mean. Pure.

Each part is read on its own: one that cannot be understood is not known, and says why, while the
others stand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from mechexo.errors import MechexoError, UnreachableError
from mechexo.on_off import is_on
from mechexo.risk.numbers import NoNumberError, number, optional
from mechexo.risk.values import (
    NOT_TOLD,
    NOTHING_YET,
    Amount,
    Broker,
    Position,
    RiskLook,
    ToldLimit,
    Trading,
)

Row = Mapping[str, Any]
"""A row by our names of its fields; a value without a name is under `VALUE`."""
VALUE = ""
Read = Sequence[Row] | MechexoError
"""The rows of a part, or why there are none."""
Result = TypeVar("Result")

_SHORT = frozenset({"short", "sell", "s", "sld"})
_LONG = frozenset({"long", "buy", "b", "l", "bot"})
_AWAY = frozenset({"disconnected", "down", "away", "closed", "lost", "error"})
_THERE = frozenset({"connected", "up", "ok", "open", "online", "ready"})
_HALTED = frozenset({"halted", "stopped", "paused", "closed", "suspended"})
_TRADES = frozenset({"running", "trading", "open", "active", "live"})


def assembled(
    parts: Mapping[str, Read],
    *,
    day: date,
    currency: str,
    multipliers: Mapping[str, float],
    capital: float | None,
) -> RiskLook:
    """The look that these parts make. `currency`: of what names none; `capital`: where no part
    tells it."""
    why: dict[str, str] = {}

    def part(name: str, read: Callable[[Sequence[Row]], Result]) -> Result | None:
        rows = parts.get(name)
        try:
            if rows is None:
                raise UnreachableError(NOT_TOLD)
            if isinstance(rows, MechexoError):
                raise rows
            return read(rows)
        except MechexoError as error:
            why[name] = str(error)
            return None

    def amounts(rows: Sequence[Row]) -> tuple[Amount, ...]:
        return amounts_of(rows, currency)

    def earned(rows: Sequence[Row]) -> tuple[Amount, ...]:
        if all(_first(row, "amount", "value") is None for row in rows):
            raise UnreachableError(NOTHING_YET)
        return amounts(rows)

    own = part("capital", amounts) if "capital" in parts or capital is None else None
    if capital is not None and "capital" not in parts:
        own = (Amount(Decimal(str(capital)), currency),)
    return RiskLook(
        day=day,
        trading=part("trading", trading_of) or Trading.UNKNOWN,
        broker=part("broker", broker_of) or Broker.UNKNOWN,
        capital=own,
        capital_used=part("capital_used", amounts),
        positions=part("positions", lambda rows: positions_of(rows, currency, multipliers)),
        pnl_today=part("pnl_today", earned),
        pnl_month=part("pnl_month", earned),
        limits=part("limits", limits_of),
        rates=part("rates", rates_of) or {},
        as_of=part("as_of", moment_of),
        why=why,
    )


def by_our_names(row: Row, theirs: Mapping[str, str]) -> Row:
    """A row by our names of its fields. `theirs`: what a field is called there, by its name; it
    goes before another that is called there as we call this one."""
    ours = {called: field for field, called in theirs.items()}
    own = {str(name): value for name, value in row.items() if str(name) not in ours}
    return own | {ours[str(name)]: value for name, value in row.items() if str(name) in ours}


def amounts_of(rows: Sequence[Row], currency: str) -> tuple[Amount, ...]:
    """The amounts of all rows. No row is not known, not zero.

    Raises:
        UnreachableError: there is no row, or an amount is missing or no number.
    """
    if not rows:
        raise UnreachableError("no row was found")
    return tuple(
        Amount(
            number(_first(row, "amount", "value"), "the amount"), _text(row, "currency") or currency
        )
        for row in rows
    )


def positions_of(
    rows: Sequence[Row], currency: str, multipliers: Mapping[str, float]
) -> tuple[Position, ...]:
    """The positions; one of nothing is none.

    Raises:
        UnreachableError: a row has no symbol, or a field that is no number.
    """
    found = (_position(row, currency, multipliers) for row in rows)
    return tuple(each for each in found if each.quantity != 0 or each.value not in (None, 0))


def _position(row: Row, currency: str, multipliers: Mapping[str, float]) -> Position:
    symbol = _text(row, "symbol")
    if not symbol:
        raise UnreachableError("a position has no symbol")
    quantity = optional(row.get("quantity"), f"the quantity of {symbol}")
    price = optional(row.get("price"), f"the price of {symbol}")
    value = optional(row.get("value"), f"the value of {symbol}")
    times = optional(row.get("multiplier"), f"the multiplier of {symbol}")
    sign = _sign(_text(row, "side"), symbol)
    if quantity is None and value is None:
        raise NoNumberError(f"{symbol} has neither a quantity nor a value")
    if _text(row, "side").lower() == "flat" and quantity:
        raise UnreachableError(f"{symbol} is said to be flat, and it has a quantity")
    if sign > 0 and quantity is not None and quantity < 0:
        raise UnreachableError(f"{symbol} is said to be long, and its quantity is below zero")
    if sign < 0 and quantity is not None:
        quantity = -abs(quantity)
    if times is not None and times <= 0:
        raise NoNumberError(f"the multiplier of {symbol} is not above zero: {times}")
    if value is None and quantity is not None and price is not None:
        if times is None:
            times = Decimal(str(multipliers.get(symbol, 1)))
        value = quantity * price * times
    elif value is not None and (sign < 0 or (quantity is not None and quantity < 0)):
        # Some tell the size of a short one's value only. One that is below zero though the
        # position is long stands as told: so is the delta of a put.
        value = -abs(value)
    return Position(
        symbol=symbol,
        quantity=quantity,
        price=price,
        value=value,
        currency=_text(row, "currency") or currency,
        entry_price=optional(row.get("entry_price"), f"the entry price of {symbol}"),
        unrealised=optional(row.get("unrealised"), f"the unrealised P&L of {symbol}"),
        account=_text(row, "account"),
    )


def _sign(side: str, symbol: str) -> int:
    """1 for long, -1 for short, 0 where the quantity's own sign says it."""
    said = side.lower()
    if not said or said == "flat":
        return 0
    if said in _SHORT:
        return -1
    if said in _LONG:
        return 1
    raise UnreachableError(f"the side of {symbol} is neither long nor short: {side[:20]!r}")


def limits_of(rows: Sequence[Row]) -> tuple[ToldLimit, ...]:
    """The limits. One whose number is missing is kept as not known.

    Raises:
        UnreachableError: a limit has no name, or a number that is none.
    """
    found = []
    for row in rows:
        name = _text(row, "name")
        if not name:
            raise UnreachableError("a limit has no name")
        used = optional(row.get("used"), f"what is used of {name}")
        most = optional(row.get("limit"), f"the limit {name}")
        found.append(ToldLimit(name, used, most, _text(row, "unit") or _text(row, "currency")))
    return tuple(found)


def rates_of(rows: Sequence[Row]) -> dict[str, Decimal]:
    """What one unit of each currency is worth.

    Raises:
        UnreachableError: a row has no currency, or no rate above zero.
    """
    found = {}
    for row in rows:
        name = _text(row, "currency")
        rate = number(row.get("rate"), f"the rate of {name or 'a currency'}")
        if not name or rate <= 0:
            raise UnreachableError(f"a rate needs a currency and a number above zero, not {rate}")
        found[name] = rate
    return found


def trading_of(rows: Sequence[Row]) -> Trading:
    """Whether the desk trades, from an on or off or one of the usual words.

    Raises:
        UnreachableError: it is none of them.
    """
    return _state(rows, Trading.ON, _TRADES, Trading.HALTED, _HALTED)


def broker_of(rows: Sequence[Row]) -> Broker:
    """How the connection is. With several rows (brokers) it is there when all are.

    Raises:
        UnreachableError: it is none of the usual words.
    """
    return _state(rows, Broker.CONNECTED, _THERE, Broker.AWAY, _AWAY)


def _state(
    rows: Sequence[Row],
    good: Result,
    good_words: frozenset[str],
    bad: Result,
    bad_words: frozenset[str],
) -> Result:
    if not rows:
        raise UnreachableError("no row was found")
    well = True
    for row in rows:
        stored = _first(row, "value")
        said = stored.strip().lower() if isinstance(stored, str) else ""
        on = is_on(stored)
        if said in bad_words or on is False:
            well = False
        elif said not in good_words and on is not True:
            raise UnreachableError(f"it says {str(stored)[:40]!r}, which is not known here")
    return good if well else bad


def moment_of(rows: Sequence[Row]) -> datetime:
    """A moment: ISO 8601 (without a zone UTC), or Unix seconds, milliseconds or nanoseconds. Of
    several rows the oldest: no more than that is known of all.

    Raises:
        UnreachableError: it is none.
    """
    if not rows:
        raise UnreachableError("no row was found")
    return min(_moment_of(_first(row, "value")) for row in rows)


def _moment_of(stored: Any) -> datetime:
    try:
        if isinstance(stored, str | datetime):
            at = stored if isinstance(stored, datetime) else datetime.fromisoformat(stored.strip())
            return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC)
        seconds = float(number(stored, "the moment"))
        while abs(seconds) > 1e11:
            seconds /= 1e3
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise UnreachableError(f"it is no moment: {str(stored)[:40]!r}") from None


def _first(row: Row, *names: str) -> Any:
    """The value under one of our names, else the one without a name, else the only one."""
    for name in (*names, VALUE):
        if name in row:
            return row[name]
    raise UnreachableError(f"a row has no {names[0]}")


def _text(row: Row, name: str) -> str:
    stored = row.get(name)
    return "" if stored is None else str(stored).strip()
