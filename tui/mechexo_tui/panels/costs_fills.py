"""Fills as rows, and one fill in full with the quotes around it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mechexo_tui.panels.costs_bar import Scale, bar, legend
from mechexo_tui.panels.costs_head import SOURCES, in_zone
from mechexo_tui.panels.costs_table import BarTable
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import Line, wrapped
from mechexo_tui.widgets.table import Column, Table

if TYPE_CHECKING:
    from mechexo.costs.values import FillCost
    from mechexo.costs.views import FillDetail, QuoteRow, RunHead
    from mechexo_tui.widgets.format import Look

SORTED = {
    "key": "time",
    "total": "total",
    "commission": "commission",
    "slippage": "slippage",
    "spread": "half-spread",
    "beyond": "beyond",
    "fills": "quantity",
    "amount": "amount",
    "value": "notional",
}
"""Sorts to the titles of their columns."""

FLAGS = {
    "suspect": "so far from its reference that a wrong price, symbol or unit is likely",
    "locked": "bid and ask of its quote were equal",
    "after_crossed": "a crossed quote came after its quote and was not used",
    "after_wide": "a quote much wider than usual came after its quote and was not used",
}
"""The kernel's flags in words."""

REFERENCES = {
    "quote": "the mid of the last valid quote before it",
    "stale": "the mid of the last valid quote before it, which was old (stale)",
    "trade": "the market's last trade before it, as there was no quote; it has no spread",
    "bar": "the last minute's bar before it, as there was no quote; it has no spread",
    "arrival": "the broker's arrival price, as there was no quote; it has no spread",
    "auction": "the price of its auction",
    "none": "none",
}
"""The sources of a reference price, in sentences."""

QUOTES = {
    "used": "",
    "withdrawn": "withdrawn: one side or both are gone",
    "crossed": "crossed, not used: the quote before it stands",
    "wide": "much wider than usual, not used: the quote before it stands",
}
"""What rows of quotes are, in words."""

_COLUMNS = (
    Column("symbol", 8),
    Column("side", 4),
    Column("quantity", 9, right=True, drop=2),
    Column("price", 10, right=True, drop=1),
    Column("total", 8, right=True),
    Column("slippage", 8, right=True, drop=4),
    Column("commission", 10, right=True, drop=6),
    Column("half-spread", 11, right=True, drop=7),
    Column("beyond", 8, right=True, drop=8),
    Column("amount", 12, right=True, drop=8),
    Column("notional", 14, right=True, drop=11),
    Column("measured by", 13, drop=3),
    Column("order", 12, drop=5),
    Column("strategy", 10, drop=9),
    Column("venue", 8, drop=10),
    Column("fill", 12, drop=12),
)


def fills_table(look: Look, most_bps: float, least_bps: float, *, dated: bool) -> BarTable:
    """The table of fills in this width; `dated` when they are of more than one day."""
    time = Column("time", 18 if dated else 12)
    return BarTable.fitting((time, *_COLUMNS), look, most_bps, least_bps)


def fill_row(fill: FillCost, table: BarTable, look: Look, *, dated: bool) -> Line:
    """A fill's row; one that is outside the figures says why in place of its bar."""
    glyphs = look.glyphs
    source = SOURCES.get(fill.ref_source, fill.ref_source)
    style = "" if fill.ref_source == "quote" and not fill.reason else "warning"
    cells = (
        (_moment(fill.at, look, dated=dated)[:-3], ""),
        (fill.symbol, "bold"),
        fill.side,
        quantity(fill.quantity),
        price(fill.price),
        (shown_as.fine_bps(fill.total_bps, glyphs), "bold"),
        shown_as.fine_bps(fill.slippage_bps, glyphs),
        shown_as.fine_bps(fill.commission_bps, glyphs),
        shown_as.fine_bps(fill.spread_bps, glyphs),
        shown_as.fine_bps(fill.beyond_bps, glyphs),
        shown_as.number(fill.total_ccy, glyphs, decimals=2),
        shown_as.number(fill.notional, glyphs),
        ("suspect" if "suspect" in fill.flags else source, style),
        fill.order_id or glyphs.missing,
        fill.strategy or glyphs.missing,
        fill.venue or glyphs.missing,
        fill.fill_id,
    )
    if fill.reason:
        return table.row(cells, None, glyphs, ((fill.reason, "warning"),))
    return table.row(cells, fill, glyphs)


