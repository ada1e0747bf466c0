"""The desk's own tables in PostgreSQL: a query for each part, in one transaction that only reads.
What the queries may use is in `queries.parameters`, as `:today`, the same as for SQLite."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mechexo.errors import UnreachableError
from mechexo.risk.assembling import Read, assembled
from mechexo.risk.keeping import MOST_ROWS
from mechexo.risk.sources.queries import parameters, read_rows
from mechexo.risk.values import FALLBACK, RiskLook

if TYPE_CHECKING:
    from mechexo.config import RiskSettings
    from mechexo.risk.systems import RiskQuestion


def look(settings: RiskSettings, question: RiskQuestion) -> RiskLook:
    """What the queries answer. All see one state of the database.

    Raises:
        ConfigError: a reference cannot be resolved.
        UnreachableError: the database cannot be read, or psycopg is missing; the text says why.
    """
    try:
        import psycopg
    except ImportError:
        raise UnreachableError(
            'PostgreSQL needs the extra "postgresql": pip install "mechexo[postgresql]"'
        ) from None
    named = parameters(question.day, question.now)
    limit_ms = int(question.within_s * 1000)
    options = f"-c default_transaction_read_only=on -c statement_timeout={limit_ms}"
    try:
        # libpq takes whole seconds, and reads 1 as 2.
        wait_s = max(int(question.within_s), 2)
        address = question.resolve_address(settings.source)
        with psycopg.connect(address, connect_timeout=wait_s, options=options) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            parts = {
                part: _rows(connection, part, query, named, settings.fields)
                for part, query in settings.read.items()
            }
            connection.rollback()
    except psycopg.Error as error:
        raise UnreachableError(f"PostgreSQL: {' '.join(str(error).split())}") from None
    return assembled(
        parts,
        day=question.day.day,
        currency=settings.currency or FALLBACK,
        multipliers=settings.multipliers,
        capital=settings.capital,
    )


def _rows(
    connection: Any,
    part: str,
    query: str,
    named: Mapping[str, str | int],
    theirs: Mapping[str, str],
) -> Read:
    import psycopg

    try:
        # A savepoint: a query that fails takes no other part with it.
        # The server keeps the rows: a client's own cursor would first bring all, however many.
        with connection.transaction(), connection.cursor(name=f"risk_{part}") as cursor:
            cursor.execute(psycopg_query(query, named), dict(named))
            found = cursor.fetchmany(MOST_ROWS + 1)
            names = [column.name for column in cursor.description]
    except psycopg.errors.QueryCanceled as error:
        why = str(error).strip()
        raise UnreachableError(f"PostgreSQL: {why}; it was at the query of {part}") from None
    except (
        psycopg.ProgrammingError,
        psycopg.DataError,
        psycopg.InternalError,
        psycopg.NotSupportedError,
    ) as error:
        said = str(error).strip().splitlines()
        return UnreachableError(f"the query does not fit the database: {said[0] if said else ''}")
    try:
        return read_rows(part, names, found, theirs)
    except UnreachableError as error:
        return error


def psycopg_query(query: str, named: Mapping[str, object]) -> str:
    """The query with its `:names` written as psycopg reads them; a cast (`::date`), and every name
    that is none of ours, stays."""
    one_of_ours = re.compile(rf"(?<!:):({'|'.join(sorted(named, key=len, reverse=True))})\b")
    return one_of_ours.sub(r"%(\1)s", query.replace("%", "%%"))
