"""What positions, P&L and limits add up to. Pure.

    exposure of a position = quantity x price x contract multiplier, below zero when short
    gross = sum |exposure|      net = sum exposure      utilisation = used / capital

Amounts of several currencies are added up only through rates; where one is missing the sum is not
known, and says which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, localcontext

from mechexo.risk.values import Amount, Exposure, Position, Share, ToldLimit, Total, Usage

_PRECISION = 60
"""Digits: sums of amounts within `numbers.LARGEST` are exact."""
_NAMED = 3
ZERO = Decimal(0)


def total(
    amounts: Sequence[Amount] | None, currency: str, rates: Mapping[str, Decimal], why: str = ""
) -> Total:
    """The sum of amounts in one currency. `why`: why they are not known, when they are None."""
    if amounts is None:
        return Total(None, currency, why or "not known")
    missing = _without_rate((each.currency for each in amounts), currency, rates)
    if missing:
        return Total(None, currency, missing)
    with localcontext(prec=_PRECISION):
        found = sum((each.value * _rate(each.currency, currency, rates) for each in amounts), ZERO)
    return Total(found, currency)


def exposure(
    positions: Sequence[Position] | None,
    currency: str,
    rates: Mapping[str, Decimal],
    why: str = "",
) -> Exposure:
    """What the positions add up to in one currency. `why`: why they are not known, when None."""
    if positions is None:
        unknown = Total(None, currency, why or "not known")
        return Exposure(unknown, unknown, unknown, unknown, (), ())
    with localcontext(prec=_PRECISION):
        return _exposure(positions, currency, rates)


def _exposure(
    positions: Sequence[Position], currency: str, rates: Mapping[str, Decimal]
) -> Exposure:
    priceless = [each.symbol for each in positions if each.value is None]
    missing = _without_rate((each.currency for each in positions), currency, rates)
    reason = f"no value of {_some(priceless)}" if priceless else missing
    own: dict[str, Decimal | None] = {}
    symbols: dict[str, Decimal | None] = {}
    long = short = ZERO
    for each in positions:
        known = own.get(each.currency, ZERO)
        own[each.currency] = None if each.value is None or known is None else known + each.value
        rate = _rate(each.currency, currency, rates) if _has(each, currency, rates) else None
        value = None if each.value is None or rate is None else each.value * rate
        so_far = symbols.get(each.symbol, ZERO)
        symbols[each.symbol] = None if value is None or so_far is None else so_far + value
        if value is not None:
            long, short = long + max(value, ZERO), short - min(value, ZERO)
    gross = None if reason else long + short

    def as_total(value: Decimal) -> Total:
        return Total(None, currency, reason) if reason else Total(value, currency)

    return Exposure(
        gross=as_total(long + short),
        net=as_total(long - short),
        long=as_total(long),
        short=as_total(short),
        by_symbol=tuple(
            Share(name, value, currency, _pct(None if value is None else abs(value), gross))
            for name, value in sorted(symbols.items(), key=_largest_first)
        ),
        by_currency=tuple(
            Share(name, value, name)
            for name, value in sorted(own.items(), key=lambda each: each[0])
        ),
    )


def utilisation_pct(used: Total, capital: Total) -> float | None:
    """How much of the capital is used, in percent; None when either is not known, or there is
    no capital above zero to speak of a share of."""
    return _pct(used.value, capital.value)


def usage(limit: ToldLimit) -> Usage:
    """How much of a limit is used and left. A limit below zero cannot be judged: whether more or
    less is worse is not said by it. Nor can what is used when it is further below zero than the
    limit is above: it may be a profit, or a short position, or a loss."""
    used, most = limit.used, limit.limit
    why = (
        "what is used of it is not known"
        if used is None
        else "the limit itself is not known"
        if most is None
        else "a limit below zero cannot be judged"
        if most < 0
        else "what is used of it is below zero by more than the limit: more or less of what?"
        if -used > most
        else ""
    )
    if why or used is None or most is None:
        return Usage(limit.name, used, most, None, None, limit.unit, None, why)
    return Usage(
        limit.name, used, most, most - used, _pct(used, most), limit.unit, is_broken=used > most
    )


def worst_first(limits: Iterable[Usage]) -> tuple[Usage, ...]:
    """Broken ones first, then what is not known, then by the share in use."""

    def order(each: Usage) -> tuple[int, float, str]:
        rank = 0 if each.is_broken else 1 if each.is_broken is None else 2
        return rank, -(each.used_pct or 0.0), each.name

    return tuple(sorted(limits, key=order))


def _pct(part: Decimal | None, whole: Decimal | None) -> float | None:
    if part is None or whole is None or whole <= 0:
        return None
    return float(100 * part / whole)


def _largest_first(share: tuple[str, Decimal | None]) -> tuple[int, Decimal, str]:
    name, value = share
    return (0, ZERO, name) if value is None else (1, -abs(value), name)


def _has(position: Position, currency: str, rates: Mapping[str, Decimal]) -> bool:
    return position.currency == currency or position.currency in rates


def _rate(own: str, currency: str, rates: Mapping[str, Decimal]) -> Decimal:
    return Decimal(1) if own == currency else rates[own]


def _without_rate(currencies: Iterable[str], currency: str, rates: Mapping[str, Decimal]) -> str:
    missing = sorted({each for each in currencies if each != currency and each not in rates})
    return f"no rate of {_some(missing)} in {currency}" if missing else ""


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    said = ", ".join(names[:_NAMED])
    return f"{said} and {more} more" if more > 0 else said
