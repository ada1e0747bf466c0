"""A bar that shows what a cost is made of: told apart by glyph, colours only repeat it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mechexo.value_classes import dataclass
from mechexo_tui.widgets.lines import Line, Span

if TYPE_CHECKING:
    from mechexo.costs.values import CostRow, FillCost
    from mechexo_tui.widgets.format import Glyphs, Look

UNSPLIT = "/"
"""Slippage against a price that is no quote: it has no spread to part it by."""

WIDE = 130
"""From this width on there is room for all words of the legend."""

CUT_OFF = ">"
"""The bar goes on beyond its end."""

_STYLES = {"commission": "accent", "spread": "", "beyond": "warning", "unsplit": "unknown"}


@dataclass(frozen=True, slots=True)
class Scale:
    """What bars of a list are measured by: the same for all of them."""

    most_bps: float
    """The right end."""
    least_bps: float
    """The left end, zero or less."""
    width: int
    """In cells, the zero line included."""

    @property
    def left(self) -> int:
        """Cells to the left of the zero line; one at least where anything is negative."""
        span = self.most_bps - self.least_bps
        if self.least_bps >= 0 or span <= 0:
            return 0
        return min(self.width - 2, max(1, round((self.width - 1) * -self.least_bps / span)))

    @property
    def right(self) -> int:
        """Cells to its right."""
        return self.width - 1 - self.left


def legend(look: Look) -> Line:
    """What the signs of the bars mean, in as many words as there is room for."""
    glyphs, width = look.glyphs, look.width
    spans: list[Span] = [("  ", "")]
    for sign, name, word in (
        (glyphs.commission, "commission", "commission"),
        (glyphs.spread, "spread", "half-spread"),
        (glyphs.beyond, "beyond", "beyond the touch" if width >= 90 else "beyond"),
        (UNSPLIT, "unsplit", "slippage without a quote" if width >= WIDE else "no quote"),
    ):
        spans += [(sign * 2, _STYLES[name]), (f" {word}  ", "dim")]
    gain = "rebate, improvement" if width >= WIDE else "gain"
    return (*spans, (f"left of {glyphs.axis}: {gain}" if width >= 76 else "", "dim"))


def bar(cost: CostRow | FillCost, scale: Scale, glyphs: Glyphs) -> list[Span]:
    """The bar of a group or a fill: costs to the right of the zero line, what was gained to its
    left. A part that is not known is not drawn."""
    pieces = _pieces(cost, glyphs)
    if not any(value for value, _, _ in pieces):
        blank = glyphs.missing if all(value is None for value, _, _ in pieces) else ""
        return [(" " * scale.left, ""), (glyphs.axis, "dim"), (blank.ljust(scale.right), "dim")]
    costs = [(value, sign, style) for value, sign, style in pieces if value and value > 0]
    gains = [(-value, sign, style) for value, sign, style in pieces if value and value < 0]
    left = _side(gains, -scale.least_bps, scale.left)
    # Drawn from the zero line outwards.
    left = [(text[::-1], style) for text, style in reversed(left)]
    return [*left, (glyphs.axis, "dim"), *_side(costs, scale.most_bps, scale.right)]


def _pieces(cost: CostRow | FillCost, glyphs: Glyphs) -> list[tuple[float | None, str, str]]:
    commission = (cost.commission_bps, glyphs.commission, _STYLES["commission"])
    if cost.spread_bps is None or cost.beyond_bps is None:
        return [commission, (cost.slippage_bps, UNSPLIT, _STYLES["unsplit"])]
    return [
        commission,
        (cost.spread_bps, glyphs.spread, _STYLES["spread"]),
        (cost.beyond_bps, glyphs.beyond, _STYLES["beyond"]),
    ]


def _side(pieces: Sequence[tuple[float | None, str, str]], reach: float, width: int) -> list[Span]:
    """One side of the zero line, `width` cells wide. The ends of the pieces are rounded, not their
    lengths, so that the whole is as long as it should be."""
    if width <= 0:
        return []
    spans: list[Span] = []
    reached = 0.0
    at = 0
    for value, sign, style in pieces:
        reached += value or 0.0
        end = round(width * min(1.0, reached / reach)) if reach > 0 else 0
        if end > at:
            spans.append((sign * (end - at), style))
            at = end
    if reach > 0 and reached > reach * (1 + 1e-9) and spans:
        last, style = spans[-1]
        spans[-1] = (last[:-1] + CUT_OFF, style)
    return [*spans, (" " * (width - at), "")]
