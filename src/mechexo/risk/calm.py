"""A look whose texts are short lines that steer no terminal and show no secret, whoever's code
brought them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mechexo.outside.shaping import text
from mechexo.risk.values import Amount, RiskLook

LONGEST_NAME = 60
LONGEST_WORDS = 200
MOST_REMARKS = 8


def calmed(look: RiskLook, tidy: Callable[[str], str]) -> RiskLook:
    """The same look; `tidy` hides secrets."""

    def name(said: str) -> str:
        return text(tidy(said), longest=LONGEST_NAME)

    def words(said: str) -> str:
        return text(tidy(said), longest=LONGEST_WORDS)

    def amounts(found: tuple[Amount, ...] | None) -> tuple[Amount, ...] | None:
        if found is None:
            return None
        return tuple(Amount(each.value, name(each.currency)) for each in found)

    return replace(
        look,
        capital=amounts(look.capital),
        capital_used=amounts(look.capital_used),
        pnl_today=amounts(look.pnl_today),
        pnl_month=amounts(look.pnl_month),
        positions=None
        if look.positions is None
        else tuple(
            replace(
                each,
                symbol=name(each.symbol),
                currency=name(each.currency),
                account=name(each.account),
            )
            for each in look.positions
        ),
        limits=None
        if look.limits is None
        else tuple(
            replace(each, name=name(each.name), unit=name(each.unit)) for each in look.limits
        ),
        rates={name(currency): rate for currency, rate in look.rates.items()},
        priced=words(look.priced),
        why={part: words(why) for part, why in look.why.items()},
        remarks=tuple(words(each) for each in look.remarks[:MOST_REMARKS]),
    )
