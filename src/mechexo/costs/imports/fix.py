"""FIX execution reports (35=8), out of a message log, by simplefix.

Messages stand anywhere in the file, one per line or not, with the real separator (SOH) or what a
log shows for it (`|`, `^A`). FIX 4.3 and later say what happened in 150: F a trade, H a trade
cancelled, G a trade corrected, both naming the trade in 19; 4.0 to 4.2 say it in 20. Times (60)
are UTC by the standard. An execution's id (17) is unique within a trading day only; see
`execution_ids`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from mechexo.costs.imports.content import Content
from mechexo.costs.imports.execution_ids import fill_id, waiting_name
from mechexo.costs.imports.rows import amount, exact, parsed, text
from mechexo.costs.imports.values import (
    ImportedFill,
    NoFill,
    Options,
    Parsed,
    RowError,
    TakenBack,
)
from mechexo.errors import ConfigError
from mechexo.value_classes import dataclass

NAME = "fix"
TITLE = "FIX execution reports"

_BEGIN = re.compile(rb"8=FIXT?\.\d\.\d(\x01|\||\^A)")
_SIDES = {"1": "buy", "2": "sell", "3": "buy", "4": "sell", "5": "sell", "6": "sell"}
_ORDER_TYPES = {"1": "market", "2": "limit", "3": "stop", "4": "stop limit", "5": "market on close",
                "B": "limit on close", "P": "pegged"}  # fmt: skip
_LIQUIDITY = {"1": "maker", "2": "taker"}
_TAXES = ("2", "5", "9")
"""Kinds of miscellaneous fees that are taxes: tax, stamp duty, consumption tax."""
_DERIVATIVES = ("FUT", "OPT", "FOP", "MLEG")
_PER_UNIT, _PERCENT, _ABSOLUTE = "1", "2", "3"


@dataclass(frozen=True, slots=True)
class _Message:
    """The text of one message, and why it cannot be read."""

    fields: Any
    fault: str = ""

    def get(self, tag: int) -> str | None:
        """A field's text."""
        value = self.fields.get(tag)
        return None if value is None else value.decode("utf-8", "replace")

    def group(self, first: int, *others: int) -> list[dict[int, str]]:
        """The entries of a repeating group: each begins with the field `first`."""
        entries: list[dict[int, str]] = []
        for tag, value in self.fields.pairs:
            number = int(tag)
            if number == first:
                entries.append({})
            if entries and number in (first, *others):
                entries[-1].setdefault(number, value.decode("utf-8", "replace"))
        return entries


def recognises(content: Content) -> bool:
    """Whether a FIX message begins near the beginning."""
    return _BEGIN.search(content.glance) is not None


def read(content: Content, options: Options) -> Parsed:
    """The fills among the messages.

    Raises:
        ConfigError: the extra `fix` is not installed.
    """
    notes = [f"a fill without its currency (15) is taken to be in {options.currency}"]
    messages = _noted(_messages(content.data), notes)
    return parsed(
        ((f"message no. {place}", each) for place, each in enumerate(messages, 1)),
        lambda message: _read(message, options.currency),
        options.tags,
        notes,
    )


def _noted(messages: Iterable[_Message], notes: list[str]) -> Iterator[_Message]:
    """The messages, one at a time: a log is long. What is to be said of them is among the notes
    when the last one is read."""
    in_percent = False
    for each in messages:
        if not (each.fault or in_percent):
            in_percent = each.get(13) == _PERCENT and text(each.get(12)) is not None
        yield each
    if in_percent:
        # Some counterparties write 5 for 5 %; only a person can see that from the amounts.
        notes.append("commissions in percent (13=2) are read as FIX writes them: 12=0.05 is 5 %")


def _messages(data: bytes) -> Iterator[_Message]:
    try:
        import simplefix
    except ImportError:
        raise ConfigError('FIX needs the extra "fix": pip install "mechexo[fix]"') from None
    starts = list(_BEGIN.finditer(data))
    for place, start in enumerate(starts):
        limit = starts[place + 1].start() if place + 1 < len(starts) else len(data)
        separator = re.escape(start.group(1))
        end = re.compile(separator + rb"10=(\d{3})(?:" + separator + rb"|[\r\n]|$)")
        found = end.search(data, start.start(), limit)
        if found is None:
            yield _Message(None, "a message that is cut off")
            continue
        body = data[start.start() : found.start() + len(start.group(1))]
        raw = body.replace(start.group(1), b"\x01")
        if sum(raw) % 256 != int(found.group(1)):
            yield _Message(None, "a message whose checksum does not fit")
            continue
        parser = simplefix.FixParser()
        parser.append_buffer(raw + b"10=" + found.group(1) + b"\x01")
        message = parser.get_message()
        yield _Message(message, "" if message is not None else "a message that cannot be read")


