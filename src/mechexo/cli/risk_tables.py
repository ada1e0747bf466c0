"""How risk looks in tables and documents. What is not known is a dash for people, null for others,
never a zero."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from mechexo.cli.ci_tables import STATUS_MARKS
from mechexo.health.values import Status
from mechexo.outside.words import asking_words
from mechexo.risk.rules import ZERO
from mechexo.risk.values import NOT_TOLD, Position, Share, Total
from mechexo.risk_words import AHEAD, amount
from mechexo.times import format_duration

if TYPE_CHECKING:
    from mechexo.risk_report import LimitRow, RiskReport

POSITION_FIELDS = (
    *("source", "account", "symbol", "quantity", "entry_price", "price", "value", "currency"),
    "unrealised",
)
LIMIT_FIELDS = (
    *("source", "name", "status", "used", "limit", "left", "used_pct", "unit", "warn", "probe"),
    "detail",
)

Columns = Sequence[str]
Rows = list[list[object]]


def source_rows(found: Sequence[RiskReport], now: datetime) -> tuple[Columns, Rows]:
    """A row for each source, for people."""
    columns = (
        *("source", "status", "trading", "broker", ">capital used", ">gross", ">net"),
        *(">P&L today", ">P&L month", ">known"),
    )
    return columns, [
        [
            *(each.standing.name, STATUS_MARKS[each.status], _trading(each), _broker(each)),
            _used(each),
            *(money(each.exposure.gross), money(each.exposure.net)),
            *(money(each.pnl_today), money(each.pnl_month), age(each, now)),
        ]
        for each in found
    ]


def remarks(found: Sequence[RiskReport], now: datetime) -> Iterator[str]:
    """For each source how it is in words, what is not known of it and why, and its limits that are
    not well."""
    for each in found:
        mark, standing = STATUS_MARKS[each.status], each.standing
        yield f"{mark}  {standing.name} ({standing.kind}): {each.detail}"
        yield from (f"  {line}" for line in notes(each, now))
        for row in each.limits:
            if row.status is not Status.OK:
                yield f"  {STATUS_MARKS[row.status]}  {row.name}: {row.detail}"


def notes(report: RiskReport, now: datetime) -> Iterator[str]:
    """What a person must know beside the numbers of a source."""
    standing, look = report.standing, report.standing.look
    if asking := asking_words(standing, now):
        yield asking
    if look is None:
        return
    if look.priced:
        yield f"values are at {look.priced}"
    if look.as_of is not None:
        ahead = look.as_of - now
        yield (
            f"its own moment is {format_duration(ahead)} ahead"
            if ahead > AHEAD
            else f"it tells of {format_duration(max(-ahead, timedelta(0)))} ago"
        )
    told = {part for part, why in look.why.items() if why == NOT_TOLD}
    if told:
        yield f"not told by this source: {', '.join(_part(each) for each in sorted(told))}"
    for part, why in look.why.items():
        if part not in told:
            yield f"{_part(part)} not known: {why}"
    sums = {
        "capital": report.capital,
        "capital used": report.capital_used,
        "exposure": report.exposure.gross,
        "P&L today": report.pnl_today,
        "P&L month": report.pnl_month,
    }
    for name, each in sums.items():
        if each.why and each.why not in look.why.values():
            yield f"{name} not known: {each.why}"
    yield from look.remarks


def position_rows(found: Sequence[RiskReport]) -> tuple[Columns, Rows]:
    """Positions for people."""
    columns = (
        *("source", "symbol", ">quantity", ">price", ">value", "currency", ">unrealised"),
        *("?account", ">?entry"),
    )
    return columns, [
        [
            *(source, each.symbol, plain(each.quantity), plain(each.price), plain(each.value)),
            *(each.currency, plain(each.unrealised), each.account or None),
            plain(each.entry_price),
        ]
        for source, each in _positions(found)
    ]


def position_values(found: Sequence[RiskReport]) -> Rows:
    """Positions for other programs, in the order of `POSITION_FIELDS`."""
    return [
        [source if name == "source" else exact(getattr(each, name)) for name in POSITION_FIELDS]
        for source, each in _positions(found)
    ]


def limit_rows(found: Sequence[RiskReport]) -> tuple[Columns, Rows]:
    """Limits for people."""
    columns = (
        *("source", "limit", "status", ">used", ">of", ">left", ">share", "unit", "watched by"),
    )
    return columns, [
        [
            *(row.source, row.name, STATUS_MARKS[row.status]),
            *(plain(row.used), plain(row.limit), plain(row.left)),
            None if row.used_pct is None else f"{row.used_pct:.1f} %",
            *(row.unit or None, row.probe or "its source"),
        ]
        for row in _limits(found)
    ]


def limit_values(found: Sequence[RiskReport]) -> Rows:
    """Limits for other programs, in the order of `LIMIT_FIELDS`."""
    return [[exact(getattr(row, name)) for name in LIMIT_FIELDS] for row in _limits(found)]


def documents(found: Sequence[RiskReport]) -> list[dict[str, object]]:
    """Sources for other programs."""
    return [_document(each) for each in found]


def _document(report: RiskReport) -> dict[str, object]:
    standing, look = report.standing, report.standing.look
    exposure = report.exposure
    return {
        **{"name": standing.name, "kind": standing.kind, "currency": report.currency},
        **{"status": report.status, "detail": report.detail},
        **{"observed_at": standing.good_at, "asked_at": standing.asked_at, "error": standing.why},
        "breaker": {
            **{"standing": standing.standing, "until": standing.until},
            "failures": standing.failures,
        },
        "as_of": look.as_of if look else None,
        "priced_at": (look.priced or "market") if look else None,
        "trading": look.trading if look else "unknown",
        "broker": look.broker if look else "unknown",
        "capital": total(report.capital),
        "capital_used": {**total(report.capital_used), "used_pct": report.used_pct},
        "exposure": {
            **{name: total(getattr(exposure, name)) for name in ("gross", "net", "long", "short")},
            "by_symbol": [_share(each) for each in exposure.by_symbol],
            "by_currency": [_share(each) for each in exposure.by_currency],
        },
        "unrealised": total(report.unrealised),
        "pnl": {
            "day": look.day if look else None,
            "today": total(report.pnl_today),
            "month": total(report.pnl_month),
        },
        "positions": None if report.positions is None else len(report.positions),
        "limits": [dict(zip(LIMIT_FIELDS, row, strict=True)) for row in limit_values([report])],
        "unknown": dict(look.why) if look else {},
        "remarks": look.remarks if look else (),
    }


def known_sources(found: Sequence[RiskReport], part: str) -> list[dict[str, object]]:
    """For each source since when a part is so, and why it is not known, for other programs: without
    it an empty list would read as nothing held."""
    return [
        {
            "name": each.standing.name,
            "status": each.status,
            "observed_at": each.standing.good_at,
            "why": _why_unknown(each, part) or None,
        }
        for each in found
    ]


def nothing(found: Sequence[RiskReport], part: str, what: str) -> str:
    """What an empty table says."""
    if not found:
        return "no source is configured"
    return "not known" if any(_why_unknown(each, part) for each in found) else what


def unknown_parts(found: Sequence[RiskReport], part: str, now: datetime) -> Iterator[str]:
    """A line for each source that did not answer, or did not tell of a part."""
    mark = STATUS_MARKS[Status.UNKNOWN]
    for each in found:
        if why := _why_unknown(each, part):
            name, known = each.standing.name, age(each, now) or "never"
            yield f"{mark}  {name}: {part} not known: {why}; last read {known}"


def _why_unknown(report: RiskReport, part: str) -> str:
    """Why a part of a source is not known now: it was not told, is too old, or was never read."""
    look = report.standing.look
    if look is not None and part in look.why:
        return look.why[part]
    if look is None or report.standing.why or report.is_old:
        return report.detail
    return ""


def age(report: RiskReport, now: datetime) -> str | None:
    """How old what is known is."""
    at = report.standing.good_at
    return None if at is None else f"{format_duration(max(now - at, timedelta(0)))} ago"


def money(found: Total) -> str | None:
    """A sum for people."""
    return None if found.value is None else amount(found.value, found.currency)


def plain(value: Decimal | None) -> str | None:
    """A number for people."""
    return None if value is None else amount(value, "")


def total(found: Total) -> dict[str, object]:
    """A sum for other programs."""
    return {"value": exact(found.value), "currency": found.currency, "why": found.why or None}


def exact(value: object) -> object:
    """A number as JSON and CSV have it: a whole one whole, else the nearest float."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def _share(found: Share) -> dict[str, object]:
    return {
        **{"name": found.name, "value": exact(found.value), "currency": found.currency},
        "of_gross_pct": found.of_gross_pct,
    }


def _positions(found: Sequence[RiskReport]) -> list[tuple[str, Position]]:
    every = [(each.standing.name, one) for each in found for one in each.positions or ()]

    def order(pair: tuple[str, Position]) -> tuple[str, bool, Decimal, str]:
        source, each = pair
        return source, each.value is not None, -abs(each.value or ZERO), each.symbol

    return sorted(every, key=order)


def _limits(found: Sequence[RiskReport]) -> list[LimitRow]:
    rows = [row for each in found for row in each.limits]
    return sorted(rows, key=lambda row: (-row.status.rank, -(row.used_pct or 0.0)))


def _trading(report: RiskReport) -> str | None:
    return report.standing.look.trading.value if report.standing.look else None


def _broker(report: RiskReport) -> str | None:
    return report.standing.look.broker.value if report.standing.look else None


def _used(report: RiskReport) -> str | None:
    if report.used_pct is None:
        return money(report.capital_used)
    return f"{report.used_pct:.1f} %"


def _part(name: str) -> str:
    return {"pnl_today": "P&L today", "pnl_month": "P&L month"}.get(name, name.replace("_", " "))
