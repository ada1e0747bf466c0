"""Whether a period fits into the desk's memory at once, or is computed day by day."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.costs.running import day_end, day_start, quote_rule
from mechexo.desk import Desk
from mechexo.errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mechexo.costs.sources.protocol import Window
    from mechexo.costs.sources.reading import Feed

BYTES_A_FILL = 1_400
"""What a fill takes where all are priced at once, measured on a million of them."""
BYTES_A_QUOTE = 150
"""The same of a quote."""
_BYTES_A_LINE = 40
"""How long a line of a CSV file is at least."""


def needed_mb(desk: Desk, start: datetime, end: datetime) -> int:
    """About how much memory, in MB, pricing the fills with start <= time < end at once takes.

    Counts files and the tick store; what other sources hold is not known before it was read, and
    counts as nothing; so does what cannot be read: pricing it says why. Looks into the rows of
    files only when all of theirs would be too many.

    Raises:
        ConfigError: a source is not configured, or does not fit its mapping.
    """
    from mechexo.costs.sources.columns import FILL_COLUMNS, QUOTE_COLUMNS
    from mechexo.costs.sources.protocol import Window
    from mechexo.costs.sources.reading import feed

    settings, rule = desk.settings.costs, quote_rule(desk)
    fills = feed("fills", FILL_COLUMNS.with_tags(settings.tags), settings, desk.root)
    quotes = feed("quotes", QUOTE_COLUMNS, settings, desk.root)
    longest = max(settings.horizons, default=timedelta(0))
    around = Window(day_start(desk, start - rule.reach), day_end(desk, end + longest))
    asked = ((fills, Window(start, end), BYTES_A_FILL), (quotes, around, BYTES_A_QUOTE))
    for count in (_rows_at_most, _rows_of):
        needed = sum(_told(count, each, window) * size for each, window, size in asked) // 1_000_000
        if needed <= settings.memory_mb:
            break
    return needed


def _told(count: Callable[[Feed, Window], int], feed: Feed, window: Window) -> int:
    try:
        return count(feed, window)
    except UnreachableError:
        # Whoever prices it meets the same, in the order of what is read, and says so.
        return 0


def _rows_at_most(feed: Feed, window: Window) -> int:
    """How many rows a source has, whenever they are, as its files say of themselves."""
    import polars as pl
    from polars.exceptions import PolarsError

    from mechexo.costs.sources.files import KINDS, FileSource
    from mechexo.costs.sources.telling import unreadable

    if not isinstance(feed.source, FileSource):
        return _rows_of(feed, window)
    rows = 0
    for path in feed.source.paths():
        try:
            if KINDS.get(path.suffix.lower()) == "parquet":
                rows += pl.scan_parquet(path).select(pl.len()).collect().item()
            else:
                rows += path.stat().st_size // _BYTES_A_LINE
        except (PolarsError, OSError) as error:
            raise unreadable(str(path), error) from error
    return rows


def _rows_of(feed: Feed, window: Window) -> int:
    """How many rows of a period a source has."""
    from mechexo.costs.engine_files import by_window
    from mechexo.costs.engine_quotes import parts_of

    known = by_window(feed, window).feed
    return int(sum(part.rows_in(window) for part in parts_of(known, window)))
