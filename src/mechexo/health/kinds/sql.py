"""One number from a database, against limits."""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field, field_validator

from mechexo.errors import UnreachableError
from mechexo.health.context import Context
from mechexo.health.read_only import SCHEME, read
from mechexo.health.thresholds import Thresholds
from mechexo.health.values import Outcome, Status

_POSTGRESQL = ("postgresql://", "postgres://")


class Options(Thresholds):
    """`kind = "sql"`."""

    database: str
    """`sqlite:///path` (opened read-only) or `postgresql://…`, its password by reference."""
    query: str = Field(min_length=1)
    """A query whose first row's first column is the number."""
    unit: str = ""

    @field_validator("database")
    @classmethod
    def _known(cls, value: str) -> str:
        if not value.startswith((SCHEME, *_POSTGRESQL, "${")):
            raise ValueError("sqlite:///path or postgresql://user@host/name")
        return value


def run(options: Options, context: Context) -> Outcome:
    """Asks for the number; no row and NULL are unknown, never zero."""
    try:
        if context.resolve(options.database, whole=True).startswith(_POSTGRESQL):
            address = context.resolve_address(options.database)
            row = _postgresql_row(address, options.query, context.timeout_s)
        else:
            row = read(options.database, context, lambda db: db.execute(options.query).fetchone())
    except UnreachableError as error:
        return Outcome(Status.UNKNOWN, str(error))
    if row is None or not row:
        return Outcome(Status.UNKNOWN, "the query found no row")
    if row[0] is None:
        return Outcome(Status.UNKNOWN, "the query's answer is NULL")
    try:
        value = float(row[0])
    except (TypeError, ValueError, OverflowError):
        return Outcome(Status.UNKNOWN, f"the query's answer {row[0]!r} is not a number")
    if math.isnan(value):
        return Outcome(Status.UNKNOWN, "the query's answer is not a number (NaN)")
    return options.judge(value, options.unit)


def _postgresql_row(address: str, query: str, timeout_s: float) -> tuple[Any, ...] | None:
    try:
        import psycopg
    except ImportError:
        raise UnreachableError(
            'PostgreSQL needs the extra "postgresql": pip install "mechexo[postgresql]"'
        ) from None
    settings = f"-c default_transaction_read_only=on -c statement_timeout={int(timeout_s * 1000)}"
    try:
        # libpq takes whole seconds, and reads 1 as 2.
        wait_s = max(int(timeout_s), 2)
        with psycopg.connect(address, connect_timeout=wait_s, options=settings) as connection:
            found: tuple[Any, ...] | None = connection.execute(query).fetchone()
            return found
    except psycopg.Error as error:
        raise UnreachableError(f"PostgreSQL: {error}") from error
