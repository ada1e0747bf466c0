"""What the desk holds, earns and may lose, as people are shown it: what each source told, added up,
with its limits as they are watched. The meeting place of the risk and health wings.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mechexo.config.risk import MEASURES, limit_probe, measured_by, source_probe
from mechexo.health import operations as health
from mechexo.health.staleness import STANDS_FOR_INTERVALS, interval
from mechexo.health.values import ProbeState, Status
from mechexo.risk import operations as risk
from mechexo.risk.measures import capital_of, rates_of
from mechexo.risk.rules import exposure, total, usage, utilisation_pct
from mechexo.risk.trading_day import trading_day
from mechexo.risk.values import (
    Amount,
    Exposure,
    Position,
    RiskLook,
    RiskStanding,
    Total,
    Usage,
)
from mechexo.risk_words import bounds, measured, outcomes, unwatched_usages, why_unknown
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.config import LimitSettings, RiskSettings
    from mechexo.desk import Desk


@dataclass(frozen=True, slots=True)
class LimitRow:
    """A limit: what is used of it and left, and how it is."""

    source: str
    name: str
    used: Decimal | None
    limit: Decimal | None
    """Above it the limit is broken."""
    left: Decimal | None
    """Below zero when it is broken."""
    used_pct: float | None
    unit: str
    status: Status
    detail: str
    warn: Decimal | None = None
    """Above it somebody is warned."""
    probe: str = ""
    """The probe that watches it; empty for one that only the source tells."""


@dataclass(frozen=True, slots=True)
class RiskReport:
    """One source: what it told last, added up."""

    standing: RiskStanding
    status: Status
    detail: str
    currency: str
    capital: Total
    capital_used: Total
    used_pct: float | None
    exposure: Exposure
    unrealised: Total
    pnl_today: Total
    pnl_month: Total
    positions: tuple[Position, ...] | None
    limits: tuple[LimitRow, ...]
    """Broken ones first."""
    is_old: bool = False
    """What was read last does not stand any more: it could not be read since, nobody asked, or what
    it tells is too old itself."""


def look(desk: Desk, *, deadline_s: float) -> tuple[RiskReport, ...]:
    """Asks every source now, takes in what it says of its limits, and reports.

    Raises:
        BusyError, StateError: what they said could not be kept.
    """
    found = risk.look(desk, deadline_s=deadline_s, force=True)
    health.take_in(desk, outcomes(found, desk.settings))
    return _reports(desk, found)


def reports(desk: Desk) -> tuple[RiskReport, ...]:
    """What is known of each source, in the order of the file. Asks nobody."""
    return _reports(desk, risk.standings(desk))


def _reports(desk: Desk, standings: tuple[RiskStanding, ...]) -> tuple[RiskReport, ...]:
    probes = {each.name: each for each in health.probe_states(desk)} if standings else {}
    now, tick = desk.clock.now(), desk.settings.refresh.tick
    return tuple(
        _report(each, desk.settings.risk[each.name], probes, now, desk.zone, tick)
        for each in standings
    )


def _report(
    standing: RiskStanding,
    table: RiskSettings,
    probes: dict[str, ProbeState],
    now: datetime,
    desk_zone: ZoneInfo,
    tick: timedelta,
) -> RiskReport:
    own = probes[source_probe(standing.name)]
    currency, look = standing.currency, standing.look
    if look is None:
        nothing = Total(None, currency, standing.why or "not read yet")
        return RiskReport(
            *(standing, own.status, own.detail, currency, nothing, nothing, None),
            *(exposure(None, currency, {}, nothing.why), nothing, nothing, nothing, None),
            tuple(
                _unknown(standing.name, name, probes[limit_probe(standing.name, name)])
                for name in table.limits
            ),
        )
    zone = ZoneInfo(table.zone) if table.zone else desk_zone
    look = of_today(look, trading_day(now, zone, table.day_starts).day)
    rates = rates_of(look, table.rates)

    def added(part: str, amounts: tuple[Amount, ...] | None) -> Total:
        return total(amounts, currency, rates, look.why.get(part, ""))

    age = now - standing.good_at if standing.good_at else None
    stands_for = STANDS_FOR_INTERVALS * interval(table.every, tick)
    is_known = age is not None and age <= stands_for and not why_unknown(standing, table, now)
    capital = capital_of(look, currency, rates)
    used = added("capital_used", look.capital_used)
    return RiskReport(
        standing=standing,
        status=own.status,
        detail=own.detail,
        currency=currency,
        capital=capital,
        capital_used=used,
        used_pct=utilisation_pct(used, capital),
        exposure=exposure(look.positions, currency, rates, look.why.get("positions", "")),
        unrealised=_unrealised(look, currency, rates),
        pnl_today=added("pnl_today", look.pnl_today),
        pnl_month=added("pnl_month", look.pnl_month),
        positions=look.positions,
        limits=_limits(standing.name, look, table, probes, is_known),
        is_old=not is_known,
    )


def of_today(look: RiskLook, today: date) -> RiskLook:
    """The look without the P&L of another day or month, which is not that of this one."""
    why = dict(look.why)
    earned, month = look.pnl_today, look.pnl_month
    if look.day != today and earned is not None:
        earned, why["pnl_today"] = None, f"known of {look.day.isoformat()} only"
    if (look.day.year, look.day.month) != (today.year, today.month) and month is not None:
        month, why["pnl_month"] = None, f"known of {look.day:%Y-%m} only"
    return replace(look, pnl_today=earned, pnl_month=month, why=why)


def _unrealised(look: RiskLook, currency: str, rates: dict[str, Decimal]) -> Total:
    if look.positions is None:
        return Total(None, currency, look.why.get("positions", "not known"))
    known = [
        Amount(each.unrealised, each.currency)
        for each in look.positions
        if each.unrealised is not None
    ]
    if len(known) < len(look.positions):
        return Total(None, currency, "not told of every position")
    return total(known, currency, rates)


def _limits(
    source: str,
    look: RiskLook,
    table: RiskSettings,
    probes: dict[str, ProbeState],
    is_known: bool,
) -> tuple[LimitRow, ...]:
    rows = [
        _watched(source, name, limit, look, table, probes[limit_probe(source, name)])
        for name, limit in table.limits.items()
    ]
    rows += [_told(source, each, is_known) for each in unwatched_usages(look, table)]
    return tuple(sorted(rows, key=lambda each: (-each.status.rank, -(each.used_pct or 0.0))))


def _watched(
    source: str,
    name: str,
    limit: LimitSettings,
    look: RiskLook,
    table: RiskSettings,
    probe: ProbeState,
) -> LimitRow:
    of = measured_by(name, limit)
    if of not in MEASURES:
        told = [each for each in look.limits or () if each.name == of]
        if len(told) != 1:
            return _unknown(source, name, probe)
        found = usage(told[0])
        warn_pct, most_pct = bounds(name, limit)
        return LimitRow(
            *(source, name, found.used, found.limit, found.left, found.used_pct, found.unit),
            *(probe.status, probe.detail),
            warn=_part(found.limit, warn_pct if warn_pct is not None else most_pct),
            probe=probe.name,
        )
    measure = measured(name, limit, look, table)
    warn, critical = (None if each is None else Decimal(str(each)) for each in bounds(name, limit))
    most = critical if critical is not None else warn
    left = None if measure.value is None or most is None else most - measure.value
    pct = None
    if measure.value is not None and most:
        pct = float(100 * measure.value / most)
    return LimitRow(
        *(source, name, measure.value, most, left, pct, measure.unit, probe.status, probe.detail),
        warn=warn,
        probe=probe.name,
    )


def _part(limit: Decimal | None, pct: float | None) -> Decimal | None:
    return None if limit is None or pct is None else limit * Decimal(str(pct)) / 100


def _told(source: str, found: Usage, is_known: bool) -> LimitRow:
    status = Status.OK
    if found.is_broken is None or not is_known:
        status = Status.UNKNOWN
    if found.is_broken:
        status = Status.CRITICAL
    detail = found.why or ("over its limit" if found.is_broken else "")
    return LimitRow(
        *(source, found.name, found.used, found.limit, found.left, found.used_pct, found.unit),
        *(status, detail),
    )


def _unknown(source: str, name: str, probe: ProbeState) -> LimitRow:
    return LimitRow(
        source,
        name,
        None,
        None,
        None,
        None,
        probe.unit,
        probe.status,
        probe.detail,
        probe=probe.name,
    )
