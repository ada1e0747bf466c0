"""One trade of Interactive Brokers, whether its Flex report came as XML or as CSV.

Signs are those of cash: a commission is negative when it is paid, and so are taxes. `dateTime`
is the execution's; `orderTime` is the order's and no substitute for it. `fxRateToBase` leads to
the account's base currency. A cancellation names the trade that it cancels in `origTradeID`.
What IB books without a market (assignments, exercises, expiries, fractions of a share from a
corporate action) stands among the trades; its price is no price that anybody got.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

from mechexo.costs.imports.rows import amount, exact, localised, needed, tags_of, text
from mechexo.costs.imports.values import (
    ImportedFill,
    NoFill,
    Options,
    RowError,
    TakenBack,
    ZoneNeededError,
)
from mechexo.value_classes import dataclass

BROKER = "Interactive Brokers"
DATE_ONLY = "a date without a time cannot be matched with quotes (add dateTime to the query)"
_CANCELLED, _CORRECTED = "TradeCancel", "TradeCorrect"
_BOOKED = {"BookTrade": "book entries", "FracShare": "bookings of fractional shares",
           "FracShareCancel": "bookings of fractional shares"}  # fmt: skip
"""Types of transaction that happened in IB's books and on no market."""
_OPTION_EVENTS = {"A": "assignments of options", "GEA": "exercises and assignments of options",
                  "Ex": "exercises of options", "AEx": "exercises of options",
                  "MEx": "exercises of options", "Ep": "expiries of options"}  # fmt: skip
"""Codes of what becomes of an option without a trade; the price is the strike, or zero."""
_DETAILS = ("", "EXECUTION")
_TIME = re.compile(r"(\d{1,2}):?(\d{2}):?(\d{2})(?:\.\d+)?(?:\s*(\S+))?")
_DATES = ("%Y%m%d", "%Y-%m-%d", "%d-%b-%y")
_ZONES = {"UTC": 0, "GMT": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "PST": -8, "PDT": -7,
          "CET": 1, "CEST": 2, "JST": 9, "HKT": 8}  # fmt: skip
"""The abbreviations that IB writes, in hours from UTC."""
_DERIVATIVES = ("FUT", "OPT", "FOP")
_NOTHING = ("", "0", "--")


@dataclass(frozen=True, slots=True)
class Account:
    """What the report says of the account as a whole."""

    base_currency: str | None
    """What `fxRateToBase` leads to; None when the report does not tell."""

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, str]], said: str | None = None) -> Account:
        """The account of some trades: `said`, or the currency whose rate is 1 throughout."""
        if said:
            return cls(said)
        at_one = {row.get("currency", "") for row in rows if row.get("fxRateToBase") == "1"}
        return cls(at_one.pop() if len(at_one) == 1 else None)


def read_trade(
    row: Mapping[str, str], options: Options, account: Account
) -> ImportedFill | TakenBack | NoFill:
    """One row of the report's trades.

    Raises:
        RowError: it cannot be taken.
        ZoneNeededError: its time is local and nothing says where.
    """
    detail = row.get("levelOfDetail", "").upper()
    if detail not in _DETAILS:
        return NoFill(f"summaries ({detail.replace('_', ' ').lower()})")
    kind, original = row.get("transactionType", ""), row.get("origTradeID", "").strip()
    codes = _codes(row)
    booked = next((_OPTION_EVENTS[code] for code in codes if code in _OPTION_EVENTS), None)
    if booked or kind in _BOOKED:
        # Also one that is cancelled or corrected: what it cancels was no fill either.
        return NoFill(booked or _BOOKED[kind])
    if kind == _CANCELLED or "(Ca.)" in row.get("buySell", "") or "Ca" in codes:
        if original in _NOTHING:
            raise RowError("a cancellation that does not name the trade it cancels")
        return TakenBack(f"ib:{original}")
    at = _moment(row, options.zone)
    currency = needed(row, "currency", "currency")
    commission, taxes = _costs(row, currency)
    return ImportedFill(
        fill_id=_fill_id(row),
        at=at,
        symbol=needed(row, "symbol", "symbol"),
        side=needed(row, "buySell", "side").partition(" ")[0],
        quantity=exact(row.get("quantity"), "quantity"),
        price=exact(row.get("tradePrice") or row.get("price"), "price"),
        commission=commission,
        taxes=taxes,
        commission_currency=text(row.get("ibCommissionCurrency")) or currency,
        multiplier=_multiplier(row),
        fx=_rate(row, currency, options, account),
        currency=currency,
        strategy=text(row.get("orderReference")),
        venue=text(row.get("exchange")),
        broker=BROKER,
        order_id=_first(row, "ibOrderID", "orderID"),
        order_type=text(row.get("orderType")),
        replaces=f"ib:{original}" if kind == _CORRECTED and original not in _NOTHING else None,
        tags=tags_of(row, options.tags),
    )


