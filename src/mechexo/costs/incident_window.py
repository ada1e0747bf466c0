"""What a window of time cost beyond the usual: its fills against a matched baseline. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.costs.findings import Resampling
from mechexo.costs.incident_window_spans import Span, by_calendar_day, matched_spans
from mechexo.costs.incident_window_values import WindowCost
from mechexo.costs.running import exchange_zone, grouping, price_period, quote_rule
from mechexo.errors import UsageError
from mechexo.times import in_zone

if TYPE_CHECKING:
    import polars as pl

    from mechexo.desk import Desk

MOST_WEEKS = 52
"""The farthest that a baseline reaches back."""
LONGEST = timedelta(days=366)
"""The longest window."""


def window_cost(
    desk: Desk,
    start: datetime,
    end: datetime,
    *,
    weeks: int = 4,
    excluded: Iterable[tuple[datetime, datetime]] = (),
    resampling: Resampling = Resampling(),
) -> WindowCost:
    """The fills with start <= time < end against those of the same symbols, weekdays and times of
    day in the `weeks` weeks before. A day that an `excluded` period touches is in no baseline.

    Of an order that spans an edge, the fills inside count. Days are priced one at a time, so a long
    window takes no more memory than a day.

    Raises:
        UsageError: the window is empty or longer than `LONGEST`, or `weeks` is not between 1 and
            `MOST_WEEKS`.
        ConfigError: no source is configured, or it does not fit its mapping.
        UnreachableError: a source cannot be read.
    """
    if not 1 <= weeks <= MOST_WEEKS:
        raise UsageError(f"--weeks {weeks}: a baseline has 1 to {MOST_WEEKS} weeks")
    if start >= end:
        first, last = (in_zone(moment, desk.zone) for moment in (start, end))
        raise UsageError(f"the window from {first} to {last} is empty: it must end after its start")
    if end - start > LONGEST:
        raise UsageError(f"the window has {(end - start).days} days: at most {LONGEST.days}")
    from mechexo.costs.incident_window_rules import judge

    zone = exchange_zone(desk)
    apart = [Span(*period) for period in excluded if period[0] < period[1]]
    wanted = matched_spans(Span(start, end), weeks=weeks, zone=zone, excluded=apart)
    own, own_rejected = _priced(desk, tuple(by_calendar_day(Span(start, end), zone)), None)
    symbols = frozenset(own["symbol"].unique())
    usual, usual_rejected = _priced(desk, wanted.spans if symbols else (), symbols)
    found = judge(
        own,
        usual,
        rejected=(own_rejected, usual_rejected),
        weeks=weeks,
        grouping=grouping(desk),
        resampling=resampling,
    )
    return WindowCost(
        start=start,
        end=end,
        weeks=weeks,
        currency=desk.settings.costs.currency,
        zone=zone.key,
        quote_rule=str(quote_rule(desk)),
        spans=wanted.spans,
        left_out=wanted.left_out,
        resampling=resampling,
        measure=found.measure,
        window=found.window,
        baseline=found.baseline,
        days=found.days,
        symbols=found.symbols,
        matched=found.matched,
        likely=found.likely,
        verdict=found.verdict,
        why_not=found.why_not,
        warnings=found.warnings,
    )


def _priced(
    desk: Desk, spans: Sequence[Span], symbols: frozenset[str] | None
) -> tuple[pl.DataFrame, int]:
    """The fills of all spans, those of `symbols` where they are given, and how many rows were no
    fills."""
    import polars as pl

    from mechexo.costs.incident_window_rules import NEEDED

    frames, rejected = [_no_fills()], 0
    for span in spans:
        run = price_period(desk, span.start, span.end)
        own, bad = run.priced.select(NEEDED), run.fills.rejected
        if symbols is not None:
            among = pl.col("symbol").is_in(list(symbols))
            own, bad = own.filter(among), bad.filter(among | pl.col("symbol").is_null())
        frames.append(own)
        rejected += len(bad)
    return pl.concat(frames, how="vertical_relaxed"), rejected


def _no_fills() -> pl.DataFrame:
    import polars as pl

    from mechexo.costs.incident_window_rules import NEEDED

    texts = ("fill_id", "symbol", "order_id", "ref_source", "reason")
    kinds: dict[str, pl.DataType] = {name: pl.Float64() for name in NEEDED}
    kinds |= {name: pl.String() for name in texts}
    kinds |= {"ts": pl.Datetime("us", "UTC"), "suspect": pl.Boolean(), "side": pl.Int8()}
    return pl.DataFrame(schema=kinds)