def fill_lines(found: FillDetail, head: RunHead, look: Look) -> list[Line]:
    """One fill in full: what it was, what it was measured against, what it cost, what the market
    did before and after."""
    fill, local = found.fill, in_zone(look, head)
    side = "bought" if fill.side == "buy" else "sold"
    what = f"{side} {quantity(fill.quantity)} {fill.symbol} at {price(fill.price)}"
    lines: list[Line] = [((f" {what}", "title"), (f"  fill {fill.fill_id}", "dim")), ()]
    lines += _facts(found, head, local)
    lines += [(), ((" What it cost", "title"), (_unit(head), "dim"))]
    lines += _costs(fill, look)
    lines += [(), ((" Quotes before and after it", "title"), ("  from its own moment", "dim"))]
    lines += _quotes(found, local)
    if found.mids:
        lines += [(), ((" The market after it", "title"), ("  in bps of the mid", "dim"))]
        lines += _markouts(found, look)
    return lines


def _unit(head: RunHead) -> str:
    return f"  positive costs us; amounts in {head.currency}"


def _facts(found: FillDetail, head: RunHead, look: Look) -> list[Line]:
    fill, missing = found.fill, look.glyphs.missing
    zone = head.zone.rpartition("/")[2].replace("_", " ")
    facts = {"time": f"{_exact(fill.at.astimezone(look.zone))} {zone}"}
    if head.zone != "UTC":
        facts["time"] += f"  ({_exact(fill.at.astimezone(UTC))} UTC)"
    tags = {
        "order": fill.order_id,
        "strategy": fill.strategy,
        "venue": fill.venue,
        "broker": fill.broker,
        "order type": fill.order_type,
        "liquidity": fill.liquidity,
        **fill.tags,
    }
    facts |= {name: text for name, text in tags.items() if text}
    if found.multiplier != 1 or found.fx != 1:
        facts["size"] = f"multiplier {found.multiplier:g}, rate {found.fx:g} to {head.currency}"
    notional = shown_as.number(fill.notional, look.glyphs, decimals=2)
    facts["notional"] = f"{notional} {head.currency}" if fill.notional is not None else missing
    rows = [(name, text, "") for name, text in facts.items()]
    style = "" if fill.ref_source == "quote" else "warning"
    rows.append(("measured by", REFERENCES.get(fill.ref_source, fill.ref_source), style))
    if fill.mid is not None:
        age = shown_as.duration(fill.quote_age_s, look.glyphs)
        quoted = f": {price(fill.bid)} to {price(fill.ask)}, {age} old" if fill.bid else ""
        rows.append(("", f"mid {price(fill.mid)}{quoted}", ""))
    for flag in fill.flags.split():
        name = flag.replace("_", " ")
        rows.append(("flag", f"{name}: {FLAGS.get(flag, name)}", "warning"))
    if fill.reason:
        rows.append(("outside", f"not in the figures: {fill.reason}", "warning"))
    lines: list[Line] = []
    for name, text, style in rows:
        for place, part in enumerate(wrapped(text, look.width - 19)):
            lines.append(((f"   {name if not place else '':<14}", "dim"), (part, style)))
    return lines


def _costs(fill: FillCost, look: Look) -> list[Line]:
    glyphs = look.glyphs
    parts = (
        ("commission", fill.commission_bps, fill.commission_ccy, ""),
        ("half-spread", fill.spread_bps, fill.spread_ccy, ""),
        ("beyond the touch", fill.beyond_bps, fill.beyond_ccy, ""),
        ("slippage", fill.slippage_bps, fill.slippage_ccy, "half-spread + beyond the touch"),
        ("total", fill.total_bps, fill.total_ccy, "slippage + commission"),
    )
    lines: list[Line] = [((f"   {'':<17}{'bps':>10}{'amount':>16}", "dim"),)]
    for name, bps, cash, what in parts:
        lines.append(
            (
                (f"   {name:<17}", "bold" if name == "total" else ""),
                (f"{shown_as.bps(bps, glyphs, decimals=3):>10}", ""),
                (f"{shown_as.number(cash, glyphs, decimals=4):>16}", ""),
                (f"  {what}" if look.width >= 70 else "", "dim"),
            )
        )
    pieces = [fill.commission_bps, fill.spread_bps, fill.beyond_bps]
    if fill.spread_bps is None:
        pieces = [fill.commission_bps, fill.slippage_bps]
    most = sum(max(0.0, each or 0.0) for each in pieces)
    least = sum(min(0.0, each or 0.0) for each in pieces)
    if most or least:
        scale = Scale(most, least, max(8, min(60, look.width - 6)))
        lines += [(("   ", ""), *bar(fill, scale, glyphs)), legend(look)]
    if fill.residual_bps is not None:
        lines.append(((f"   the parts add up to within {fill.residual_bps:.0e} bps", "dim"),))
    return lines


