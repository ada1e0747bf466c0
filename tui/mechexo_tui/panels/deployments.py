"""Deployments of orchestrators as rows: how each stands, its runs, a run's log."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from mechexo.flows.orchestrators.values import ENDED, NOT_WELL, UNDER_WAY, WAITING, Phase
from mechexo.orchestrator_words import not_current, verdict
from mechexo_tui.panels.durations import Took, duration_lines
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import Line, Row, Span, harmless, wrapped
from mechexo_tui.widgets.table import Column, Table, natural

if TYPE_CHECKING:
    from datetime import timedelta

    from mechexo.config import OrchestratorSettings
    from mechexo.flows.orchestrators.standings import DeploymentStanding, Known
    from mechexo.flows.orchestrators.values import LogLine, OrchestratorRun
    from mechexo_tui.widgets.format import Look

FEWEST_PLOTTED = 3
"""So many runs make a plot."""

_DEPLOYMENTS = (
    Column("deployment", 30),
    Column("state", 15),
    Column("last run", 11, right=True),
    Column("now", 12, drop=4),
    Column("took", 7, right=True, drop=2),
    Column("p95", 7, right=True, drop=3),
    Column("next run", 11, right=True, drop=1),
    Column("schedule", 20, drop=5),
    Column("what it says", 24, grows=True, drop=6),
)
_RUNS = (
    Column("due", 19),
    Column("run", 24, drop=2),
    Column("state", 15),
    Column("late", 7, right=True, drop=3),
    Column("took", 8, right=True),
    Column("retries", 7, right=True, drop=4),
    Column("why", 24, grows=True, drop=1),
)


def phase_span(phase: Phase, state: str, look: Look) -> Span:
    """How a run is, as glyph and the orchestrator's own word."""
    glyphs = look.glyphs
    word = (state or phase.value).upper()
    if phase is Phase.COMPLETED:
        return f"{glyphs.ok} {word}", "ok"
    if phase in NOT_WELL:
        return f"{glyphs.critical} {word}", "critical"
    if phase is Phase.LATE:
        return f"{glyphs.warning} {word}", "warning"
    if phase in UNDER_WAY:
        return f"{glyphs.closed} {word}", "accent"
    if phase in WAITING:
        return f"{glyphs.dot} {word}", "accent"
    if phase is Phase.CANCELLED:
        return f"{glyphs.missing} {word}", "dim"
    return f"{glyphs.unknown} {word}", "unknown"


def deployment_state(one: DeploymentStanding, look: Look, *, current: bool = True) -> Span:
    """How a deployment is: what is wrong with it before how its last run is. What is not of now is
    never shown as well."""
    glyphs = look.glyphs
    if one.troubles:
        word = one.troubles[0].trouble.replace("_", " ").upper()
        span: Span = (f"{glyphs.critical} {word}", "critical")
        if "UNKNOWN" in word:
            span = f"{glyphs.unknown} {word}", "unknown"
    elif one.deployment.paused:
        span = f"{glyphs.missing} PAUSED", "dim"
    elif one.last is None:
        span = f"{glyphs.unknown} NO RUN READ", "unknown"
    else:
        span = phase_span(one.last.phase, one.last.state, look)
    if current:
        return span
    return f"{glyphs.unknown} {span[0].split(maxsplit=1)[1]}", "unknown"


