"""The tables of saved costs and of acknowledged exceptions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mechexo.costs.saved import DAY, Acknowledgement, SavedCost
from mechexo.costs.values import FEW, CostRow, SourceShare
from mechexo.times import from_iso_z, iso_z

if TYPE_CHECKING:
    import sqlite3

    from mechexo.state import State, Transaction

FIGURES = (
    *("fills", "priced", "with_total", "notional"),
    *("commission_bps", "spread_bps", "beyond_bps", "slippage_bps", "total_bps"),
    *("commission_ccy", "spread_ccy", "beyond_ccy", "slippage_ccy", "total_ccy"),
    *("commission_all_ccy", "mean_bps", "sd_bps", "se_bps", "winsorised_mean_bps", "min_bps"),
    *("p5_bps", "p25_bps", "p50_bps", "p75_bps", "p95_bps", "p99_bps", "max_bps"),
    *("weighted_p50_bps", "weighted_p95_bps"),
)
"""The columns that hold one number of a `CostRow` each, under its name."""

_BY_NAME = (
    *("component_notional", "sources", "realised_bps", "impact_bps"),
    *("markout_fills", "slippage_statistics"),
)
_MAPPINGS = _BY_NAME[2:]
"""Figures by name; null where a row has none."""
_ABOUT = ("quote_rule", "parameters", "data", "version")
_COLUMNS = (
    *("day", "dimension", "key", "currency", "zone"),
    *(*FIGURES, *_BY_NAME, *_ABOUT, "computed_at"),
)
_INSERT = (
    f"INSERT INTO trade_costs ({', '.join(_COLUMNS)})"  # noqa: S608
    f" VALUES ({', '.join('?' * len(_COLUMNS))})"
)


def replace_days(transaction: Transaction, days: Sequence[str], rows: Iterable[SavedCost]) -> int:
    """Puts `rows` in the place of all rows of `days`; returns how many there were.

    A group that a day no longer has leaves with its old row. Other days stay as they are.
    """
    removed = 0
    for day in days:
        removed += transaction.execute("DELETE FROM trade_costs WHERE day=?", (day,)).rowcount
    transaction.connection.executemany(_INSERT, (_values(saved) for saved in rows))
    return removed


def saved(
    state: State, *, dimension: str, first: str, last: str, key: str | None = None
) -> tuple[SavedCost, ...]:
    """The groups of one dimension on the days from `first` to `last`, both included, by day and
    key; only the group `key` when it is given."""
    found = state.rows(
        "SELECT * FROM trade_costs WHERE dimension=? AND day BETWEEN ? AND ?"
        " AND (?4 IS NULL OR key=?4) ORDER BY day, key",
        (dimension, first, last, key),
    )
    return tuple(_saved(row) for row in found)


def newest_days(state: State, *, before: str | None, limit: int) -> tuple[SavedCost, ...]:
    """The totals of the newest `limit` days before the day `before` (of all when None), oldest
    first."""
    found = state.rows(
        "SELECT * FROM trade_costs WHERE dimension=? AND (?2 IS NULL OR day<?2)"
        " ORDER BY day DESC LIMIT ?",
        (DAY, before, limit),
    )
    return tuple(_saved(row) for row in reversed(found))


def acknowledge(transaction: Transaction, done: Acknowledgement) -> Acknowledgement | None:
    """Stores that an exception was looked at; a later word stands in place of an earlier one.

    Returns:
        The earlier one, None when there was none.
    """
    key = (done.fill_id, done.kind)
    found = transaction.execute(
        "SELECT * FROM cost_exception_ack WHERE fill_id=? AND kind=?", key
    ).fetchone()
    transaction.execute(
        "INSERT INTO cost_exception_ack VALUES (?,?,?,?,?) ON CONFLICT (fill_id, kind) DO UPDATE"
        " SET acknowledged_at=excluded.acknowledged_at, acknowledged_by=excluded.acknowledged_by,"
        " note=excluded.note",
        (*key, iso_z(done.acknowledged_at), done.acknowledged_by, done.note),
    )
    return _acknowledgement(found) if found else None


def withdraw(transaction: Transaction, fill_id: str, kind: str) -> bool:
    """Takes an acknowledgement back; False when there is none."""
    removed = transaction.execute(
        "DELETE FROM cost_exception_ack WHERE fill_id=? AND kind=?", (fill_id, kind)
    )
    return removed.rowcount == 1


def acknowledgements(state: State) -> dict[tuple[str, str], Acknowledgement]:
    """Every acknowledgement, by fill id and kind."""
    found = state.rows("SELECT * FROM cost_exception_ack")
    return {(row["fill_id"], row["kind"]): _acknowledgement(row) for row in found}


def _values(saved: SavedCost) -> list[Any]:
    row = saved.row
    figures = {name: getattr(row, name) for name in FIGURES}
    if not row.priced:
        figures["notional"] = None
    sources = {
        name: [share.fills, share.fills_share, share.notional_share]
        for name, share in row.sources.items()
    }
    return [
        *(saved.day, saved.dimension, saved.key, saved.currency, saved.zone),
        *figures.values(),
        *(_json(named) for named in (row.component_notional, sources)),
        *(_json(getattr(row, name)) for name in _MAPPINGS),
        *(getattr(saved, name) for name in _ABOUT),
        iso_z(saved.computed_at),
    ]


def _json(figures: Mapping[str, Any] | None) -> str | None:
    """In the order in which they came: shortest horizon, best source first."""
    return None if figures is None else json.dumps(dict(figures), separators=(",", ":"))


def _saved(row: sqlite3.Row) -> SavedCost:
    figures = {name: row[name] for name in FIGURES}
    if figures["notional"] is None:
        figures["notional"] = 0.0
    mappings: dict[str, Any] = {
        name: json.loads(row[name]) if row[name] is not None else None for name in _MAPPINGS
    }
    return SavedCost(
        day=row["day"],
        dimension=row["dimension"],
        row=CostRow(
            key={row["dimension"]: row["key"]},
            **figures,
            few=figures["with_total"] < FEW,
            component_notional=json.loads(row["component_notional"]),
            sources={
                name: SourceShare(*shares) for name, shares in json.loads(row["sources"]).items()
            },
            **mappings,
        ),
        currency=row["currency"],
        zone=row["zone"],
        **{name: row[name] for name in _ABOUT},
        computed_at=from_iso_z(row["computed_at"]),
    )


def _acknowledgement(row: sqlite3.Row) -> Acknowledgement:
    return Acknowledgement(
        fill_id=row["fill_id"],
        kind=row["kind"],
        acknowledged_at=from_iso_z(row["acknowledged_at"]),
        acknowledged_by=row["acknowledged_by"],
        note=row["note"],
    )
