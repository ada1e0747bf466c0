"""Nautilus Trader's reports in a folder: `nautilus:///reports`.

From `nautilus_trader/analysis/reporter.py` and reports that version 1.221 wrote: what
`trader.generate_positions_report()` and `generate_account_report(venue)` return, saved with
`to_csv(...)` or `to_parquet(...)` under names that contain `position` and `account`. It writes no
report by itself while it trades: a strategy or a timer of the desk has to, and the reports' own age
is shown (`stale_after` makes an old one unknown).

| part | from |
| --- | --- |
| positions | the newest report of them: `quantity` and `side`, at `avg_px_open` (no market price) |
| P&L | `realized_pnl` of the positions closed in the day or month |
| capital, capital used | the newest row of each account and currency: `total` and `locked` |

`as_of` is when the older one of the reports that are used was written.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from mechexo.access import barrier
from mechexo.errors import UnreachableError
from mechexo.outside.shaping import moment
from mechexo.risk.numbers import number
from mechexo.risk.sources.sums import added_up, configured_capital, not_told
from mechexo.risk.values import Amount, Position, RiskLook

if TYPE_CHECKING:
    from mechexo.config import RiskSettings
    from mechexo.risk.systems import RiskQuestion

OF = "Nautilus Trader 1.221"
POSITIONS = frozenset(
    {"instrument_id", "side", "quantity", "avg_px_open", "ts_closed", "realized_pnl", "account_id"}
)
ACCOUNT = frozenset({"total", "locked", "currency", "account_id"})
LARGEST_BYTES = 30_000_000
MOST_FILES = 200
_NOT_THERE = frozenset({"", "None", "NaT", "nan", "<NA>"})

Row = Mapping[str, object]


def look(settings: RiskSettings, question: RiskQuestion) -> RiskLook:
    """What the newest reports say.

    Raises:
        UnreachableError: there is no report of positions, or it cannot be read; the text says why.
    """
    folder = question.path(settings.source)
    report = newest(folder, "position")
    if report is None:
        raise UnreachableError(
            f"{folder.name} has no report of positions (*position*.csv, .parquet)"
        )
    rows, written_at = read_report(report, POSITIONS)
    day, why = question.day, not_told("trading", "broker", "limits", "rates")

    def earned(part: str, start: datetime) -> tuple[Amount, ...] | None:
        try:
            return _earned(rows, start, day.ends_at)
        except UnreachableError as error:
            why[part] = str(error)
            return None

    totals, locked, accounts_at = _accounts(folder, why)
    positions = tuple(_positions(rows, settings.multipliers))
    return RiskLook(
        day=day.day,
        capital=configured_capital(settings) or totals,
        capital_used=locked,
        positions=positions,
        pnl_today=earned("pnl_today", day.starts_at),
        pnl_month=earned("pnl_month", day.month_starts_at),
        as_of=min(written_at, accounts_at or written_at),
        priced="entry prices" if positions else "",
        why=why,
        remarks=(f"from {report.name}; of open positions nothing is realised here",),
    )


def newest(folder: Path, what: str) -> Path | None:
    """The newest report whose name contains a word.

    Raises:
        UnreachableError: the folder cannot be read.
    """
    found = reports(folder, what)
    return max(found, key=lambda each: (each.stat().st_mtime_ns, each.name), default=None)


def reports(folder: Path, what: str) -> list[Path]:
    """The reports whose name contains a word.

    Raises:
        UnreachableError: the folder cannot be read, or has more of them than anybody keeps.
    """
    if barred := barrier(folder):
        raise UnreachableError(f"{folder.name} cannot be read: {barred}")
    if not folder.is_dir():
        raise UnreachableError(f"there is no folder {folder}")
    try:
        found = [
            each
            for each in folder.iterdir()
            if what in each.name.lower() and each.suffix in (".csv", ".parquet") and each.is_file()
        ]
    except OSError as error:
        raise UnreachableError(f"{folder.name} cannot be read: {error.strerror}") from error
    if len(found) > MOST_FILES:
        raise UnreachableError(f"{folder.name} has more than {MOST_FILES} reports of {what}s")
    return found


def read_report(path: Path, columns: frozenset[str]) -> tuple[Sequence[Row], datetime]:
    """The rows of a report, and when it was written.

    Raises:
        UnreachableError: it cannot be read, is half written, or lacks a column.
    """
    try:
        before = path.stat()
        if before.st_size > LARGEST_BYTES:
            raise UnreachableError(f"{path.name} is larger than {LARGEST_BYTES:,} bytes")
        rows, names = _parquet(path) if path.suffix == ".parquet" else _csv(path)
        after = path.stat()
    except OSError as error:
        raise UnreachableError(f"{path.name} cannot be read: {error.strerror}") from error
    if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
        raise UnreachableError(f"{path.name} is being written")
    if names and (missing := sorted(columns - set(names))):
        raise UnreachableError(f"{path.name} has no {', '.join(missing)}: it is no report of {OF}")
    return rows, datetime.fromtimestamp(after.st_mtime, UTC)


def _csv(path: Path) -> tuple[Sequence[Row], Sequence[str]]:
    """The rows, and the names of the columns; neither of the report of nothing, which pandas saves
    as a lone pair of quotes."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UnreachableError(f"{path.name} is not UTF-8 text") from None
    if not text.endswith("\n"):
        raise UnreachableError(f"{path.name} is half written")
    try:
        header, *rows = csv.reader(io.StringIO(text))
    except csv.Error as error:
        raise UnreachableError(f"{path.name} is no CSV: {error}") from None
    if header in ([""], []) and not rows:
        return [], []
    for place, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise UnreachableError(
                f"row {place} of {path.name} has {len(row)} of {len(header)} fields: half written?"
            )
    return [dict(zip(header, row, strict=True)) for row in rows], header


