"""The charts of the report, as Vega-Lite specifications made with Altair.

Colours are the page's CSS variables, so that one drawing serves light, dark and print.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mechexo.costs.report_html.data import Bin, moving_average, parts, whole_bps
from mechexo.costs.values import CostRow, MarkoutPoint

if TYPE_CHECKING:
    import altair as alt

Spec = dict[str, Any]

STATIC_WIDTH = 680
"""Of the drawing that stands there without scripts, in pixels."""

PART_LABELS = {
    "commission": "commission",
    "spread": "half-spread",
    "beyond": "beyond the touch",
    "rest": "not parted",
}
_COLOURS = {name: f"var(--{name})" for name in PART_LABELS}
_TOTAL = "var(--total)"
_FONT = "system-ui, sans-serif"
_HEADROOM = 1.45
"""Room above the bars of the distribution, as a factor, for the names of the percentiles."""

_BY_WORD = "split(datum.label, ' ')"
"""A label with each word on a line of its own, for narrow pages."""

_BPS = ".2f"
_AMOUNT = ",.0f"


def waterfall(row: CostRow) -> Spec | None:
    """From zero to the total, one step for each part."""
    import altair as alt

    values, reached = [], 0.0
    for part in parts(row):
        values.append(
            {
                "step": PART_LABELS[part.name],
                "from": reached,
                "to": reached + part.bps,
                "bps": part.bps,
                "amount": part.ccy,
                "kind": PART_LABELS[part.name],
            }
        )
        reached += part.bps
    if not values:
        return None
    whole, amount = whole_bps(row), row.slippage_ccy if row.total_bps is None else row.total_ccy
    name = "slippage" if row.total_bps is None else "total"
    values.append(
        {"step": name, "from": 0.0, "to": whole, "bps": whole, "amount": amount, "kind": name}
    )
    kinds = [str(value["kind"]) for value in values]
    colours = [_COLOURS.get(part.name, _TOTAL) for part in parts(row)]
    base = alt.Chart(_rows(values)).encode(
        x=alt.X("step:N").sort(None).title(None).axis(labelAngle=0, labelExpr=_BY_WORD)
    )
    bars = base.mark_bar(width=alt.RelativeBandSize(band=0.6)).encode(
        y=alt.Y("from:Q").title("bps of notional"),
        y2="to:Q",
        color=alt.Color("kind:N").scale(domain=kinds, range=[*colours, _TOTAL]).legend(None),
        tooltip=[
            alt.Tooltip("step:N", title="part"),
            alt.Tooltip("bps:Q", format=_BPS),
            alt.Tooltip("amount:Q", format=_AMOUNT, title="amount"),
        ],
    )
    names = base.mark_text(dy=-8, fontSize=13, fontWeight="bold", color="var(--ink)").encode(
        y=alt.Y("upper:Q"), text=alt.Text("bps:Q", format=_BPS)
    )
    labelled = names.transform_calculate(upper="max(datum.from, datum.to)")
    zero = alt.Chart(_rows([{"zero": 0.0}])).mark_rule(color="var(--axis)").encode(y="zero:Q")
    return _finished(alt.layer(bars, zero, labelled), height=260)


def daily(days: Sequence[CostRow]) -> Spec | None:
    """A stacked bar for each day, its parts above and below zero, and the moving average."""
    import altair as alt

    bars = _stacked(days, "day")
    if not bars:
        return None
    averages = [
        {"group": row.key["day"], "average": value}
        for row, value in zip(days, moving_average(days), strict=True)
        if value is not None
    ]
    layers: list[alt.Chart] = [_stack(bars, "day", [row.key["day"] for row in days])]
    if averages:
        layers.append(
            alt.Chart(_rows(averages))
            .mark_line(color=_TOTAL, strokeWidth=2.5, point=alt.OverlayMarkDef(color=_TOTAL))
            .encode(
                x=alt.X("group:N"),
                y=alt.Y("average:Q"),
                tooltip=[
                    alt.Tooltip("group:N", title="day"),
                    alt.Tooltip("average:Q", format=_BPS, title="moving average"),
                ],
            )
        )
    return _finished(alt.layer(*layers), height=280)


def profile(hours: Sequence[CostRow]) -> Spec | None:
    """A stacked bar for each hour of the exchange's day."""
    import altair as alt

    bars = _stacked(hours, "hour")
    if not bars:
        return None
    return _finished(
        alt.layer(_stack(bars, "hour", [row.key["hour"] for row in hours])), height=260
    )


