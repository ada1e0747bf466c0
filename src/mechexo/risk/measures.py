"""The numbers that configured limits are held against. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from mechexo.config.risk import MEASURES
from mechexo.risk.rules import ZERO, exposure, total, usage, utilisation_pct
from mechexo.risk.values import FALLBACK, Exposure, Measured, RiskLook, Total

PERCENT = "%"


def currency_of(look: RiskLook, configured: str) -> str:
    """The currency that sums are in: the configured one, else the only one that the source names,
    else US dollars."""
    sums = (look.capital, look.capital_used, look.pnl_today, look.pnl_month)
    named = {each.currency for amounts in sums for each in amounts or ()}
    named |= {each.currency for each in look.positions or ()}
    only = named.pop() if len(named) == 1 else FALLBACK
    return configured or only


def rates_of(look: RiskLook, configured: Mapping[str, float]) -> dict[str, Decimal]:
    """The rates to add up with: those that the source tells, else the configured ones."""
    return {name: Decimal(str(rate)) for name, rate in configured.items()} | dict(look.rates)


def measure(of: str, look: RiskLook, currency: str, rates: Mapping[str, Decimal]) -> Measured:
    """The number that `of` names; see `[risk.NAME.limits.LIMIT]`. Not known: None, with the reason.

    Losses count from 0 up: a profit is a loss of 0. The net exposure counts whichever way it goes.
    """
    if of not in MEASURES:
        return _of_a_told_limit(of, look)
    if of == "positions":
        count = None if look.positions is None else Decimal(len(look.positions))
        return Measured(count, "positions", "" if count is not None else _why(look, "positions"))
    if of in ("loss_today", "loss_month"):
        part = of.replace("loss", "pnl")
        amounts = look.pnl_today if of == "loss_today" else look.pnl_month
        earned = total(amounts, currency, rates, _why(look, part))
        loss = None if earned.value is None else max(-earned.value, ZERO)
        return Measured(loss, currency, earned.why)
    if of == "capital_used":
        used = total(look.capital_used, currency, rates, _why(look, "capital_used"))
        return _share(used, capital_of(look, currency, rates))
    found = exposure(look.positions, currency, rates, _why(look, "positions"))
    if of == "gross_of_capital":
        return _share(found.gross, capital_of(look, currency, rates))
    return _of_exposure(of, found, currency)


def capital_of(look: RiskLook, currency: str, rates: Mapping[str, Decimal]) -> Total:
    """The capital in one currency."""
    return total(look.capital, currency, rates, _why(look, "capital"))


def _of_exposure(of: str, found: Exposure, currency: str) -> Measured:
    if of == "largest":
        if found.gross.value is None:
            return Measured(None, currency, found.gross.why)
        values = [abs(each.value) for each in found.by_symbol if each.value is not None]
        return Measured(max(values, default=ZERO), currency)
    chosen: Total = getattr(found, of)
    value = chosen.value if of != "net" or chosen.value is None else abs(chosen.value)
    return Measured(value, currency, chosen.why)


def _share(part: Total, whole: Total) -> Measured:
    if part.value is None or whole.value is None:
        return Measured(None, PERCENT, part.why or whole.why)
    share = utilisation_pct(part, whole)
    if share is None:
        return Measured(None, PERCENT, "there is no capital above zero")
    return Measured(Decimal(str(share)), PERCENT)


def _of_a_told_limit(name: str, look: RiskLook) -> Measured:
    if look.limits is None:
        return Measured(None, PERCENT, f"its limits: {_why(look, 'limits')}")
    told = [each for each in look.limits if each.name == name]
    if not told:
        return Measured(None, PERCENT, f"the source tells of no limit {name!r}")
    if len(told) > 1:
        return Measured(None, PERCENT, f"the source tells of {len(told)} limits {name!r}")
    found = usage(told[0])
    if found.is_broken is None:
        return Measured(None, PERCENT, found.why)
    if found.used_pct is None:
        # A limit of nothing: anything used is more than all of it.
        return Measured(Decimal(1000) if found.is_broken else ZERO, PERCENT)
    return Measured(Decimal(str(found.used_pct)), PERCENT)


def _why(look: RiskLook, part: str) -> str:
    return look.why.get(part, "not known")
