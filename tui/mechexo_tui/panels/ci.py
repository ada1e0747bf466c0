"""CI as rows: how each repository is and how old that is, its badges, its runs, one run in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mechexo.ci_words import verdict
from mechexo.flows.ci.values import CiState
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import Line, Row, Span, cut, harmless, linked, width_of, wrapped
from mechexo_tui.widgets.table import Column, Table, natural

if TYPE_CHECKING:
    from datetime import timedelta

    from mechexo.config import CiSettings
    from mechexo.flows.ci.values import CiBadge, CiRun, CiStanding
    from mechexo_tui.widgets.format import Look

NONE = "no repository is configured; [ci.NAME] in mechexo.toml adds one"
COMMIT = 10
"""Characters of a commit's id."""

_BADGES = (
    Column("badge", 11),
    Column("branch", 18),
    Column("workflow", 24),
    Column("now", 11, drop=3),
    Column("took", 7, right=True, drop=2),
    Column("commit", COMMIT, drop=1),
    Column("started", 11, right=True),
    Column("what", 20, grows=True, drop=4),
)
_RUNS = (
    Column("state", 11),
    Column("repository", 18, drop=5),
    Column("branch", 16, drop=3),
    Column("workflow", 22),
    Column("took", 7, right=True, drop=2),
    Column("commit", COMMIT, drop=1),
    Column("started", 11, right=True),
    Column("what", 20, grows=True, drop=4),
)


def ci_state(state: CiState, look: Look) -> Span:
    """How a run is, as glyph and word."""
    glyphs = look.glyphs
    sign, style = {
        CiState.PASSED: (glyphs.ok, "ok"),
        CiState.FAILED: (glyphs.critical, "critical"),
        CiState.RUNNING: (glyphs.closed, "accent"),
        CiState.WAITING: (glyphs.dot, "accent"),
        CiState.STOPPED: (glyphs.missing, "dim"),
    }.get(state, (glyphs.unknown, "unknown"))
    return f"{sign} {state.value.upper()}", style


def ci_aside(
    found: Sequence[CiStanding], settings: Mapping[str, CiSettings], tick: timedelta, look: Look
) -> str:
    """All repositories in one line: how many are how, the worst first."""
    if not found:
        return ""
    statuses = [verdict(each, settings[each.name], look.now, tick)[0] for each in found]
    bad = [status for status in statuses if status.value != "ok"]
    if not bad:
        return f"CI {len(found)} ok"
    counted = {status: statuses.count(status) for status in sorted(set(bad), key=lambda s: -s.rank)}
    said = ", ".join(f"{number} {status.value}" for status, number in counted.items())
    return f"CI {said} of {len(found)}"


def repository_row(
    each: CiStanding, settings: CiSettings, tick: timedelta, look: Look
) -> list[Row]:
    """How a repository is, in words, with the age of what is known and why it is not newer."""
    status, detail = verdict(each, settings, look.now, tick)
    sign, style = shown_as.status(status.value, look.glyphs)
    age = "" if each.good_at is None else f"  known {shown_as.age(each.good_at, look)} ago"
    head: Line = (
        (" ", ""),
        (sign, style),
        (f"  {harmless(each.repository)}", "title"),
        (f"  {each.kind}{age}", "dim"),
    )
    texts = wrapped(harmless(shown_as.told(detail, look)), look.width - 6)[:3]
    return [Row(head), *(Row(((f"    {text}", ""),)) for text in texts)]


def badge_rows(each: CiStanding, look: Look) -> list[Row]:
    """A badge for each workflow of each branch."""
    if not each.badges:
        return []
    cells = [_badge_cells(badge, look) for badge in each.badges]
    columns = natural(_BADGES, cells)
    columns[-1] = _BADGES[-1]
    table = Table.fitting(columns, look.width - 1, indent=4)
    rows = [Row(table.head())]
    return rows + [
        Row(table.row(row), f"badge:{each.name}:{badge.run.id}")
        for badge, row in zip(each.badges, cells, strict=True)
    ]


def _badge_cells(badge: CiBadge, look: Look) -> tuple[Span | str, ...]:
    run = badge.run
    now = ci_state(badge.under_way.state, look) if badge.under_way else (look.glyphs.missing, "dim")
    return (
        ci_state(badge.state, look),
        (badge.branch, "dim"),
        linked(badge.workflow, run.link, "bold"),
        now,
        shown_as.duration(run.duration_s, look.glyphs),
        (run.commit[:COMMIT] or look.glyphs.missing, "dim"),
        (shown_as.moment(run.started_at, look), "dim"),
        run.title,
    )


def run_rows(found: Sequence[tuple[CiStanding, CiRun]], look: Look) -> list[Row]:
    """Runs of several repositories, in the order given."""
    if not found:
        return [Row((("  no run is known", "dim"),))]
    cells = [
        (
            ci_state(run.state, look),
            each.name,
            (run.branch, "dim"),
            linked(run.workflow, run.link),
            shown_as.duration(run.duration_s, look.glyphs),
            (run.commit[:COMMIT] or look.glyphs.missing, "dim"),
            (shown_as.moment(run.started_at, look), "dim"),
            run.title,
        )
        for each, run in found
    ]
    columns = natural(_RUNS, cells)
    columns[-1] = _RUNS[-1]
    table = Table.fitting(columns, look.width - 1)
    rows = [Row(table.head())]
    return rows + [
        Row(table.row(row), f"ci:{each.name}:{run.id}")
        for (each, run), row in zip(found, cells, strict=True)
    ]


def run_lines(each: CiStanding, run: CiRun, look: Look) -> list[Line]:
    """A run in full, with its page's address to follow or to copy."""
    missing = look.glyphs.missing
    said = run.status + (f", {run.conclusion}" if run.conclusion else "")
    number = missing if run.number is None else str(run.number)
    if run.attempt is not None and run.attempt > 1:
        number += f" (attempt {run.attempt})"
    facts = [
        ("repository", each.repository),
        ("branch", run.branch),
        ("commit", run.commit or missing),
        ("what", run.title or missing),
        ("number", number),
        ("begun by", run.event or missing),
        ("started", shown_as.exact(run.started_at, look)),
        ("ended", shown_as.exact(run.ended_at, look)),
        ("took", shown_as.duration(run.duration_s, look.glyphs)),
        (f"{each.kind} says", said or missing),
        ("known as of", shown_as.exact(each.good_at, look)),
    ]
    lines: list[Line] = [
        (
            (" ", ""),
            ci_state(run.state, look),
            ("  ", ""),
            (cut(run.workflow, look.width - 16), "title"),
        ),
        (),
    ]
    for name, value in facts:
        for place, text in enumerate(wrapped(harmless(value), look.width - 20)):
            lines.append(((f"   {'' if place else name:<15}", "dim"), (text, "")))
    if run.link:
        room = look.width - 19
        shown = run.link if width_of(run.link) <= room else cut(run.link, room)
        lines.append(((f"   {'page':<15}", "dim"), linked(shown, run.link, "accent")))
    if each.why:
        lines += [
            (),
            ((f"   not asked well since: {cut(harmless(each.why), look.width - 28)}", ""),),
        ]
    return lines
