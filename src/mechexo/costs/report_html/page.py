"""The report: one HTML file that reads, sorts and prints without anything from elsewhere.

`render` is a pure function of `ReportData`; nothing here reads a file of the desk, a clock or a
setting.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from mechexo.costs.own_values import own_values
from mechexo.costs.report_html import charts, embedding, tables
from mechexo.costs.report_html.data import AVERAGED_DAYS, ReportData, parts, whole_bps
from mechexo.costs.report_html.details import coverage_section, exceptions_section, method_section
from mechexo.costs.report_html.markup import Html, el, number
from mechexo.costs.values import CostReport, CostRow

_THEMES = (("auto", "as the system"), ("light", "light"), ("dark", "dark"))
_NO_TOTAL = (
    "No commission is known, so no fill has a total to draw. How the slippages are spread is below."
)
_OWN_SECTION = ("day", "symbol", "hour")


def render(data: ReportData) -> str:
    """The report as one HTML document. Whatever comes from the data is escaped.

    Raises:
        ConfigError: the extra `report` is not installed.
    """
    embedding.require_charts()
    report = data.report
    sections: list[Html | None] = [
        _headline(report),
        _daily(report),
        _symbols(report),
        _hours(report),
        _distribution(data),
        _markouts(report),
        *(_other(report, name) for name in report.by if name not in _OWN_SECTION),
        exceptions_section(data.exceptions),
        coverage_section(report),
        method_section(data),
    ]
    head = el(
        "head",
        el("meta", charset="utf-8"),
        embedding.policy(),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", f"Trading costs of {data.desk}, {_period(report)}"),
        embedding.style(),
    )
    body = el("body", _header(data), el("main", sections), _footer(data), embedding.scripts())
    return f"<!DOCTYPE html>\n{el('html', head, body, lang='en')}\n"


def _header(data: ReportData) -> Html:
    buttons = [
        el("button", label, type="button", data_theme_choice=name, aria_pressed=_pressed(name))
        for name, label in _THEMES
    ]
    return el(
        "header",
        el("h1", "Trading costs"),
        el("p", data.desk, " ", el("span", data.mode.upper(), class_=f"mode {data.mode}")),
        el("p", _period(data.report)),
        el("div", buttons, class_="themes needs-script", role="group", aria_label="Colours"),
    )


def _pressed(name: str) -> str:
    return "true" if name == "auto" else "false"


def _footer(data: ReportData) -> Html:
    made = data.provenance.generated_at
    return el(
        "footer",
        el(
            "p",
            f"Made by mechexo {data.provenance.version} on "
            f"{_moment(made, data.report.zone)}. Positive figures are costs.",
        ),
    )


def _headline(report: CostReport) -> Html:
    row = report.totals
    tiles = [
        _tile("total", "total", row.total_bps, row.total_ccy, report.currency),
        _tile("commission", "commission", row.commission_bps, row.commission_ccy, report.currency),
        _tile("spread", "half-spread", row.spread_bps, row.spread_ccy, report.currency),
        _tile("beyond", "beyond the touch", row.beyond_bps, row.beyond_ccy, report.currency),
    ]
    steps = ", ".join(f"{charts.PART_LABELS[part.name]} {number(part.bps)}" for part in parts(row))
    whole = "slippage" if row.total_bps is None else "total"
    said = f"From zero to the {whole} of {number(whole_bps(row))} bps: {steps}"
    main = el(
        "div",
        el("div", tiles, class_="tiles"),
        _figure("waterfall", charts.waterfall(row), said),
        _rest_note(row),
    )
    return _section("headline", "What it cost", _beside(main, row, "the totals"))


def _tile(name: str, label: str, bps: float | None, ccy: float | None, currency: str) -> Html:
    amount = f"{number(ccy, 0)} {currency}" if ccy is not None else "unknown"
    return el(
        "div",
        el("b", number(bps)),
        el("span", f"bps {label}"),
        el("span", amount),
        class_=f"tile {name}",
    )


def _rest_note(row: CostRow) -> Html | None:
    if all(part.name != "rest" for part in parts(row)):
        return None
    return el(
        "p",
        "“Not parted” is what fills have that were measured against no quote, so that their "
        "slippage has no half-spread in it, and fills whose commission is unknown. The steps are "
        "over the notional behind the total; the figures above are each over the notional of the "
        "fills that have that part.",
        class_="note",
    )


def _daily(report: CostReport) -> Html:
    days = report.by["day"]
    said = (
        f"Total cost of {len(days)} days in bps, by part, with the moving average of "
        f"{AVERAGED_DAYS} days weighted by notional"
    )
    main = el(
        "div",
        _figure("daily", charts.daily(days), said),
        _folded("The days as a table", tables.groups("day", days, report.currency)),
    )
    return _section("daily", "Day by day", _beside(main, report.totals, "the days"))


def _symbols(report: CostReport) -> Html:
    rows = report.by["symbol"]
    table = tables.groups("symbol", rows, report.currency, filtered="symbols", by_notional=True)
    content = _beside(table, report.totals, "the symbols", wide=True) if rows else _nothing()
    return _section("symbols", "Symbols", content)


def _hours(report: CostReport) -> Html:
    hours = report.by["hour"]
    said = f"Total cost by the hour in {report.zone}, in bps, by part"
    main = el(
        "div",
        _figure("profile", charts.profile(hours), said),
        _folded("The hours as a table", tables.groups("hour", hours, report.currency)),
    )
    return _section("hours", "Time of day", _beside(main, report.totals, "the hours"))


def _distribution(data: ReportData) -> Html:
    row = data.report.totals
    own = own_values(row)
    median, p95, p99 = (number(own.figures[f"{name}_bps"]) for name in ("p50", "p95", "p99"))
    said = (
        f"How many of {own.fills:,} fills cost how much: median {median} bps, p95 {p95}, p99 {p99}"
    )
    bars = [
        [charts.range_of(each), f"{each.fills:,}", number(each.notional, 0)]
        for each in data.distribution
    ]
    table = tables.plain(
        "Bars of the distribution",
        ["bps", "fills", f"notional {data.report.currency}"],
        bars,
        texts=1,
    )
    main = el(
        "div",
        el("p", _NO_TOTAL, class_="note")
        if own.of == "slippage"
        else _figure("distribution", charts.histogram(data.distribution, row), said),
        _folded("The bars as a table", table) if bars else None,
    )
    spread = tables.statistics(row) if own.fills else None
    beside = _beside(main, row, "the distribution")
    return _section("distribution", "Distribution", beside, spread)


def _markouts(report: CostReport) -> Html | None:
    known = [point for point in report.markouts if point.fills]
    if not known:
        return None
    said = "Markout after each horizon: " + ", ".join(
        f"{point.label} {number(point.markout_bps)} bps" for point in known
    )
    heads = ["after", "fills", "slippage", "realised", "impact", "markout", "s.e."]
    rows = [
        [
            *(point.label, f"{point.fills:,}", number(point.slippage_bps)),
            *(number(point.realised_bps), number(point.impact_bps)),
            *(number(point.markout_bps), number(point.se_bps)),
        ]
        for point in report.markouts
    ]
    main = el(
        "div",
        _figure("markouts", charts.markouts(known), said),
        tables.plain(
            "After the fill, bps: slippage is realised plus impact, a markout is realised with "
            "the sign turned",
            heads,
            rows,
            texts=1,
        ),
    )
    return _section("markouts", "After the fill", _beside(main, report.totals, "the markouts"))


def _other(report: CostReport, name: str) -> Html:
    title = "By " + name.replace("+", " and ").replace("_", " ")
    rows = report.by[name]
    filtered = "groups" if len(rows) > 15 else ""
    table = tables.groups(name, rows, report.currency, filtered=filtered)
    content = _beside(table, report.totals, title, wide=True) if rows else _nothing()
    return _section(f"by-{name.replace('+', '-')}", title, content)


def _figure(name: str, spec: charts.Spec | None, said: str) -> Html:
    if spec is None:
        return _nothing()
    return el("figure", embedding.chart(name, spec, said), el("figcaption", said))


def _nothing() -> Html:
    return el("p", "Nothing here is priced.", class_="note")


def _folded(title: str, content: Html) -> Html:
    return el("details", el("summary", title), content)


def _beside(main: Html, row: CostRow, what: str, *, wide: bool = False) -> Html:
    """With the coverage at its side; above it where a table needs the whole width."""
    box = tables.coverage_box(row, what=what)
    return el("div", main, box, class_="with-coverage wide" if wide else "with-coverage")


def _section(name: str, title: str, *content: Html | None) -> Html:
    heading = el("h2", title, id=f"heading-{name}")
    return el("section", heading, content, id=name, aria_labelledby=f"heading-{name}")


def _period(report: CostReport) -> str:
    start, end = (_moment(at, report.zone, named=False) for at in (report.start, report.end))
    return f"{start} to {end} {report.zone}"


def _moment(at: datetime, zone: str, *, named: bool = True) -> str:
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%Y-%m-%d %H:%M}" + (f" {zone}" if named else "")
