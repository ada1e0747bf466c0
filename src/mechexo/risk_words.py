"""What risk sources mean to their card and to the alerts. The meeting place of wings that know
nothing of each other. Pure.

A source is a probe, `risk.NAME`, and each of its configured limits another, `risk.NAME.LIMIT`: they
have the hysteresis, the history and the alerts of every probe. Of a source:

| it is | when |
| --- | --- |
| critical | the broker is away, or a limit that it tells is broken and none here watches it |
| unknown | it could not be read, what it tells is too old, or a part that is to be read was not |
| unknown | a limit that it tells cannot be judged and none here watches it |
| ok | else; whether the desk trades is said, and is no trouble by itself |

While a source is unknown its limits are unknown too and raise nothing of their own: one trouble
pages once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from mechexo.config.risk import MEASURES, limit_probe, measured_by, source_probe
from mechexo.config.watching import RISK_KIND, watched
from mechexo.health.values import Outcome, ProbeState, Status
from mechexo.observing import probe_observations
from mechexo.risk.measures import PERCENT, currency_of, measure, rates_of
from mechexo.risk.rules import usage, worst_first
from mechexo.risk.values import (
    NOT_TOLD,
    NOTHING_YET,
    Broker,
    Measured,
    RiskLook,
    RiskStanding,
    Trading,
    Usage,
)
from mechexo.times import format_duration

if TYPE_CHECKING:
    from mechexo.alerts.values import Observation
    from mechexo.config import LimitSettings, RiskSettings, Settings

Told = tuple[str, Outcome, datetime]
"""The name of a probe, what was found, and when."""
AHEAD = timedelta(minutes=2)
"""So far clocks may differ; a source that is further ahead would look fresh for as long."""
WARN_PCT = 80.0
CRITICAL_PCT = 100.0
"""Of a limit that the source itself tells."""
_NAMED = 3


def outcomes(standings: Iterable[RiskStanding], settings: Settings) -> Iterator[Told]:
    """What the last question to each source found out about its probes."""
    for standing in standings:
        table = settings.risk[standing.name]
        at = standing.asked_at
        if at is None:
            continue
        why = why_unknown(standing, table, at)
        look = standing.look
        if why or look is None:
            unknown = Outcome(Status.UNKNOWN, why or "not read yet as it is configured now")
            yield source_probe(standing.name), unknown, at
            for name in table.limits:
                yield limit_probe(standing.name, name), unknown, at
            continue
        yield source_probe(standing.name), source_outcome(look, table), at
        for name, limit in table.limits.items():
            found = measured(name, limit, look, table)
            yield limit_probe(standing.name, name), limit_outcome(name, limit, found), at


def why_unknown(standing: RiskStanding, table: RiskSettings, at: datetime) -> str:
    """Why what a source told last does not stand at a moment; "" when it does."""
    if standing.why:
        return standing.why
    as_of = standing.look.as_of if standing.look else None
    if table.stale_after is None or as_of is None:
        return ""
    age = at - as_of
    if age < -AHEAD:
        return f"its own moment is {format_duration(-age)} ahead: is it local time, told as UTC?"
    if age <= table.stale_after:
        return ""
    return f"what it tells is {format_duration(max(age, timedelta(0)))} old"


def source_outcome(look: RiskLook, table: RiskSettings) -> Outcome:
    """How a source is that was read."""
    told = unwatched_usages(look, table) if table.alert_on_told else []
    broken = [each for each in told if each.is_broken]
    troubles = ["the broker is away"] if look.broker is Broker.AWAY else []
    if broken:
        troubles.append(f"over its limit: {_some([each.name for each in broken])}")
    unread = [
        f"{part.replace('_', ' ')}: {why}"
        for part, why in look.why.items()
        if why not in (NOT_TOLD, NOTHING_YET)
    ]
    unread += [f"{each.name}: {each.why}" for each in told if each.is_broken is None]
    said = {
        Trading.ON: "trading is on",
        Trading.HALTED: "trading is halted",
        Trading.UNKNOWN: "",
    }[look.trading]
    count = "" if look.positions is None else f"{len(look.positions)} positions"
    if troubles:
        return Outcome(Status.CRITICAL, "; ".join([*troubles, *filter(None, (said,))]))
    if unread:
        return Outcome(
            Status.UNKNOWN, "; ".join(["not known: " + _some(unread), *filter(None, (said,))])
        )
    return Outcome(Status.OK, "; ".join(filter(None, (said, count))) or "read")


def unwatched_usages(look: RiskLook, table: RiskSettings) -> list[Usage]:
    """The limits that the source tells and no configured one watches, broken ones first."""
    watched_ones = {measured_by(name, each) for name, each in table.limits.items()}
    # What is called like a measure is measured here, not taken from what the source tells.
    seen = watched_ones - set(MEASURES)
    return [each for each in worst_first(map(usage, look.limits or ())) if each.name not in seen]


def measured(name: str, limit: LimitSettings, look: RiskLook, table: RiskSettings) -> Measured:
    """The number that a configured limit is held against."""
    currency, rates = currency_of(look, table.currency), rates_of(look, table.rates)
    return measure(measured_by(name, limit), look, currency, rates)


def bounds(name: str, limit: LimitSettings) -> tuple[float | None, float | None]:
    """Above what it is a warning, and above what critical."""
    if measured_by(name, limit) in MEASURES or (limit.warn, limit.critical) != (None, None):
        return limit.warn, limit.critical
    return WARN_PCT, CRITICAL_PCT


def limit_outcome(name: str, limit: LimitSettings, found: Measured) -> Outcome:
    """How a number is against its limit; at the limit it is still within it."""
    of = measured_by(name, limit).replace("_", " ")
    if found.value is None:
        return Outcome(Status.UNKNOWN, f"{of} is not known: {found.why}", None, found.unit)
    share = found.unit == PERCENT and measured_by(name, limit) not in MEASURES
    said = f"{of}: {amount(found.value, found.unit)}{' of it used' if share else ''}"
    warn, critical = bounds(name, limit)
    for status, above in ((Status.CRITICAL, critical), (Status.WARNING, warn)):
        if above is not None and found.value > Decimal(str(above)):
            detail = f"{said}, above {amount(Decimal(str(above)), found.unit)}"
            return Outcome(status, detail, float(found.value), found.unit)
    return Outcome(Status.OK, said, float(found.value), found.unit)


def amount(value: Decimal, unit: str) -> str:
    """A number as a person reads it: `1,234,567 USD`, `93.5 %`, `0.0421 BTC`."""
    size = abs(value)
    decimals = 0 if size >= 1000 else 2 if size >= 1 or not size else 6
    shown = f"{value:,.{decimals}f}"
    shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
    if shown in ("0", "-0") and value:
        shown = f"{value:.2E}"
    return f"{shown} {unit}".rstrip()


def observations(
    states: Sequence[ProbeState], settings: Settings, now: datetime
) -> list[Observation]:
    """What the probes of all sources say about their alerts."""
    own = [each for each in states if each.kind == RISK_KIND]
    status = {each.name: each.status for each in own}
    silent = {
        limit_probe(source, limit)
        for source, table in settings.risk.items()
        for limit in table.limits
        if status.get(source_probe(source)) is Status.UNKNOWN
        and status.get(limit_probe(source, limit)) is Status.UNKNOWN
    }
    speaking = [each for each in own if each.name not in silent]
    return probe_observations(speaking, watched(settings), now)


def _some(said: Sequence[str]) -> str:
    more = len(said) - _NAMED
    listed = "; ".join(said[:_NAMED])
    return f"{listed} and {more} more" if more > 0 else listed
