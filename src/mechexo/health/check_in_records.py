"""Storing the sign of life of a job. Apart from the other records: every job that ends loads it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.times import iso_z

if TYPE_CHECKING:
    from mechexo.state import Transaction


def save(transaction: Transaction, job: str, at: datetime, *, ok: bool, detail: str) -> None:
    """Puts a job's check-in in place of its last."""
    transaction.execute(
        "INSERT OR REPLACE INTO health_check_in VALUES (?,?,?,?)", (job, iso_z(at), int(ok), detail)
    )
