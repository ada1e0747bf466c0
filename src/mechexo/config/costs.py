"""The shape of `[costs]`. Each field's docstring is its documentation."""

from __future__ import annotations

from dataclasses import field
from datetime import time, timedelta
from typing import Annotated, Literal

from mechexo.config.cost_names import own_tags, single_horizons
from mechexo.config.fields import After, ClockTime, Duration, Severity, Table, Zone, between
from mechexo.value_classes import dataclass


@dataclass(frozen=True, kw_only=True)
class CostAlertSettings(Table):
    """`[costs.alerts]`: when costs are worth an alert. Without a limit nothing is raised."""

    severity: Severity = "medium"
    total_bps: float | None = None
    """The day's total cost above which an alert is raised."""
    slippage_bps: float | None = None
    """The day's slippage above which an alert is raised."""
    deviations: float | None = None
    """How many standard deviations of the days before it a day's total may lie above their mean."""
    baseline_days: Annotated[int, between(5, 250)] = 20
    """How many days with fills the baseline is made of."""
    unpriced_pct: float | None = None
    """The share of the day's fills without a reference above which an alert is raised."""
    min_fills: Annotated[int, between(1, 1_000_000)] = 20
    """A day with fewer fills is not judged."""


@dataclass(frozen=True, kw_only=True)
class CostSettings(Table):
    """`[costs]`: where fills and quotes are and how they are matched."""

    fills: str = ""
    """Parquet or CSV glob, `sqlite:///path?table=NAME`, another source's address, or `imported`."""
    quotes: str = ""
    """As `fills`, or `store`: the tick store."""
    trades: str = ""
    """The market's trades (ts, symbol, price, size): the next reference when there is no quote."""
    bars: str = ""
    """Bars of a minute (ts of their end, symbol, high, low, close, volume): the one after that."""
    orders: str = ""
    """The desk's orders (order_id, symbol, side, quantity, arrival_at and more)."""
    rates: str = ""
    """Exchange rates to the base currency (ts, currency, rate), for fills that carry none."""
    currency: str = "USD"
    """The desk's base currency: the unit of every amount."""
    zone: Zone | None = None
    """The exchange's zone, for days and hours; the desk's unless set."""
    naive_zone: Zone | None = None
    """The zone of timestamps that carry none; without it they are refused."""
    max_age: Duration = timedelta(seconds=60)
    """A quote older than this is stale: used up to five times this age, and counted as such."""
    quote_rule: Literal["strictly_before", "at_or_before"] = "strictly_before"
    lag_us: Annotated[int, between(0, 60_000_000)] = 0
    """How much later than stamped the desk could know a quote, in microseconds."""
    wide_factor: Annotated[float, between(1, 1e6)] = 50.0
    """A spread this many times its symbol-day's median is no reference."""
    venue_expiry: Duration | None = None
    """With quotes of several venues: how long a venue's quote stands without a new one. Unset, the
    quotes are one consolidated stream."""
    suspect_pct: Annotated[float, between(0.01, 100)] = 5.0
    """A fill further than this from its mid is listed as suspect and left out of the headline."""
    horizons: Annotated[tuple[Duration, ...], After(single_horizons)] = (
        timedelta(seconds=1),
        timedelta(seconds=10),
        timedelta(minutes=1),
        timedelta(minutes=5),
        timedelta(minutes=30),
    )
    """How long after a fill the market is looked at again: markouts, realised spread, impact."""
    day_starts: ClockTime = time(0, 0)
    """When the exchange's session day begins; past noon it belongs to the next day."""
    session_opens: ClockTime | None = None
    """When continuous trading begins, in the exchange's zone."""
    session_closes: ClockTime | None = None
    """When continuous trading ends, in the exchange's zone."""
    tags: Annotated[tuple[str, ...], After(own_tags)] = ()
    """Further text columns of the fills that costs can be grouped by."""
    size_buckets: tuple[float, ...] = (10_000.0, 100_000.0, 1_000_000.0)
    """Where one bucket of notional ends and the next begins."""
    fill_columns: dict[str, str] = field(default_factory=dict)
    """Our column name = the file's, where they differ."""
    quote_columns: dict[str, str] = field(default_factory=dict)
    """Our column name = the file's, where they differ."""
    trade_columns: dict[str, str] = field(default_factory=dict)
    """Our column name = the file's, where they differ."""
    bar_columns: dict[str, str] = field(default_factory=dict)
    """Our column name = the file's, where they differ."""
    order_columns: dict[str, str] = field(default_factory=dict)
    """Our column name = the file's, where they differ."""
    rate_columns: dict[str, str] = field(default_factory=dict)
    """Our column name = the file's, where they differ."""
    folder: str = "state/costs"
    """Where imported fills, per-fill results and acknowledged exceptions' data are kept."""
    store: str = "state/ticks"
    """The tick store that `mechexo costs ingest` fills: one file per day."""
    engine: Literal["local"] = "local"
    """Where costs are computed."""
    workers: Annotated[int, between(1, 256)] = 2
    """How many days are computed at once where a period is computed day by day."""
    memory_mb: Annotated[int, between(128, 1_000_000)] = 800
    """About how much memory `mechexo costs` and `ingest` may take; a period that needs more at once
    is computed day by day."""
    alerts: CostAlertSettings = field(default_factory=CostAlertSettings)