def histogram(bins: Sequence[Bin], totals: CostRow) -> Spec | None:
    """How many fills cost how much, with the percentiles as lines."""
    import altair as alt

    if not bins:
        return None
    inner = [each for each in bins if each.low_bps is not None and each.high_bps is not None]
    width = (inner[0].high_bps or 0.0) - (inner[0].low_bps or 0.0)
    values: list[dict[str, object]] = []
    edges: list[float] = []
    for each in bins:
        low = each.low_bps if each.low_bps is not None else (each.high_bps or 0.0) - width
        high = each.high_bps if each.high_bps is not None else low + width
        edges += [low, high]
        values.append(
            {
                "low": low,
                "high": high,
                "fills": each.fills,
                "range": range_of(each),
                "tail": "beyond" if each.low_bps is None or each.high_bps is None else "within",
            }
        )
    left, right = edges[0], edges[-1]
    most = max(each.fills for each in bins)
    x = alt.X("low:Q").title("total cost of a fill, bps").scale(domain=[left, right], nice=False)
    bars = (
        alt.Chart(_rows(values))
        .mark_bar(stroke="var(--panel)", strokeWidth=0.5)
        .encode(
            x=x,
            x2="high:Q",
            y=alt.Y("fills:Q").title("fills").scale(domain=[0, _HEADROOM * most], nice=False),
            y2=alt.datum(0),
            color=alt.Color("tail:N")
            .scale(domain=["within", "beyond"], range=[_COLOURS["spread"], "var(--axis)"])
            .legend(None),
            tooltip=[alt.Tooltip("range:N", title="bps"), alt.Tooltip("fills:Q", format=_AMOUNT)],
        )
    )
    marks = [
        {"name": name, "at": value, "lane": lane}
        for lane, (name, value) in enumerate(
            (name, getattr(totals, f"{name}_bps"))
            for name in ("p5", "p25", "p50", "p75", "p95", "p99")
        )
        if value is not None and left <= value <= right
    ]
    rules = (
        alt.Chart(_rows(marks))
        .mark_rule(color=_TOTAL, strokeDash=[4, 3])
        .encode(
            x="at:Q",
            tooltip=[alt.Tooltip("name:N", title="percentile"), alt.Tooltip("at:Q", format=_BPS)],
        )
    )
    # Names in lanes: close percentiles would be written over each other.
    names = [
        alt.Chart(_rows([mark]))
        .mark_text(align="left", dx=3, fontSize=11, color="var(--ink)")
        .encode(x="at:Q", y=alt.value(8 + 13 * int(mark["lane"])), text="name:N")
        for mark in marks
    ]
    return _finished(alt.layer(bars, rules, *names), height=260)


def range_of(each: Bin) -> str:
    """A bar's range in words."""
    low, high = (
        "" if edge is None else f"{edge:.6g}".replace("-", "−")
        for edge in (each.low_bps, each.high_bps)
    )
    if not low:
        return f"under {high}"
    return f"{low} to {high}" if high else f"{low} and over"


def markouts(points: Sequence[MarkoutPoint]) -> Spec | None:
    """How the fills looked after each horizon, with two standard errors to each side."""
    import altair as alt

    known = [(point, point.markout_bps) for point in points if point.markout_bps is not None]
    if not known:
        return None
    values = [
        {
            "after": point.label,
            "markout": middle,
            "low": middle - 2 * (point.se_bps or 0.0),
            "high": middle + 2 * (point.se_bps or 0.0),
            "fills": point.fills,
        }
        for point, middle in known
    ]
    base = alt.Chart(_rows(values)).encode(
        x=alt.X("after:N").sort(None).title("after the fill").axis(labelAngle=0)
    )
    band = base.mark_rule(color=_COLOURS["spread"], strokeWidth=6, opacity=0.35).encode(
        y=alt.Y("low:Q").title("markout, bps (above zero is good)"), y2="high:Q"
    )
    line = base.mark_line(
        color=_COLOURS["spread"],
        strokeWidth=2.5,
        point=alt.OverlayMarkDef(color=_COLOURS["spread"], size=60),
    ).encode(
        y="markout:Q",
        tooltip=[
            alt.Tooltip("after:N"),
            alt.Tooltip("markout:Q", format=_BPS),
            alt.Tooltip("fills:Q", format=_AMOUNT),
        ],
    )
    zero = alt.Chart(_rows([{"zero": 0.0}])).mark_rule(color="var(--axis)").encode(y="zero:Q")
    return _finished(alt.layer(zero, band, line), height=260)


def with_width(spec: Mapping[str, Any], width: int) -> Spec:
    """A specification at a fixed width, for a drawing that no script fits to its page."""
    return {**spec, "width": width}


def _stacked(rows: Sequence[CostRow], dimension: str) -> list[dict[str, object]]:
    return [
        {
            "group": row.key[dimension],
            "part": PART_LABELS[part.name],
            "bps": part.bps,
            "order": order,
            "total": whole_bps(row),
            "fills": row.fills,
            "priced": f"{row.priced / row.fills:.1%}",
        }
        for row in rows
        for order, part in enumerate(parts(row))
    ]


def _stack(values: list[dict[str, object]], name: str, groups: Sequence[str]) -> alt.Chart:
    import altair as alt

    used = [label for label in PART_LABELS.values() if any(row["part"] == label for row in values)]
    colours = [_COLOURS[part] for part, label in PART_LABELS.items() if label in used]
    chart: alt.Chart = (
        alt.Chart(_rows(values))
        .mark_bar()
        .encode(
            x=alt.X("group:N")
            .scale(domain=list(groups))
            .sort(None)
            .title(None)
            .axis(labelOverlap=True),
            y=alt.Y("bps:Q").title("bps of notional"),
            color=alt.Color("part:N").scale(domain=used, range=colours).title(None),
            order=alt.Order("order:O"),
            tooltip=[
                alt.Tooltip("group:N", title=name),
                alt.Tooltip("part:N"),
                alt.Tooltip("bps:Q", format=_BPS),
                alt.Tooltip("total:Q", format=_BPS, title="total"),
                alt.Tooltip("fills:Q", format=_AMOUNT),
                alt.Tooltip("priced:N"),
            ],
        )
    )
    return chart


def _rows(values: Sequence[Mapping[str, object]]) -> alt.InlineData:
    import altair as alt

    return alt.InlineData(values=[dict(row) for row in values])


def _finished(chart: alt.LayerChart | alt.FacetChart, *, height: int) -> Spec:
    spec: Spec = (
        chart.properties(width="container", height=height, background="transparent")
        .configure(font=_FONT)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor="var(--muted)",
            titleColor="var(--muted)",
            gridColor="var(--grid)",
            domainColor="var(--axis)",
            tickColor="var(--axis)",
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
        )
        .configure_legend(
            labelColor="var(--ink)", orient="top", labelFontSize=12, symbolType="square"
        )
        .to_dict()
    )
    # The version of the schema is the library's own; another one there would only be warned of.
    spec.pop("$schema", None)
    return spec
