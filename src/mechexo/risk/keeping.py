"""What is known of a source, as the text that the state file keeps. Numbers stay exact."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mechexo.errors import UnreachableError
from mechexo.risk.values import Amount, Broker, Position, RiskLook, ToldLimit, Trading
from mechexo.times import from_iso_z, iso_z

if TYPE_CHECKING:
    from mechexo.config import RiskSettings

VERSION = 1
MOST_ROWS = 4_000
"""Positions, or limits, of one source. More are refused, for a part of them adds up to nothing."""
_POSITION = tuple(each.name for each in fields(Position))
_EXACT = frozenset({"quantity", "price", "value", "entry_price", "unrealised"})


def to_text(settings: RiskSettings, look: RiskLook) -> str:
    """The look, with what was asked for.

    Raises:
        UnreachableError: it has more rows than can be kept.
    """
    for what, rows in (("positions", look.positions), ("limits", look.limits)):
        if rows is not None and len(rows) > MOST_ROWS:
            raise UnreachableError(
                f"it tells of {len(rows):,} {what}, more than {MOST_ROWS:,}; let it add some up"
            )
    document = {
        "version": VERSION,
        "of": _identity(settings),
        "day": look.day.isoformat(),
        "trading": look.trading.value,
        "broker": look.broker.value,
        "capital": _amounts_out(look.capital),
        "capital_used": _amounts_out(look.capital_used),
        "positions": None
        if look.positions is None
        else [[_out(getattr(each, name)) for name in _POSITION] for each in look.positions],
        "pnl_today": _amounts_out(look.pnl_today),
        "pnl_month": _amounts_out(look.pnl_month),
        "limits": None
        if look.limits is None
        else [[each.name, _out(each.used), _out(each.limit), each.unit] for each in look.limits],
        "rates": {name: _out(rate) for name, rate in look.rates.items()},
        "as_of": iso_z(look.as_of) if look.as_of else None,
        "priced": look.priced,
        "why": dict(look.why),
        "remarks": list(look.remarks),
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def from_text(settings: RiskSettings, kept: str | None) -> RiskLook | None:
    """The look, or None when it cannot be read or the configuration asks for another by now."""
    try:
        document = json.loads(kept or "")
        if document["version"] != VERSION or document["of"] != _identity(settings):
            return None
        return _look(document)
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError):
        return None


def _look(kept: Mapping[str, Any]) -> RiskLook:
    positions, limits = kept["positions"], kept["limits"]
    return RiskLook(
        day=date.fromisoformat(kept["day"]),
        trading=Trading(kept["trading"]),
        broker=Broker(kept["broker"]),
        capital=_amounts_in(kept["capital"]),
        capital_used=_amounts_in(kept["capital_used"]),
        positions=None if positions is None else tuple(_position(each) for each in positions),
        pnl_today=_amounts_in(kept["pnl_today"]),
        pnl_month=_amounts_in(kept["pnl_month"]),
        limits=None
        if limits is None
        else tuple(
            ToldLimit(name, _in(used), _in(limit), unit) for name, used, limit, unit in limits
        ),
        rates={name: Decimal(rate) for name, rate in kept["rates"].items()},
        as_of=_moment(kept["as_of"]),
        priced=kept["priced"],
        why=dict(kept["why"]),
        remarks=tuple(kept["remarks"]),
    )


def _identity(settings: RiskSettings) -> list[Any]:
    """What makes a look another one. References only, never a secret."""
    return [
        *(settings.source, settings.currency, settings.zone, settings.day_starts.isoformat()),
        *(dict(settings.read), dict(settings.fields), dict(settings.multipliers)),
        settings.capital,
    ]


def _position(row: list[Any]) -> Position:
    if len(row) != len(_POSITION):
        raise ValueError("a position of another version")
    known: dict[str, Any] = {
        name: _in(each) if name in _EXACT else each
        for name, each in zip(_POSITION, row, strict=True)
    }
    return Position(**known)


def _amounts_out(amounts: tuple[Amount, ...] | None) -> list[list[Any]] | None:
    return None if amounts is None else [[_out(each.value), each.currency] for each in amounts]


def _amounts_in(kept: list[list[str]] | None) -> tuple[Amount, ...] | None:
    return None if kept is None else tuple(Amount(Decimal(value), of) for value, of in kept)


def _out(value: Decimal | str | None) -> str | None:
    return str(value) if isinstance(value, Decimal) else value


def _in(kept: str | None) -> Decimal | None:
    return None if kept is None else Decimal(kept)


def _moment(kept: str | None) -> datetime | None:
    return from_iso_z(kept) if kept else None
