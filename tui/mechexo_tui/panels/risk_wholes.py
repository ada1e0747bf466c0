"""One limit that only its source tells, or one position, in full: one fact per line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import Line, harmless, wrapped

if TYPE_CHECKING:
    from mechexo.risk.values import Position
    from mechexo.risk_report import LimitRow, RiskReport
    from mechexo_tui.widgets.format import Look


def limit_lines(row: LimitRow, report: RiskReport, look: Look) -> list[Line]:
    """A limit: how it is, what is used of it and left, and that no probe of this desk watches it
    alone."""
    glyphs = look.glyphs
    facts = [
        ("used", shown_as.exact_number(row.used, glyphs, trimmed=True)),
        ("of", shown_as.exact_number(row.limit, glyphs, trimmed=True)),
        ("in use", shown_as.percent(row.used_pct, glyphs, decimals=1)),
        ("left", shown_as.exact_number(row.left, glyphs, trimmed=True)),
        ("unit", row.unit or glyphs.missing),
        ("source", row.source),
        ("told at", shown_as.exact(report.standing.good_at, look)),
        ("watched by", row.probe or "its source; [risk.NAME.limits] would watch it here"),
    ]
    head: Line = (
        (" ", ""),
        shown_as.status(row.status.value, glyphs),
        ("  ", ""),
        (harmless(row.name), "title"),
    )
    told = harmless(shown_as.told(row.detail, look))
    detail = wrapped(told, look.width - 6) if told else []
    return [head, *(((f"   {text}", ""),) for text in detail), (), *_listed(facts, look)]


def position_lines(position: Position, report: RiskReport, look: Look) -> list[Line]:
    """A position: what is held, at which price, what it is worth and what it made so far."""
    glyphs = look.glyphs
    facts = [
        ("quantity", shown_as.exact_number(position.quantity, glyphs, trimmed=True)),
        ("entry", shown_as.exact_number(position.entry_price, glyphs)),
        ("price", shown_as.exact_number(position.price, glyphs)),
        ("value", shown_as.exact_number(position.value, glyphs, signed=True)),
        ("not realised", shown_as.exact_number(position.unrealised, glyphs, signed=True)),
        ("currency", position.currency or glyphs.missing),
        ("account", position.account or glyphs.missing),
        ("source", report.standing.name),
        ("told at", shown_as.exact(report.standing.good_at, look)),
    ]
    return [((" ", ""), (harmless(position.symbol), "title")), (), *_listed(facts, look)]


def _listed(facts: list[tuple[str, str]], look: Look) -> list[Line]:
    lines: list[Line] = []
    for name, value in facts:
        first, *more = wrapped(harmless(value), max(10, look.width - 22)) or [""]
        lines.append(((f"   {name:<16}", "dim"), (first, "")))
        lines += [((f"{'':19}{text}", ""),) for text in more]
    return lines
