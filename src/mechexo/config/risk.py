"""The shape of `[risk]`: where the desk's positions, P&L and limits are read, and what is watched.

Each field's docstring is its documentation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import time, timedelta
from typing import Annotated, Any

from mechexo.config.fields import (
    Before,
    ClockTime,
    Duration,
    Severity,
    Table,
    at_most,
    between,
    text,
)
from mechexo.config.plain_secrets import plain_secret
from mechexo.errors import close_names
from mechexo.value_classes import dataclass

ONLY = "desk"
"""What the source of a `[risk]` without a name is called."""
MEASURES = (
    "gross",
    "net",
    "long",
    "short",
    "largest",
    "positions",
    "capital_used",
    "gross_of_capital",
    "loss_today",
    "loss_month",
)
"""What a limit may be of, besides the limits that the source itself tells."""
PARTS = (
    "trading",
    "broker",
    "capital",
    "capital_used",
    "positions",
    "pnl_today",
    "pnl_month",
    "limits",
    "rates",
    "as_of",
)
"""What can be read of a desk's own tables or endpoints."""
FIELDS = (
    "symbol",
    "side",
    "quantity",
    "price",
    "value",
    "currency",
    "entry_price",
    "unrealised",
    "account",
    "multiplier",
    "name",
    "used",
    "limit",
    "unit",
    "amount",
    "rate",
)
"""What a row of a part may hold."""
READ_BY_PART = ("sqlite", "postgresql", "postgres", "https", "http")
"""The sources that `read` belongs to."""
_WITHOUT_READ = ("freqtrade", "hummingbot", "nautilus")


@dataclass(frozen=True, kw_only=True)
class LimitSettings(Table):
    """`[risk.NAME.limits.LIMIT]`: a limit that is watched and alerts."""

    of: str = ""
    """What is measured: gross, net, long, short, largest (the largest symbol), loss_today,
    loss_month (in the currency of the table), positions (how many), capital_used, gross_of_capital
    (percent); or the name of a limit that the source itself tells, whose share in use is measured
    in percent. By default the name of this table."""
    warn: float | None = None
    """Above this it is a warning. Of a limit that the source tells: 80 (percent)."""
    critical: float | None = None
    """Above this it is critical. Of a limit that the source tells: 100 (percent)."""
    severity: Severity = "high"
    """How bad it is; `critical` also takes ops_ok away."""
    fail_after: Annotated[int, between(1, 100)] = 1
    """Looks above the limit in a row until it is critical."""
    recover_after: Annotated[int, between(1, 100)] = 2
    """Looks within it in a row until it is well again."""
    runbook: str = ""
    """The runbook entry of its alert."""
    suspect: str = ""
    """The configured file or flow that a rollback of its alert would start from."""


@dataclass(frozen=True, kw_only=True)
class RiskSettings(Table):
    """`[risk.NAME]`: one source of what the desk holds and risks. A single one may be `[risk]`."""

    source: Annotated[str, text()]
    """`sqlite:///path`, `postgresql://...`, `https://...`, `freqtrade:///path`,
    `hummingbot:///path`, `nautilus:///folder`, or a plug-in's `kind://...`; `sqlite:////path` is
    absolute."""
    currency: str = ""
    """Sums are in this currency, as far as there are rates for the others. Empty: in the only one
    that the source names, else in USD."""
    zone: str = ""
    """The time zone of its trading day; empty: the desk's."""
    day_starts: ClockTime = time(0, 0)
    """When a trading day begins. From 12:00 on it is the next date's: 17:00 is how currencies
    are traded."""
    read: dict[str, str] = field(default_factory=dict)
    """Of sqlite, postgresql and https, for each part the query or the JSONPath."""
    fields: dict[str, str] = field(default_factory=dict)
    """What a field is called there, where it is not its own name: `symbol = "ticker"`."""
    rates: dict[str, Annotated[float, between(1e-12, 1e12)]] = field(default_factory=dict)
    """What one unit of another currency is worth in `currency`; one that the source tells counts
    before it."""
    multipliers: dict[str, Annotated[float, between(1e-12, 1e12)]] = field(default_factory=dict)
    """Contract multipliers by symbol, where the source does not tell a position's value."""
    capital: Annotated[float, between(0.0, 1e15)] | None = None
    """In `currency`, where the source does not tell it."""
    headers: dict[str, str] = field(default_factory=dict)
    """Of https: sent along; secrets in them by reference."""
    ca_file: str = ""
    """Of https: certificates to trust instead of the system's."""
    every: Duration = timedelta(minutes=1)
    """How often it is read."""
    timeout: Annotated[Duration, at_most("5s", "a tick looks no longer")] = timedelta(seconds=5)
    """How long all of one look may take."""
    stale_after: Duration | None = None
    """What the source tells is not known any more when its own moment is older than this. Without
    it nobody minds, and the age is shown."""
    severity: Severity = "high"
    """How bad it is when it cannot be read, when the broker is away, or when a limit that it tells
    is broken that no table below watches."""
    fail_after: Annotated[int, between(1, 100)] = 2
    """Looks in a row until that is so."""
    recover_after: Annotated[int, between(1, 100)] = 2
    """Looks in a row until it is well again."""
    runbook: str = ""
    """The runbook entry of its alert."""
    suspect: str = ""
    """The configured file or flow that a rollback of its alert would start from."""
    alert_on_told: bool = True
    """Whether a limit that the source tells, and no table below watches, makes it critical when it
    is broken. Off when probes of your own watch them already: one trouble pages once."""
    limits: dict[str, LimitSettings] = field(default_factory=dict)
    """What is watched."""