def _quotes(found: FillDetail, look: Look) -> list[Line]:
    if not found.before and not found.after:
        return [(("   no quote of this symbol was read", "dim"),)]
    fill = found.fill
    here = fill.at.astimezone(look.zone).date()
    rows = (*found.before, *found.after)
    dated = any(row.at.astimezone(look.zone).date() != here for row in rows)
    columns = (
        Column("time", 21 if dated else 15),
        Column("from the fill", 13, right=True, drop=1),
        Column("bid", 10, right=True),
        Column("ask", 10, right=True),
        Column("what", 15, grows=True),
    )
    table = Table.fitting(columns, look.width - 2, indent=3)
    own = f"the fill: {fill.side} {quantity(fill.quantity)} at {price(fill.price)}"
    lines = [table.head()]
    lines += [_quote(row, fill.at, table, look, dated=dated) for row in found.before]
    if not found.before:
        lines.append(table.row((("none before it", "dim"), "", "", "", "")))
    middle = table.row((_moment(fill.at, look, dated=dated), "0", "", "", own))
    lines.append(tuple((text, "bold") for text, _ in middle))
    lines += [_quote(row, fill.at, table, look, dated=dated) for row in found.after]
    if not found.after:
        lines.append(table.row((("none after it", "dim"), "", "", "", "")))
    return lines


def _quote(row: QuoteRow, at: datetime, table: Table, look: Look, *, dated: bool) -> Line:
    missing = look.glyphs.missing
    what = f"{look.glyphs.closed} reference" if row.reference else QUOTES[row.kind]
    style = "accent" if row.reference else "" if row.kind == "used" else "warning"
    return table.row(
        (
            (_moment(row.at, look, dated=dated), style),
            (since((row.at - at).total_seconds()), "dim"),
            price(row.bid) if row.bid is not None else missing,
            price(row.ask) if row.ask is not None else missing,
            (what, style),
        )
    )


def _markouts(found: FillDetail, look: Look) -> list[Line]:
    glyphs, fill = look.glyphs, found.fill
    lines: list[Line] = [
        ((f"   {'after':<8}{'mid':>12}{'realised':>12}{'impact':>12}{'markout':>12}", "dim"),)
    ]
    for label, mid in found.mids.items():
        realised = (fill.realised_bps or {}).get(label)
        cells = (
            price(mid) if mid is not None else glyphs.missing,
            shown_as.bps(realised, glyphs, decimals=2),
            shown_as.bps((fill.impact_bps or {}).get(label), glyphs, decimals=2),
            shown_as.bps(None if realised is None else -realised, glyphs, decimals=2),
        )
        lines.append(((f"   {label:<8}" + "".join(f"{cell:>12}" for cell in cells), ""),))
    text = "realised + impact = slippage; a markout, realised with its sign turned, is good for us"
    return lines + [((f"   {part}", "dim"),) for part in wrapped(text, look.width - 5)]


def price(value: float | None) -> str:
    """A price with as many digits as it has, six at least."""
    if value is None:
        return ""
    text = f"{value:,.6f}".rstrip("0")
    decimals = max(2, len(text.partition(".")[2]))
    return f"{value:,.{decimals}f}"


def quantity(value: float) -> str:
    """A quantity without a fraction that is none."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.6f}".rstrip("0")


def since(seconds: float) -> str:
    """A distance in time with its sign: `-0.000150s`, `+12.5s`, `-1m3s`."""
    size = abs(seconds)
    if size < 60:
        decimals = 6 if size < 0.1 else 3
        return f"{seconds:+.{decimals}f}s"
    minutes, rest = divmod(round(size), 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}h{minutes}m" if hours else f"{minutes}m{rest}s"
    return f"{'-' if seconds < 0 else '+'}{text}"


def _moment(at: datetime, look: Look, *, dated: bool) -> str:
    return f"{at.astimezone(look.zone):%m-%d %H:%M:%S.%f}"[0 if dated else 6 :]


def _exact(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S.%f}"