def _read(message: _Message, base: str) -> ImportedFill | TakenBack | NoFill:
    if message.fault:
        raise RowError(message.fault)
    if message.get(35) != "8":
        return NoFill("messages that are no execution reports")
    happened = _happened(message)
    if happened == "nothing":
        return NoFill("execution reports without an execution")
    if message.get(442) == "3":
        return NoFill("summaries of multi-leg orders")
    sender = message.get(49) or "?"
    reference = text(message.get(19))
    if happened in ("cancel", "correct") and reference is None:
        raise RowError(f"a trade {happened} that does not name the trade (19)")
    day, execution = _day(message), text(message.get(17))
    named = waiting_name(day, sender, reference or "", text(message.get(37)))
    if happened == "cancel":
        return TakenBack(named)
    if execution is None:
        raise RowError("no fill id (17)")
    own_id = fill_id(day, sender, execution)
    if reference == execution:
        named = own_id  # a correction under the same id
    side = _SIDES.get(message.get(54) or "")
    if side is None:
        raise RowError("the side (54) is neither buy nor sell")
    price, quantity = exact(message.get(31), "price (31)"), exact(message.get(32), "quantity (32)")
    currency = text(message.get(15)) or base
    costs = _costs(message, price, quantity, currency)
    return ImportedFill(
        fill_id=own_id,
        at=_moment(message.get(60)),
        symbol=_symbol(message),
        side=side,
        quantity=quantity,
        price=price,
        commission=costs.commission,
        fees=costs.fees,
        taxes=costs.taxes,
        commission_currency=costs.currency,
        multiplier=_multiplier(message),
        currency=currency,
        venue=text(message.get(30)),
        broker=text(message.get(76)) or text(message.get(49)),
        order_id=text(message.get(37)) or text(message.get(11)),
        order_type=_ORDER_TYPES.get(message.get(40) or ""),
        liquidity=_LIQUIDITY.get(message.get(851) or ""),
        replaces=named if happened == "correct" else None,
    )


def _happened(message: _Message) -> str:
    """`trade`, `cancel`, `correct` or `nothing`."""
    kind = message.get(150) or ""
    by_kind = {"F": "trade", "H": "cancel", "G": "correct"}
    if kind in by_kind:
        return by_kind[kind]
    # FIX 4.0 to 4.2: what happened is in 20, and a trade has a quantity.
    before = {"1": "cancel", "2": "correct"}.get(message.get(20) or "")
    if before:
        return before
    if message.get(20) == "0" and (kind in ("1", "2") or not kind) and _traded(message):
        return "trade"
    return "nothing"


def _traded(message: _Message) -> bool:
    found = amount(message.get(32), "quantity (32)")
    return found is not None and found != 0


def _symbol(message: _Message) -> str:
    found = text(message.get(55))
    if found is None or found == "[N/A]":
        raise RowError("no symbol (55)")
    month = text(message.get(200))
    return f"{found} {month}" if month else found


def _multiplier(message: _Message) -> Decimal:
    found = amount(message.get(231), "multiplier (231)")
    if found is None and message.get(167) in _DERIVATIVES:
        raise RowError("a future or option without its multiplier (231)")
    return Decimal(1) if found is None else found


def _day(message: _Message) -> date:
    """The trading day (75), or else the day of the moment (60; a cancellation may lack it: 52)."""
    written = text(message.get(75))
    if written is None:
        return _moment(message.get(60) or message.get(52)).date()
    try:
        return datetime.strptime(written, "%Y%m%d").date()  # noqa: DTZ007 (a day has no zone)
    except ValueError:
        raise RowError("no readable trading day (75)") from None


def _moment(written: str | None) -> datetime:
    words = text(written)
    if words is None:
        raise RowError("no time (60)")
    whole, _, fraction = words.removesuffix("Z").partition(".")
    try:
        found = datetime.strptime(whole, "%Y%m%d-%H:%M:%S")  # noqa: DTZ007 (UTC by the standard)
        microsecond = int(fraction[:6].ljust(6, "0"))
    except ValueError:
        raise RowError("no readable time (60)") from None
    return found.replace(microsecond=microsecond, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Costs:
    commission: Decimal | None
    fees: Decimal | None
    taxes: Decimal | None
    currency: str | None


def _costs(message: _Message, price: Decimal, quantity: Decimal, traded_in: str) -> _Costs:
    """Commission (12, by the kind in 13), and the miscellaneous fees (136 to 139), if all of them
    are in one currency: else what the explicit costs are is not known."""
    currency = text(message.get(479)) or traded_in
    commission = _commission(message, price, quantity)
    fees, taxes = Decimal(0), Decimal(0)
    for entry in message.group(137, 138, 139):
        if entry.get(138, traded_in) != currency:
            return _Costs(None, None, None, None)
        fee = exact(entry[137], "fee (137)")
        if entry.get(139) in _TAXES:
            taxes += fee
        else:
            fees += fee
    return _Costs(commission, fees or None, taxes or None, currency)


def _commission(message: _Message, price: Decimal, quantity: Decimal) -> Decimal | None:
    """The commission of this fill; None when its kind is not said or another one."""
    written, kind = amount(message.get(12), "commission (12)"), message.get(13)
    if written is None:
        return None
    multiplier = _multiplier(message)
    return {
        _PER_UNIT: written * quantity,
        # The standard, on 12: a commission of 5 % is represented as .05.
        _PERCENT: written * quantity * price * multiplier,
        _ABSOLUTE: written,
    }.get(kind or "")