def _parquet(path: Path) -> tuple[Sequence[Row], Sequence[str]]:
    try:
        import polars
    except ImportError:
        raise UnreachableError("a Parquet report needs Polars; save it with to_csv()") from None
    try:
        frame = polars.read_parquet(path)
    except polars.exceptions.PolarsError as error:
        raise UnreachableError(f"{path.name} is no whole Parquet file: {error}") from None
    return frame.to_dicts(), frame.columns


def _positions(rows: Sequence[Row], multipliers: Mapping[str, float]) -> Iterable[Position]:
    for row in rows:
        side, symbol = _text(row, "side"), _text(row, "instrument_id")
        if side == "FLAT":
            continue
        if side not in ("LONG", "SHORT"):
            raise UnreachableError(
                f"the side of {symbol} is {side[:20]!r}, not LONG, SHORT or FLAT"
            )
        size = number(_text(row, "quantity"), f"the quantity of {symbol}")
        price = number(_text(row, "avg_px_open"), f"the average open price of {symbol}")
        quantity = size if side == "LONG" else -size
        times = Decimal(str(multipliers.get(symbol, 1)))
        yield Position(
            symbol=symbol,
            quantity=quantity,
            price=None,
            value=quantity * price * times,
            currency=_money(_text(row, "realized_pnl"), symbol).currency,
            entry_price=price,
            account=_text(row, "account_id"),
        )


def _earned(rows: Sequence[Row], start: datetime, end: datetime) -> tuple[Amount, ...]:
    """What the positions that closed in a time earned; nothing closed is nothing earned."""
    closed = [
        _money(_text(row, "realized_pnl"), _text(row, "instrument_id"))
        for row in rows
        if (at := _closed_at(row)) is not None and start <= at < end
    ]
    return added_up(closed)


def _closed_at(row: Row) -> datetime | None:
    stored = row.get("ts_closed")
    if isinstance(stored, datetime):
        return (stored.replace(tzinfo=UTC) if stored.tzinfo is None else stored).astimezone(UTC)
    said = _text(row, "ts_closed")
    return moment(said, "ts_closed") if said else None


def _accounts(
    folder: Path, why: dict[str, str]
) -> tuple[tuple[Amount, ...] | None, tuple[Amount, ...] | None, datetime | None]:
    """What all accounts hold, what of it is locked, by the newest row of each, and when the oldest
    report of these rows was written."""
    try:
        found = sorted(reports(folder, "account"), key=lambda each: each.stat().st_mtime_ns)
        if not found:
            why |= not_told("capital", "capital_used")
            return None, None, None
        newest_rows: dict[tuple[str, str], tuple[Row, datetime]] = {}
        for report in found:
            # In the order of time, as they are written: a later row is a newer one.
            rows, written_at = read_report(report, ACCOUNT)
            for row in rows:
                key = _text(row, "account_id"), _text(row, "currency")
                newest_rows[key] = row, written_at
        if not newest_rows:
            raise UnreachableError("its reports of accounts have no row yet")
        totals, locked = (
            added_up(
                Amount(number(_text(row, name), f"the {name} of {account}"), currency)
                for (account, currency), (row, _) in newest_rows.items()
            )
            for name in ("total", "locked")
        )
    except UnreachableError as error:
        why |= {"capital": str(error), "capital_used": str(error)}
        return None, None, None
    return totals, locked, min((at for _, at in newest_rows.values()), default=None)


def _money(said: str, symbol: str) -> Amount:
    """An amount as it is written: `-156.00 USD`."""
    value, _, currency = said.partition(" ")
    if not currency:
        raise UnreachableError(f"the realised P&L of {symbol} names no currency: {said[:30]!r}")
    return Amount(number(value.replace("_", ""), f"the realised P&L of {symbol}"), currency)


def _text(row: Row, name: str) -> str:
    stored = row.get(name)
    said = "" if stored is None else str(stored).strip()
    return "" if said in _NOT_THERE else said
