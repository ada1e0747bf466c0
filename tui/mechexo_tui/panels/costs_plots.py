"""Plots of costs: days, times of day, distribution, markouts; beside each other where that fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mechexo.costs.own_values import component_of, own_values
from mechexo_tui.panels.costs_head import FEW
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.charts import column_width, columns, signed_bar
from mechexo_tui.widgets.lines import BLANK, Line, beside, wrapped

if TYPE_CHECKING:
    from mechexo.costs.values import CostRow
    from mechexo.costs.views import Histogram, Plots
    from mechexo_tui.widgets.format import Look

WIDE = 140
"""From this width on there are two plots in a row."""

HEIGHT = 7
"""Lines of a plot with columns."""

_LABEL = 12
"""Cells for the axis at the left."""


def bins_for(width: int) -> int:
    """How many bars of a distribution there is room for."""
    return max(8, min(80, _part_width(width) - _LABEL))


def plot_lines(plots: Plots, look: Look, *, what: str) -> list[Line]:
    """All plots of some fills."""
    part = look.wide(_part_width(look.width))
    of = component_of([plots.totals])
    blocks = [
        _series(f"{of.capitalize()} by day", plots.days, "day", of, part),
        _series(f"{of.capitalize()} by time of day", plots.times, "half_hour", of, part),
        _distribution(plots.histogram, plots.totals, part),
        _markouts(plots, part),
    ]
    head: list[Line] = [((f"  of {what}; in bps, positive costs us", "dim"),), BLANK]
    if look.width < WIDE:
        return head + [line for block in blocks for line in (*block, BLANK)]
    rows: list[Line] = []
    for left, right in ((blocks[0], blocks[1]), (blocks[2], blocks[3])):
        rows += [*beside(left, right, part.width, 3), BLANK]
    return head + rows


def _part_width(width: int) -> int:
    return (width - 3) // 2 if width >= WIDE else width


def _series(title: str, rows: Sequence[CostRow], name: str, of: str, look: Look) -> list[Line]:
    """Columns of the total, or the slippage, of each group, in order of time."""
    if not rows:
        return [((f" {title}", "title"),), (("  no fills", "dim"),)]
    glyphs = look.glyphs
    values = [row.total_bps if of == "total" else row.slippage_bps for row in rows]
    room = look.width - _LABEL
    width, gap = column_width(len(rows), room)
    shown = rows[-(room // (width + gap)) :]
    known = [value for value in values[-len(shown) :] if value is not None]
    high, low = max([0.0, *known]), min([0.0, *known])
    first, last = (_short(row.key[name]) for row in (shown[0], shown[-1]))
    aside = f"  {first} to {last}"
    if len(shown) < len(rows):
        aside += f", the last of {len(rows)}"
    lines: list[Line] = [((f" {title}", "title"), (aside, "dim"))]
    lines += columns(
        values,
        HEIGHT,
        room,
        glyphs,
        top=shown_as.fine_bps(high, glyphs),
        bottom=shown_as.fine_bps(low, glyphs),
    )
    return [*lines, _below([_short(row.key[name]) for row in shown], width + gap, high, low, look)]


def _below(names: Sequence[str], step: int, high: float, low: float, look: Look) -> Line:
    """As many names under the columns as there is room for."""
    labels = (shown_as.fine_bps(value, look.glyphs) for value in (high, low))
    indent = 3 + max(len(label) for label in labels)
    text = ""
    for place, name in enumerate(names):
        at = place * step
        if at >= len(text) + (1 if text else 0):
            text = text.ljust(at) + name
    return ((" " * indent + text[: look.width - indent], "dim"),)


def _short(name: str) -> str:
    return name[5:] if len(name) == 10 and name[4] == "-" else name


def _distribution(found: Histogram | None, totals: CostRow, look: Look) -> list[Line]:
    own = own_values(totals, "total" if found is None else found.of)
    title: Line = (
        (f" Distribution of the fills' {'totals' if own.of == 'total' else 'slippages'}", "title"),
        (f"  {shown_as.count(own.fills, 'fill')}", "dim"),
    )
    if found is None:
        return [title, (("  no fill has a total", "dim"),)]
    known = own.figures
    glyphs = look.glyphs
    room = look.width - _LABEL
    width, gap = column_width(len(found.counts), room)
    most = f"{max(found.counts):,}"
    lines = [title, *columns(found.counts, HEIGHT - 2, room, glyphs, top=most)]
    edge = found.low + found.width * len(found.counts)
    indent = " " * (3 + len(most))
    marks = [" "] * ((width + gap) * len(found.counts))
    for name in ("p5", "p25", "p75", "p95", "p50"):
        value, sign = known[f"{name}_bps"], "^" if name == "p50" else "|"
        if value is not None:
            place = int((value - found.low) / found.width * (width + gap))
            if 0 <= place < len(marks):
                marks[place] = sign
    left, right = shown_as.fine_bps(found.low, glyphs), shown_as.fine_bps(edge, glyphs)
    axis = left + right.rjust(max(len(right) + 1, len(marks) - len(left)))
    lines += [((indent + "".join(marks), "accent"),), ((indent + axis, "dim"),)]
    few = FEW if own.few else ""

    def said(name: str, figure: str, mark: str = "") -> str:
        return f"{name} {shown_as.fine_bps(known[figure], glyphs)}{mark}"

    texts = [
        said("p5", "p5_bps", few),
        said("p25", "p25_bps"),
        said("p50 ^", "p50_bps"),
        said("p75", "p75_bps"),
        said("p95", "p95_bps", few),
        said("p99", "p99_bps", few),
        said("mean", "mean_bps"),
        said("s.d.", "sd_bps"),
        said("min", "min_bps"),
        said("max", "max_bps"),
    ]
    if found.below or found.above:
        texts.append(f"{found.below:,} below and {found.above:,} above what is drawn")
    if few:
        texts.append(f"{FEW} fewer than 20 fills")
    return lines + [((f"  {part}", ""),) for part in wrapped("  ".join(texts), look.width - 3)]


def _markouts(plots: Plots, look: Look) -> list[Line]:
    """How the position looked after each horizon: a bar to the right is good for us."""
    glyphs = look.glyphs
    title: Line = (
        (" Markout", "title"),
        ("  what fills had earned by then: positive is good", "dim"),
    )
    if not any(point.fills for point in plots.markouts):
        return [title, (("  the market after the fills is not known", "dim"),)]
    at_once = plots.totals.slippage_bps
    points: list[tuple[str, float | None, float | None, float | None, int]] = [
        ("0s", None if at_once is None else -at_once, None, None, plots.totals.priced)
    ]
    points += [
        (point.label, point.markout_bps, point.se_bps, point.impact_bps, point.fills)
        for point in plots.markouts
    ]
    reach = max((abs(value) for _, value, *_ in points if value is not None), default=0.0)
    bar_width = max(9, min(61, look.width - 47))
    lines = [
        title,
        ((f"  {'after':<6}{'markout':>8}{'s.e.':>9}{'impact':>9}{'fills':>10}", "dim"),),
    ]
    for label, markout, error, impact, fills in points:
        spread = shown_as.bps(error, glyphs, decimals=2).lstrip("+")
        cells = (
            f"{shown_as.fine_bps(markout, glyphs):>8}"
            f"{spread:>9}{shown_as.fine_bps(impact, glyphs):>9}{fills:>10,}"
        )
        good = (markout or 0.0) >= 0
        lines.append(
            (
                (f"  {label:<6}", ""),
                (cells, ""),
                ("  ", ""),
                (signed_bar(markout, reach, bar_width, glyphs), "ok" if good else "warning"),
            )
        )
    return lines
