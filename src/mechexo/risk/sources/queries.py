"""What the desk's queries may ask for by name, and what their rows mean: the same for every
database. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mechexo.config.risk import FIELDS
from mechexo.errors import UnreachableError
from mechexo.risk.assembling import VALUE, Row, by_our_names
from mechexo.risk.keeping import MOST_ROWS

if TYPE_CHECKING:
    from mechexo.risk.trading_day import TradingDay

_LISTS = ("positions", "limits", "rates")
_SUMS = ("capital", "capital_used", "pnl_today", "pnl_month")


def parameters(day: TradingDay, now: datetime) -> dict[str, str | int]:
    """What a query may ask for by name.

    `today` and `month_first` are dates of the trading day, `month` is 2026-11; `day_start`,
    `day_end`, `month_start` and `now` are moments in UTC (2026-11-27 05:00:00), and with `_s` Unix
    seconds.
    """
    moments = {
        "day_start": day.starts_at,
        "day_end": day.ends_at,
        "month_start": day.month_starts_at,
        "now": now,
    }
    return {
        "today": day.day.isoformat(),
        "month": f"{day.day:%Y-%m}",
        "month_first": day.month_first.isoformat(),
        **{name: f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" for name, at in moments.items()},
        **{f"{name}_s": int(at.timestamp()) for name, at in moments.items()},
    }


def read_row(
    part: str, names: Sequence[str], row: Sequence[object], theirs: Mapping[str, str]
) -> Row:
    """A row by our names. `theirs`: what a field is called in the database, by its name. Of a part
    that is one value (and its currency) the place counts."""
    lower = {field: called.lower() for field, called in theirs.items()}
    known = by_our_names(
        {name.lower(): value for name, value in zip(names, row, strict=True)}, lower
    )
    if part in _LISTS:
        return {name: value for name, value in known.items() if name in FIELDS}
    found = {VALUE: row[0]}
    if part in _SUMS:
        found["currency"] = known.get("currency", row[1] if len(row) > 1 else None)
    return found


def read_rows(
    part: str,
    names: Sequence[str],
    rows: Sequence[Sequence[object]],
    theirs: Mapping[str, str],
) -> list[Row]:
    """All rows by our names. `rows`: one more than `MOST_ROWS` are enough to say that it is many.

    Raises:
        UnreachableError: there are more than that; the first of them add up to something else. Or
            two columns have the same name: which one is meant is not said.
    """
    if part in _LISTS:
        read = {*FIELDS, *(called.lower() for called in theirs.values())}
        lower = [name.lower() for name in names]
        if twice := sorted({name for name in lower if lower.count(name) > 1} & read):
            raise UnreachableError(f"two columns are called {twice[0]}; name one otherwise (AS)")
    if len(rows) > MOST_ROWS:
        raise UnreachableError(
            f"the query answers more than {MOST_ROWS:,} rows; let it add up, or leave out what is 0"
        )
    return [read_row(part, names, row, theirs) for row in rows]