def run_age(one: DeploymentStanding, look: Look) -> str:
    """The age of the run that goes on, against the p95: `4m of 12m`; empty without one."""
    run = one.last
    if run is None or run.phase not in UNDER_WAY or run.started_at is None:
        return ""
    age = max(0.0, (look.now - run.started_at).total_seconds())
    said = shown_as.duration(age if age < 60 else age // 60 * 60, look.glyphs)
    return said if one.p95_s is None else f"{said} of {shown_as.duration(one.p95_s, look.glyphs)}"


def next_run(one: DeploymentStanding, look: Look) -> str:
    """When a deployment runs next by itself, as far as that is told."""
    deployment = one.deployment
    if deployment.next_run_at is not None:
        return shown_as.moment(deployment.next_run_at, look)
    if deployment.paused:
        return "paused"
    return "none" if deployment.tells_next_run else look.glyphs.missing


def source_head(
    known: Known, settings: OrchestratorSettings, tick: timedelta, look: Look
) -> list[Row]:
    """An orchestrator: how its flows are, how old that is, why it is not newer."""
    status, detail = verdict(known, settings, look.now, tick)
    sign, style = shown_as.status(status.value, look.glyphs)
    age = "" if known.good_at is None else f"  known {shown_as.age(known.good_at, look)} ago"
    head: Line = (
        (" ", ""),
        (sign, style),
        (f"  Deployments of {known.name}", "title"),
        (f"  {known.kind}{age}", "dim"),
    )
    texts = wrapped(harmless(shown_as.told(detail, look)), look.width - 6)[:3]
    rows = [Row(head, f"source:{known.name}")]
    return rows + [Row(((f"    {text}", ""),)) for text in texts]


def sources_aside(
    found: Sequence[Known],
    settings: Mapping[str, OrchestratorSettings],
    tick: timedelta,
    look: Look,
) -> str:
    """All orchestrators in one line: each by name, and how it is."""
    said = ((each.name, verdict(each, settings[each.name], look.now, tick)[0]) for each in found)
    return ", ".join(f"{name} {status.value}" for name, status in said)


def source_rows(
    known: Known,
    settings: OrchestratorSettings,
    tick: timedelta,
    look: Look,
    *,
    keep: Callable[[str], bool] = lambda _: True,
) -> list[Row]:
    """An orchestrator: how its flows are, how old that is, why it is not newer; then each that is
    to be kept by its words."""
    rows = source_head(known, settings, tick, look)
    if known.look is None:
        return rows
    current = not not_current(known, settings, look.now, tick)
    found = [
        one
        for one in known.look.standing.deployments
        if keep(f"{one.deployment.name} {one.deployment.flow} {deployment_state(one, look)[0]}")
    ]
    return rows + deployment_rows(known.name, found, look, current=current)


def deployment_rows(
    source: str, found: Sequence[DeploymentStanding], look: Look, *, current: bool = True
) -> list[Row]:
    """The deployments of one orchestrator."""
    if not found:
        return []
    cells = [_cells(one, look, current) for one in found]
    columns = natural(_DEPLOYMENTS, cells)
    columns[-1] = _DEPLOYMENTS[-1]
    for place in (3, 7, 8):
        if not any(row[place] for row in cells):
            columns[place] = Column("", 0, drop=20)
    table = Table.fitting(columns, look.width - 1)
    rows = [Row(table.head())]
    return rows + [
        Row(table.row(row), f"deployment:{source}:{one.deployment.id}")
        for one, row in zip(found, cells, strict=True)
    ]


def _cells(one: DeploymentStanding, look: Look, current: bool) -> tuple[Span | str, ...]:
    last = one.last
    at = (last.started_at or last.due_at) if last else None
    return (
        (one.deployment.name, "bold"),
        deployment_state(one, look, current=current),
        (shown_as.moment(at, look), "dim"),
        run_age(one, look),
        shown_as.duration(last.duration_s if last else None, look.glyphs),
        shown_as.duration(one.p95_s, look.glyphs),
        (next_run(one, look), "dim"),
        (", ".join(each.text for each in one.deployment.schedules), "dim"),
        "; ".join(said.why for said in one.troubles),
    )


def head_lines(source: str, one: DeploymentStanding, look: Look, *, why: str) -> list[Line]:
    """One deployment: how it is and why, its schedule; `why` it is not of now."""
    deployment = one.deployment
    lines: list[Line] = [
        (
            (" ", ""),
            deployment_state(one, look, current=not why),
            (f"  {harmless(deployment.name)}", "title"),
            (f"  on {source}", "dim"),
        )
    ]
    said = [each.why for each in one.troubles]
    said += [f"not of now: {shown_as.told(why, look)}"] if why else []
    for text in said:
        lines += [((f"   {part}", ""),) for part in wrapped(harmless(text), look.width - 6)]
    schedules = ", ".join(
        f"{each.text} {each.zone}".strip() + ("" if each.active is not False else " (not active)")
        for each in deployment.schedules
    )
    facts = [
        ("schedule", ("paused; " if deployment.paused else "") + (schedules or "none")),
        ("next run", next_run(one, look)),
        ("under way", run_age(one, look) or "none"),
        ("p95", shown_as.duration(one.p95_s, look.glyphs)),
        ("flow", deployment.flow or "none of [flows]"),
        ("version", deployment.version or look.glyphs.missing),
    ]
    for name, value in facts:
        for place, text in enumerate(wrapped(harmless(value), look.width - 16)):
            lines.append(((f"   {'' if place else name:<11}", "dim"), (text, "")))
    return lines


def trend_lines(one: DeploymentStanding, runs: Sequence[OrchestratorRun], look: Look) -> list[Line]:
    """How many of the runs that were read ended well, and how long they took."""
    ended = [run for run in runs if run.phase in ENDED]
    if not ended:
        return []
    well = sum(run.phase is Phase.COMPLETED for run in ended)
    took = [
        Took(at, run.duration_s, run.phase is Phase.COMPLETED)
        for run in ended
        if (at := run.started_at or run.due_at) is not None and run.duration_s is not None
    ]
    share = shown_as.percent(100 * well / len(ended), look.glyphs)
    lines: list[Line] = [
        (("   ended      ", "dim"), (f"{share} well, {well} of the newest {len(ended)}", ""))
    ]
    if len(took) < FEWEST_PLOTTED:
        return lines
    start = min(run.at for run in took)
    plot = duration_lines("How long runs took", took, look, start=start, usual_s=one.p95_s)
    return [*lines, (), *plot]


def run_rows(runs: Sequence[OrchestratorRun], look: Look) -> list[Row]:
    """Runs of a deployment, newest first."""
    if not runs:
        return [Row((("  no run was read", "dim"),))]
    cells = [
        (
            (shown_as.exact(run.due_at or run.started_at, look), "dim"),
            run.name or run.id,
            phase_span(run.phase, run.state, look),
            shown_as.duration(run.late_s, look.glyphs),
            shown_as.duration(run.duration_s, look.glyphs),
            shown_as.number(run.retries, look.glyphs),
            run.reason,
        )
        for run in runs
    ]
    columns = natural(_RUNS, cells)
    columns[-1] = _RUNS[-1]
    table = Table.fitting(columns, look.width - 1)
    rows = [Row(table.head())]
    return rows + [
        Row(table.row(row), f"run:{run.id}") for run, row in zip(runs, cells, strict=True)
    ]


def log_lines(run: OrchestratorRun, lines: Sequence[LogLine], look: Look) -> list[Line]:
    """A run with the end of its log."""
    took = shown_as.duration(run.duration_s, look.glyphs)
    shown: list[Line] = [
        ((" ", ""), phase_span(run.phase, run.state, look), (f"  {harmless(run.name)}", "title")),
    ]
    facts = f"{harmless(run.id)}, due {shown_as.exact(run.due_at, look)}, took {took}"
    shown += [((f"   {text}", "dim"),) for text in wrapped(facts, look.width - 6)]
    why = wrapped(harmless(run.reason), look.width - 6) if run.reason else ()
    shown += [((f"   {text}", ""),) for text in why]
    shown += [(), ((" The end of its log", "title"),)]
    if not lines:
        return [*shown, (("   (nothing)", "dim"),)]
    for each in lines:
        at = shown_as.exact(each.at, look)
        first, *more = each.text.splitlines() or [""]
        bad = each.level.upper() in ("ERROR", "CRITICAL")
        shown.append(
            (
                (f"   {at:<19} ", "dim"),
                (f"{each.level:<8} ", "critical" if bad else "dim"),
                (harmless(first), ""),
            )
        )
        shown += [((" " * 32, ""), (harmless(text), "")) for text in more]
    return shown