def _named(tables: object) -> object:
    """`[risk]` with a source, or anything else that is no source's own table, is the only one; else
    each of its tables is one."""
    if not isinstance(tables, dict):
        return tables
    limits = tables.get("limits")
    is_one = any(not isinstance(each, dict) for each in tables.values()) or (
        isinstance(limits, dict) and "source" not in limits
    )
    return {ONLY: tables} if is_one else tables


RiskTables = Annotated[dict[str, RiskSettings], Before(_named)]


def scheme_of(source: str) -> str:
    """The kind of a source: what stands before its `://`, in lower case; "" when nothing does."""
    before, sign, _ = source.partition("://")
    return before.lower() if sign else ""


def measured_by(name: str, limit: LimitSettings) -> str:
    """What a limit is of."""
    return limit.of or name


def wrong_risk(tables: Mapping[str, RiskSettings], probes: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong between keys of these tables, a sentence each."""
    sources = {source_probe(name) for name in tables}
    for name, table in tables.items():
        where = f"[risk.{name}]"
        kind = scheme_of(table.source)
        if not kind and not table.source.startswith("${"):
            yield f"{where} source is no address: expected one like freqtrade:///tradesv3.sqlite"
        if not table.currency and (table.capital is not None or table.rates):
            key = "rates" if table.rates else "capital"
            yield f"{where} {key} needs currency beside it"
        if found := plain_secret({"source": table.source, "headers": table.headers}):
            yield f"{where} {found}; write the secret as ${{env:NAME}} or ${{file:path}} instead"
        yield from _wrong_reading(where, kind, table)
        if table.zone and not _is_zone(table.zone):
            yield f"{where} zone {table.zone!r} is no IANA time zone like America/New_York"
        for limit, each in table.limits.items():
            yield from _wrong_limit(f"[risk.{name}.limits.{limit}]", limit, each)
            of = measured_by(limit, each)
            tells_none = kind in _WITHOUT_READ or (
                kind in READ_BY_PART and "limits" not in table.read
            )
            if of not in MEASURES and tells_none:
                yield (
                    f"[risk.{name}.limits.{limit}] {of!r} is nothing that is measured, and this "
                    f"source tells no limits; {close_names(of, list(MEASURES))}"
                )
        for limit in table.limits:
            if limit_probe(name, limit) in sources:
                yield (
                    f"{where} limit {limit!r} is watched as the probe {limit_probe(name, limit)}, "
                    "which is that of another source; name one of them without a dot"
                )
        for watched in (source_probe(name), *(limit_probe(name, each) for each in table.limits)):
            if watched in probes:
                yield f"{where} is watched as the probe {watched}, which [probes] has too"


def _wrong_reading(where: str, kind: str, table: RiskSettings) -> Iterator[str]:
    if kind in READ_BY_PART and not table.read:
        yield f"{where} read is empty: nothing would be read; it may have {', '.join(PARTS)}"
    if kind in _WITHOUT_READ and table.read:
        yield f"{where} read means nothing with a source of kind {kind}"
    for given, known, key in ((table.read, PARTS, "read"), (table.fields, FIELDS, "fields")):
        for each in given:
            if each not in known:
                yield f"{where} {key} {each!r} is unknown; {close_names(each, sorted(known))}"


def _wrong_limit(where: str, name: str, limit: LimitSettings) -> Iterator[str]:
    own = measured_by(name, limit) in MEASURES
    if own and limit.warn is None and limit.critical is None:
        yield f"{where} has neither warn nor critical"
    for value in (limit.warn, limit.critical):
        if value is not None and not 0 <= value < 1e18:
            yield f"{where} warn and critical are numbers from 0 up"
            return
    if limit.warn is not None and limit.critical is not None and limit.critical < limit.warn:
        yield f"{where} critical is below warn"


def _is_zone(name: str) -> bool:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def source_probe(source: str) -> str:
    """The name of the probe that a source is watched as."""
    return f"risk.{source}"


def limit_probe(source: str, limit: str) -> str:
    """The name of the probe that a limit is watched as."""
    return f"risk.{source}.{limit}"
