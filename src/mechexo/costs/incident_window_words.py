"""What a window cost beyond the usual, in lines for people."""

from __future__ import annotations

from mechexo.costs.incident_window_values import MATCHED, NOT_MATCHED, SideFills, WindowCost


def summary(cost: WindowCost) -> list[str]:
    """The answer in lines: what it cost beyond the usual, and what stands behind that."""
    lines = [f"Verdict: {cost.verdict.value}" + (f" ({cost.why_not})" if cost.why_not else "")]
    if cost.matched is not None:
        extra, unit = cost.matched, cost.currency
        said = f"Extra cost: {extra.difference_ccy:,.2f} {unit}, {extra.difference_bps:.2f} bps"
        if cost.likely is not None:
            likely = cost.likely
            said += (
                f"; {cost.resampling.confidence:.0%} interval {likely.low_ccy:,.2f} to "
                f"{likely.high_ccy:,.2f} {unit}, {likely.low_bps:.2f} to {likely.high_bps:.2f} bps"
            )
        else:
            said += "; no interval: too few fills"
        lines.append(said)
        lines.append(
            f"Behind it: {extra.fills} fills of {extra.orders} orders at {extra.window_bps:.2f} "
            f"bps against {extra.baseline_fills} fills of {extra.baseline_orders} orders at "
            f"{extra.baseline_bps:.2f} bps, {extra.notional:,.0f} {unit} of notional"
        )
    lines.append(f"In the window: {_side(cost.window)}")
    days = f"{len(cost.days)} {'day' if len(cost.days) == 1 else 'days'}"
    lines.append(f"In the baseline: {_side(cost.baseline)}, on {days} of {cost.weeks} weeks")
    if cost.left_out:
        names = ", ".join(day.isoformat() for day in cost.left_out)
        lines.append(f"Left out, as another incident went on: {names}")
    lines.append(f"Matched: {MATCHED}; not: {', '.join(NOT_MATCHED).replace('_', ' ')}")
    lines.append(f"Reference: {cost.quote_rule}")
    return lines


def _side(side: SideFills) -> str:
    words = f"{side.priced} priced of {side.fills} fills"
    counts = (("unpriced", side.unpriced), ("suspect", side.suspects), ("rejected", side.rejected))
    return ", ".join([words, *(f"{count} {word}" for word, count in counts if count)])
