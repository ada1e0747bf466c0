"""What the sources that ask a database have in common: the query, its time-out, its window."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from mechexo.costs.sources.addresses import Address
from mechexo.costs.sources.protocol import Window
from mechexo.errors import ConfigError, UnreachableError, UsageError
from mechexo.times import format_duration, parse_duration

TIMEOUT = timedelta(minutes=2)
"""How long a query may take unless its address says otherwise (`timeout=30s`)."""
PARAMETERS = ("table", "timeout")
"""The parameters that we read ourselves."""


def quoted(name: str) -> str:
    """A name as SQL takes it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def selection(address: Address) -> str:
    """The query of an address, or the one that reads its table, to stand in parentheses.

    Raises:
        ConfigError: it has neither, or both.
    """
    table = address.parameters.get("table", "")
    if bool(table) == bool(address.query):
        raise address.wrong(f"{address.scheme}://...?table=NAME or ?query=SELECT ...")
    if table:
        name = ".".join(quoted(part) for part in table.split("."))
        return f"SELECT * FROM {name}"  # noqa: S608 (quoted)
    # The line break ends a comment that the query may end in.
    return address.query.rstrip().rstrip(";") + "\n"


def narrowed(query: str, window: Window, time_column: str | None, *, zoned: bool | None) -> str:
    """The query's rows of the window: by the time column, zoned or not; all when it is neither.

    A time without a zone is taken a day wider to both sides, which covers every zone.
    """
    if window.filled is not None:
        query = f"SELECT * FROM ({query}) AS rows WHERE {quoted(window.filled)} IS NOT NULL"  # noqa: S608
    if time_column is None or zoned is None:
        return f"SELECT * FROM ({query}) AS source"  # noqa: S608 (the desk's own query)
    column, day = quoted(time_column), timedelta(0 if zoned else 1)
    kind = "TIMESTAMPTZ" if zoned else "TIMESTAMP"
    first, last = (
        moment.isoformat(sep=" ") if zoned else moment.replace(tzinfo=None).isoformat(sep=" ")
        for moment in (window.start - day, window.end + day)
    )
    return (
        f"SELECT * FROM ({query}) AS source WHERE "  # noqa: S608 (our own moments)
        f"({column} >= {kind} '{first}' AND {column} < {kind} '{last}') OR {column} IS NULL"
    )


def edges(query: str, time_column: str | None) -> str:
    """The query's rows with the first and the last time; none when it has no such column."""
    if time_column is None:
        return f"SELECT * FROM ({query}) AS source LIMIT 0"  # noqa: S608 (the desk's own query)
    column = quoted(time_column)
    bounds = " OR ".join(
        f"{column} = (SELECT {bound}({column}) FROM ({query}) AS {bound}_of)"  # noqa: S608
        for bound in ("min", "max")
    )
    return f"SELECT * FROM ({query}) AS source WHERE {bounds}"  # noqa: S608 (as above)


def count(query: str) -> str:
    """The number of the query's rows."""
    return f"SELECT count(*) FROM ({query}) AS source"  # noqa: S608 (the desk's own query)


def timeout_of(address: Address) -> timedelta:
    """How long the query may take.

    Raises:
        ConfigError: what the address says is no duration.
    """
    text = address.parameters.get("timeout", "")
    if not text:
        return TIMEOUT
    try:
        return max(parse_duration(text), timedelta(seconds=1))
    except UsageError as error:
        raise ConfigError(f"{address.where}: timeout: {error}") from None


def took_too_long(where: str, timeout: timedelta) -> UnreachableError:
    """The refusal of a query that ran into its time-out."""
    return UnreachableError(
        f"{where}: the query took longer than {format_duration(timeout)}; "
        "narrow it, or write ?timeout=10m before its query="
    )


def all_of(address: Address, further: Sequence[str] = ()) -> None:
    """Refuses parameters of an address that nobody reads; see `Address.refuse_unknown`."""
    address.refuse_unknown((*PARAMETERS, *further))
