"""The table of the systems outside: one row for each, of bounded size."""

from __future__ import annotations

from collections.abc import Collection
from sqlite3 import Row

from mechexo.outside.breaker import Breaker
from mechexo.outside.values import Kept
from mechexo.state import State, Transaction
from mechexo.times import from_iso_z, iso_z

UNREADABLE = "what was kept of it cannot be read"


def kept(source: State | Transaction, prefix: str = "") -> dict[str, Kept]:
    """What is kept of each source whose name begins so, by name. Of a row that cannot
    be read that is said, and its source is asked anew."""
    sql = "SELECT * FROM outside_source WHERE substr(name, 1, ?) = ?"
    parameters = (len(prefix), prefix)
    if isinstance(source, State):
        rows = source.rows(sql, parameters)
    else:
        rows = source.execute(sql, parameters).fetchall()
    found = {}
    for row in rows:
        try:
            found[row["name"]] = _kept(row)
        except (TypeError, ValueError):
            found[row["name"]] = Kept(row["name"], "", None, UNREADABLE, Breaker(), None, None)
    return found


def save(transaction: Transaction, row: Kept) -> None:
    """Puts what is known now of a source in place of what was."""
    breaker = row.breaker
    if row.asked_at is None:
        raise ValueError(f"{row.name} was never asked: there is nothing to keep")
    transaction.execute(
        "INSERT OR REPLACE INTO outside_source VALUES (?,?,?,?,?,?,?,?,?)",
        (
            row.name,
            row.budget,
            iso_z(row.asked_at),
            row.why,
            breaker.failures,
            iso_z(breaker.open_until) if breaker.open_until else None,
            iso_z(breaker.held_until) if breaker.held_until else None,
            row.value,
            iso_z(row.good_at) if row.good_at else None,
        ),
    )


def forget_others(transaction: Transaction, prefix: str, names: Collection[str]) -> None:
    """Drops the sources whose name begins so and that are none of these."""
    stored = transaction.execute(
        "SELECT name FROM outside_source WHERE substr(name, 1, ?) = ?", (len(prefix), prefix)
    )
    for (name,) in stored.fetchall():
        if name not in names:
            transaction.execute("DELETE FROM outside_source WHERE name = ?", (name,))


def _kept(row: Row) -> Kept:
    return Kept(
        name=row["name"],
        budget=row["budget"],
        asked_at=from_iso_z(row["asked_at"]),
        why=row["why"],
        breaker=Breaker(
            row["failures"],
            from_iso_z(row["open_until"]) if row["open_until"] else None,
            from_iso_z(row["held_until"]) if row["held_until"] else None,
        ),
        value=row["value"],
        good_at=from_iso_z(row["good_at"]) if row["good_at"] else None,
    )
