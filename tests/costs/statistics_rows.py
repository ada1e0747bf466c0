"""Priced frames from the oracle's rows, and Hypothesis strategies for those rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import strategies as st

from costs.frames import UTC_US
from costs.statistics_oracle import PARTS, Row

HORIZON = "1m"
_TEXTS = ("fill_id", "symbol", "ref_source", "reason", "strategy", "venue", "auction")
_FLAGS = ("suspect", "locked", "after_crossed", "after_wide")


def priced_frame(rows: Sequence[Row], *, markouts: bool = False) -> pl.DataFrame:
    """The rows as `price_fills` gives them (and `add_markouts`), in (ts, fill_id) order."""
    records = [
        _record(row, markouts) for row in sorted(rows, key=lambda row: (row.ts, row.fill_id))
    ]
    names = list(_record(_EMPTY, markouts))
    kinds: dict[str, pl.DataType | type[pl.DataType]] = dict.fromkeys(names, pl.Float64)
    kinds |= dict.fromkeys(_TEXTS, pl.String) | dict.fromkeys(_FLAGS, pl.Boolean)
    kinds |= {"ts": UTC_US, "side": pl.Int8, "quote_age_us": pl.Int64}
    kinds |= dict.fromkeys(("broker", "order_id", "liquidity", "order_type"), pl.String)
    return pl.DataFrame(records, schema=kinds)


def _record(row: Row, markouts: bool) -> dict[str, object]:
    known, notional = row.mid is not None, row.notional
    reason = None if row.counts else ("suspect" if row.suspect else "no quote")
    quoted = known and row.half is not None
    record: dict[str, object] = {
        "fill_id": row.fill_id,
        "ts": row.ts,
        "symbol": row.symbol,
        "side": row.side,
        "quantity": row.quantity,
        "price": row.price,
        "commission": row.commission,
        "multiplier": row.multiplier,
        "fx": row.fx,
        "strategy": row.strategy,
        "venue": row.venue,
        "broker": None,
        "order_id": None,
        "liquidity": None,
        "order_type": None,
        "auction": row.auction,
        "adv": row.adv,
        "bid": (row.mid or 0.0) - (row.half or 0.0) if quoted else None,
        "ask": (row.mid or 0.0) + (row.half or 0.0) if quoted else None,
        "mid": row.mid,
        "quote_age_us": 1_000_000 if known else None,
        "ref_source": row.source,
        **dict.fromkeys(_FLAGS, False),
        "suspect": row.suspect,
        "reason": reason,
        "notional": notional,
    }
    parts = [*PARTS]
    if markouts:
        record[f"mid_{HORIZON}"] = row.later_mid
        parts += ["realised", "impact"]
    for part in parts:
        name = f"{part}_{HORIZON}" if part in ("realised", "impact") else part
        cash = row.cash(part)
        record[f"{name}_ccy"] = cash
        record[f"{name}_bps"] = None if cash is None or not notional else 1e4 * cash / notional
    return record


T0 = datetime(2026, 3, 8, tzinfo=UTC)
_EMPTY = Row("", T0, "", 1, 1.0, 1.0, None, None, "none")

# About the changes of clocks of New York, London and Lord Howe.
CHANGES = (
    datetime(2026, 3, 8, 7, tzinfo=UTC),
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),
    datetime(2026, 10, 3, 15, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
)
MOMENTS = st.builds(
    lambda change, minutes: change + timedelta(minutes=minutes),
    st.sampled_from(CHANGES),
    st.integers(-36 * 60, 36 * 60),
)
_CENTS = st.integers(9_900, 10_100).map(lambda cents: cents / 100)


@st.composite
def _row(draw: st.DrawFn) -> Row:
    source = draw(st.sampled_from(["quote", "quote", "quote", "stale", "trade", "none"]))
    known = source != "none"
    return Row(
        "",
        draw(MOMENTS),
        draw(st.sampled_from(["AAA", "BBB", "CCC"])),
        draw(st.sampled_from([1, -1])),
        float(draw(st.integers(1, 1_000))),
        draw(_CENTS),
        draw(_CENTS) if known else None,
        draw(st.integers(0, 20)) / 100 if source in ("quote", "stale") else None,
        source,
        draw(st.sampled_from([None, -0.2, 0.0, 0.35, 12.5])),
        draw(st.sampled_from([1.0, 50.0])),
        draw(st.sampled_from([1.0, 1.0875])),
        known and draw(st.integers(0, 9)) == 0,
        draw(st.sampled_from([None, "base", "canary"])),
        draw(st.sampled_from([None, "XNAS", "XNYS"])),
        adv=draw(st.sampled_from([None, 0.0, 1_000.0, 100_000.0])),
        later_mid=draw(st.none() | _CENTS) if known else None,
    )


def _numbered(rows: list[Row]) -> list[Row]:
    return [replace(row, fill_id=f"f{place:03}") for place, row in enumerate(rows)]


ROWS = st.lists(_row(), max_size=40).map(_numbered)

UNPAID = ROWS.map(lambda rows: [replace(row, commission=None) for row in rows])
"""The same without any commission."""