def _codes(row: Mapping[str, str]) -> list[str]:
    """The codes of a trade, as a report of trades or of confirmations writes them: `A;P`."""
    return re.split(r"[;,\s]+", f"{row.get('notes', '')};{row.get('code', '')}")


def _fill_id(row: Mapping[str, str]) -> str:
    found = _first(row, "tradeID", "ibExecID", "execID", "transactionID")
    if found is None:
        raise RowError("no trade id (add tradeID to the query)")
    return f"ib:{found}"


def _first(row: Mapping[str, str], *names: str) -> str | None:
    """The first of these fields that says anything."""
    stripped = (row.get(name, "").strip() for name in names)
    return next((each for each in stripped if each not in _NOTHING), None)


def _costs(row: Mapping[str, str], currency: str) -> tuple[Decimal | None, Decimal | None]:
    """Commission and taxes, positive when paid; both in the commission's currency."""
    written = amount(row.get("ibCommission") or row.get("commission"), "commission")
    commission = None if written is None else -written
    taxes = amount(row.get("taxes") or row.get("tax"), "taxes")
    if not taxes:
        return commission, None
    if (text(row.get("ibCommissionCurrency")) or currency) != currency:
        # Two currencies in one sum: what the explicit costs are is not known.
        return None, None
    return commission, taxes if _taxes_are_amounts(row, written, taxes) else -taxes


def _taxes_are_amounts(row: Mapping[str, str], commission: Decimal | None, taxes: Decimal) -> bool:
    """Whether taxes are written as amounts and not as cash: the net cash of the trade tells."""
    net, proceeds = amount(row.get("netCash"), "cash"), amount(row.get("proceeds"), "proceeds")
    if net is None or proceeds is None or commission is None:
        return False
    return net == proceeds + commission - taxes


def _multiplier(row: Mapping[str, str]) -> Decimal:
    found = amount(row.get("multiplier"), "multiplier")
    if found is None and row.get("assetCategory", "") in _DERIVATIVES:
        raise RowError("a future or option without its multiplier (add multiplier to the query)")
    return Decimal(1) if found is None else found


def _rate(
    row: Mapping[str, str], currency: str, options: Options, account: Account
) -> Decimal | None:
    """The rate to the desk's base currency; None when the report's leads to another one."""
    if currency == options.currency:
        return Decimal(1)
    if account.base_currency != options.currency:
        return None
    return amount(row.get("fxRateToBase"), "exchange rate")


def _moment(row: Mapping[str, str], zone: ZoneInfo | None) -> datetime:
    """When the trade was executed.

    Written `20220526;144322`, with dashes and colons, with other separators, or as `tradeDate`
    and `tradeTime`; local to the account unless a zone follows.
    """
    whole = row.get("dateTime", "").strip()
    if whole in _NOTHING:
        day, clock = row.get("tradeDate", "").strip(), row.get("tradeTime", "").strip()
    else:
        day, clock = _parted(whole)
    if day in _NOTHING:
        raise RowError("no time")
    if clock in _NOTHING:
        raise RowError(DATE_ONLY)
    date = _date(day)
    found = _TIME.fullmatch(clock)
    if found is None:
        raise RowError("no readable time")
    hour, minute, second = (int(part) for part in found.groups()[:3])
    try:
        naive = date.replace(hour=hour, minute=minute, second=second)
    except ValueError:
        raise RowError("no readable time") from None
    if found.group(4):
        return _placed(naive, found.group(4))
    if zone is None:
        raise ZoneNeededError("the times of an Interactive Brokers report are the account's and")
    return localised(naive, zone)


def _parted(whole: str) -> tuple[str, str]:
    for separator in (";", ",", "T", " "):
        day, found, clock = whole.partition(separator)
        if found:
            return day.strip(), clock.strip()
    return whole, ""


def _date(text_: str) -> datetime:
    for pattern in _DATES:
        try:
            return datetime.strptime(text_, pattern)  # noqa: DTZ007 (placed by the caller)
        except ValueError:
            continue
    if "/" in text_:
        raise RowError("a date like 03/04/2026 may be two days (choose yyyyMMdd in the query)")
    raise RowError("no readable time")


def _placed(naive: datetime, name: str) -> datetime:
    if name in _ZONES:
        offset = timezone(timedelta(hours=_ZONES[name]))
        return naive.replace(tzinfo=offset).astimezone(UTC)
    try:
        return localised(naive, ZoneInfo(name))
    except (KeyError, ValueError, OSError):
        raise RowError(f"the zone {name} is unknown") from None
