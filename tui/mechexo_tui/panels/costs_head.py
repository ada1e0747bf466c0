"""What stands above every list of costs: the period, what is behind the figures, what is not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mechexo.costs.values import not_read
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import Line, width_of, wrapped

if TYPE_CHECKING:
    from mechexo.costs.values import CostRow, Sensitivity
    from mechexo.costs.views import Period, RunHead
    from mechexo_tui.widgets.format import Look

FEW = "*"
"""After an outer percentile of so few fills that it is one or two of them."""

PARTLY = "<"
"""After a total that leaves out fills, as their commission is unknown."""

SOURCES = {
    "quote": "quote",
    "stale": "stale quote",
    "auction": "auction",
    "trade": "trade",
    "bar": "bar",
    "arrival": "arrival price",
}
"""The sources of a reference price, in words, best first."""


def in_zone(look: Look, head: RunHead) -> Look:
    """The same look with the exchange's clock: days and hours of costs are its."""
    from dataclasses import replace

    return replace(look, zone=ZoneInfo(head.zone))


def period_words(period: Period, head: RunHead, look: Look) -> str:
    """The period and its ends: `5 days: 02-23 00:00 to 14:33, New York`."""
    local = in_zone(look, head)
    ends = f"{_end(head.start, local)} to {_end(head.end, local)}"
    place = head.zone.rpartition("/")[2].replace("_", " ")
    return f"{period.text}: {ends} {place}"


def _end(at: datetime, look: Look) -> str:
    return f"{at.astimezone(look.zone):%m-%d %H:%M}"


def coverage_lines(totals: CostRow, head: RunHead, look: Look, *, whole: bool) -> list[Line]:
    """How many of the fills stand behind the figures, by what they were measured against, and how
    many do not, which is never cut off. `whole` when these are all fills of the period."""
    share = f" ({totals.priced / totals.fills:.1%})" if totals.fills else ""
    by_source = ", ".join(
        f"{totals.sources[name].fills:,} {word}"
        for name, word in SOURCES.items()
        if name in totals.sources
    )
    priced = f"priced {totals.priced:,} of {shown_as.count(totals.fills, 'fill')}{share}"
    spans: Line = (("  ", ""), (priced, ""), (f": {by_source}" if by_source else "", "dim"))
    outside = {
        "unpriced": totals.sources["none"].fills if "none" in totals.sources else 0,
        "suspect": totals.sources["suspect"].fills if "suspect" in totals.sources else 0,
        "rejected": head.rejected if whole else 0,
    }
    left_out = ", ".join(f"{count:,} {name}" for name, count in outside.items() if count)
    inside = f"{priced}: {by_source}" if by_source else priced
    if not left_out:
        return [spans]
    if width_of(inside) + width_of(left_out) + 6 <= look.width:
        return [(*spans, ("; ", "dim"), (left_out, "warning"))]
    return [spans, (("  outside the figures: ", "dim"), (left_out, "warning"))]


def remarks(totals: CostRow, head: RunHead, look: Look, *, whole: bool) -> list[Line]:
    """What a reader of the figures has to know so that they add up. `whole` when these are all
    fills of the period."""
    texts = []
    without = totals.priced - totals.with_total
    if without:
        texts.append(
            f"{PARTLY} commission unknown for {without:,} of {totals.priced:,} priced fills: they "
            "are in the slippage, not in the total"
        )
    if whole:
        texts += [
            f"of these {count:,} in {currency}, which has no rate: set [costs] rates"
            for currency, count in head.unrated_by_currency.items()
        ]
        texts += [not_read(*each) for each in head.unreadable.items()]
    lines: list[Line] = []
    for text in texts:
        sign = f"  {look.glyphs.warning} "
        first, *more = wrapped(text, look.width - 6)
        lines.append(((sign, "warning"), (first, "")))
        lines += [(("    ", ""), (part, "")) for part in more]
    return lines


def sensitivity_lines(others: Sequence[Sensitivity], totals: CostRow, look: Look) -> list[Line]:
    """What the slippage would be by other rules for the reference."""
    glyphs = look.glyphs
    texts = [
        f"slippage would be {shown_as.bps(other.slippage_bps, glyphs, decimals=3)} instead of "
        f"{shown_as.bps(totals.slippage_bps, glyphs, decimals=3)} bps, of "
        f"{shown_as.count(other.priced, 'fill')}, by the {other.quote_rule}"
        for other in others
    ]
    return [((f"  {part}", "dim"),) for text in texts for part in wrapped(text, look.width - 3)]


def reference_lines(head: RunHead, look: Look) -> list[Line]:
    """The rule by which fills find their reference, and how fresh the data is."""
    local = in_zone(look, head)
    newest = (
        f"newest fill {shown_as.exact(head.newest_fill_at, local)}, "
        f"newest quote {shown_as.exact(head.newest_quote_at, local)}"
    )
    texts = (f"reference: {head.quote_rule}", newest)
    return [((f"  {part}", "dim"),) for text in texts for part in wrapped(text, look.width - 3)]
