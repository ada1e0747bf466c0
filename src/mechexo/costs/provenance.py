"""Where figures come from: by which rules, from which data, computed when and by what."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.state.audit import canonical
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    import polars as pl

    from mechexo.config.costs import CostSettings

SHAPE_NO_FIGURE = frozenset(
    {
        *("fills", "quotes", "trades", "bars", "orders", "rates"),
        *("fill_columns", "quote_columns", "trade_columns", "bar_columns"),
        *("order_columns", "rate_columns", "tags", "horizons"),
        *("folder", "store", "engine", "workers", "memory_mb", "alerts"),
    }
)
"""Settings that say where data is, and how it is worked on, not what a fill costs. An address can
also hold a password, which must not get into a report."""

INPUTS = (
    *("fill_id", "ts", "symbol", "side", "quantity", "price", "commission", "multiplier", "fx"),
    *("ref_source", "bid", "ask", "mid", "quote_age_us"),
)
"""The columns of a priced fill from which every figure of it follows."""

_DIGITS = 16
_ROWS_AT_ONCE = 100_000


@dataclass(frozen=True, slots=True)
class Provenance:
    """What somebody needs to make the same figures again, or to see why theirs differ."""

    quote_rule: str
    parameters: Mapping[str, str]
    """Every setting that shapes the figures, by its name in `[costs]`."""
    parameters_digest: str
    data_digest: str
    """Of all fills that were accepted and their reference prices: equal for equal data, however
    its files are cut or ordered."""
    days: Mapping[str, str]
    """The same for each session day."""
    currency: str
    zone: str
    version: str
    """Of mechexo."""
    generated_at: datetime


def parameters(settings: CostSettings, zone: str) -> dict[str, str]:
    """The settings that shape the figures, as text, and the zone of their days and hours."""
    shaping = {
        field.name: getattr(settings, field.name)
        for field in fields(settings)
        if field.name not in SHAPE_NO_FIGURE
    }
    return {name: _said(value) for name, value in {**shaping, "zone": zone}.items()}


def digest_of(named: Mapping[str, str]) -> str:
    """A digest of texts by name; their order does not count."""
    return hashlib.sha256(canonical(dict(named)).encode()).hexdigest()[:_DIGITS]


def data_digest(priced: pl.DataFrame) -> str:
    """A digest of priced fills, in the order of their time and id: SHA-256 of their `INPUTS` as
    CSV with every number in its shortest exact form."""
    digest = hashlib.sha256()
    rows = priced.select(INPUTS).sort("ts", "fill_id", maintain_order=True)
    for part in rows.iter_slices(_ROWS_AT_ONCE):
        digest.update(part.write_csv(include_header=False, quote_style="non_numeric").encode())
    return digest.hexdigest()[:_DIGITS]


def whole_digest(days: Mapping[str, str]) -> str:
    """The digest of several days from those of each, so that days can be worked on apart."""
    return digest_of(days)


def _said(value: object) -> str:
    from datetime import time, timedelta

    if value is None:
        return "not set"
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    if isinstance(value, time):
        return value.isoformat("minutes")
    if isinstance(value, str) or not isinstance(value, Iterable):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return ", ".join(_said(item) for item in value)
