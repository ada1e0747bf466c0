"""The steps of an entry as a checklist, and the story of one: what it would run, how it went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import Line, Row, Span, cut, fitted, harmless, width_of, wrapped

if TYPE_CHECKING:
    from mechexo.runbook.following_values import Preview, StepRun, StepState
    from mechexo_tui.widgets.format import Glyphs, Look

NAME = 18
"""Cells of a step's name."""
_RISKS = {
    "read": ("reads", "dim"),
    "change": ("changes", "warning"),
    "danger": ("DANGER", "critical"),
}
_OUTCOMES = {
    "running": ("accent", "closed"),
    "ok": ("ok", "ok"),
    "failed": ("critical", "critical"),
    "unexpected": ("critical", "critical"),
    "timed_out": ("critical", "critical"),
    "cancelled": ("warning", "warning"),
    "unknown": ("unknown", "unknown"),
}
"""The style of each outcome and the name of its glyph."""


def risk(value: str, glyphs: Glyphs) -> Span:
    """What a command does to the desk, as glyph and word."""
    word, style = _RISKS.get(value, _RISKS["danger"])
    sign = {"warning": glyphs.warning, "critical": glyphs.critical}.get(style, glyphs.dot)
    return f"{sign} {word}", style


def outcome(run: StepRun, glyphs: Glyphs) -> Span:
    """How a run stands, as glyph and word."""
    style, glyph = _OUTCOMES[run.outcome.value]
    word = run.outcome.word.partition(" ")[2]
    if run.outcome.value == "failed" and run.exit_code is not None:
        word = f"exit {run.exit_code}"
    return f"{getattr(glyphs, glyph)} {word}", style


def checklist(states: Sequence[StepState], look: Look) -> list[Row]:
    """The steps by section; one can be chosen by its key."""
    rows: list[Row] = []
    section = None
    for state in states:
        step = state.step
        if step.section != section:
            section = step.section
            rows.append(
                Row(
                    (
                        (" ", ""),
                        (cut(section or "Before the first section", look.width - 2), "title"),
                    )
                )
            )
        rows.append(Row(_line(state, look), f"step:{step.key}"))
    return rows or [Row((("  this entry has no steps", "dim"),))]


def _line(state: StepState, look: Look) -> Line:
    step, run = state.step, state.run
    box = f"[{look.glyphs.acknowledged if state.ticked else ' '}]"
    head: list[Span] = [
        (" ", ""),
        (box, "ok" if state.ticked else ""),
        (f" {step.number:>2} ", "dim"),
    ]
    if step.id:
        name = fitted(step.id, min(NAME, max(8, look.width // 3)))
        head += [(name, "bold"), (" ", "")]
    tail: list[Span] = []
    if run is not None:
        text, style = outcome(run, look.glyphs)
        tail = [
            ("  ", ""),
            (text, style),
            (f" {shown_as.age(run.ended_at or run.started_at, look)}", "dim"),
        ]
    elif step.id:
        text, style = risk(step.risk, look.glyphs)
        tail = [("  ", ""), (text, style)]
        if step.unset:
            tail.append((f" {look.glyphs.warning} not set", "warning"))
    used = sum(width_of(text) for text, _ in (*head, *tail))
    room = max(0, look.width - used - 1)
    said = " ".join(step.text.split())
    return (*head, (fitted(said, room), "dim" if state.ticked else ""), *tail)


def tally(states: Sequence[StepState], look: Look) -> str:
    """How far one is, in a few words."""
    ticked = sum(state.ticked for state in states)
    bad = sum(
        state.run is not None and state.run.outcome.value not in ("ok", "running")
        for state in states
    )
    words = f"{ticked} of {shown_as.count(len(states), 'step')} ticked"
    return f"{words}, {bad} not well" if bad else words


def story(
    state: StepState,
    preview: Preview | None,
    trouble: str,
    live: Sequence[str] | None,
    look: Look,
) -> list[Line]:
    """One step in full: its text, exactly what would run and where, how its last run went.

    Args:
        state: the step as it stands.
        preview: what a run would do; None while it is not known, or for a step without a command.
        trouble: why that is not known, or why it was not run just now.
        live: what the run under way has said so far, in lines; None while none is under way.
    """
    step, glyphs = state.step, look.glyphs
    lines: list[Line] = [((f" {step.section} {glyphs.dot} step {step.number}", "title"),)]
    lines += [((f"  {text}", ""),) for text in wrapped(" ".join(step.text.split()), look.width - 4)]
    if state.ticked:
        when = shown_as.exact(state.ticked_at, look)
        lines.append(((f"  {glyphs.acknowledged} ticked by {state.ticked_by}, {when}", "ok"),))
    if trouble:
        lines.append(())
        said = wrapped(harmless(shown_as.told(trouble, look)), look.width - 6)
        lines += [
            ((f"  {glyphs.critical} " if not at else "    ", "critical"), (text, ""))
            for at, text in enumerate(said)
        ]
    if not step.command:
        return [*lines, (), (("  This step is done by a person; space ticks it.", "dim"),)]
    lines += [(), ((" What would run", "title"),)]
    for text in (preview.command if preview else step.command).split("\n"):
        lines += _whole(text, "    ", "bold cyan", look)
    lines += _about(preview, step.id, look)
    if live is not None or state.run is not None:
        lines += _run(state.run, live, look)
    return lines


def _about(preview: Preview | None, step_id: str, look: Look) -> list[Line]:
    if not step_id:
        return [(), (("  It has no id, so mechexo never runs it.", "dim"),)]
    if preview is None:
        return []
    text, style = risk(preview.risk, look.glyphs)
    facts: list[tuple[str, Span]] = [
        ("risk", (text, style)),
        ("where", (f"{preview.folder} on {preview.host}", "")),
        ("as", (preview.user, "")),
        ("at most", (f"{preview.timeout_s} s, then it is ended with all that it started", "")),
        ("good exits", (", ".join(map(str, preview.exits)), "")),
    ]
    if preview.expect:
        facts.append(("and says", (preview.expect, "")))
    if preview.undo:
        facts.append(("undone by", (preview.undo, "")))
    lines: list[Line] = [()]
    for name, (value, how) in facts:
        for at, piece in enumerate(wrapped(harmless(value), look.width - 16)):
            lines.append(((f"  {'' if at else name:<11} ", "dim"), (piece, how)))
    for at, (name, value) in enumerate(preview.environment):
        head = f"  {'' if at else 'set for it':<11} "
        lines += _whole(f"{name}={value}", head, "dim", look)
    if preview.blocked:
        lines.append(())
        for at, piece in enumerate(wrapped(harmless(preview.blocked), look.width - 18)):
            sign = f"  {look.glyphs.critical} cannot be run: " if not at else " " * 19
            lines.append(((sign, "critical"), (piece, "")))
    return lines


def _whole(text: str, head: str, style: str, look: Look) -> list[Line]:
    """A text with nothing left out and no space changed, in as many lines as it takes; those that
    go on carry a mark."""
    text = harmless(text)
    room = max(8, look.width - len(head) - 3)
    pieces = [text[at : at + room] for at in range(0, len(text), room)] or [""]
    mark = " " * (len(head) - 2) + f"{look.glyphs.cut} "
    return [((mark if at else head, "dim"), (piece, style)) for at, piece in enumerate(pieces)]


def run_line(run: StepRun | None, running: bool, look: Look) -> Line:
    """How the last run ended, or that one is under way: stays in sight above a long output."""
    if running:
        return (" Running", "title"), (f" {look.glyphs.dot} e ends it", "dim")
    if run is None:
        return ((" Not run yet", "dim"),)
    text, style = outcome(run, look.glyphs)
    took = shown_as.duration(run.duration_s, look.glyphs)
    code = "" if run.exit_code is None else f", exit code {run.exit_code}"
    words = f"  {run.by}, {shown_as.exact(run.started_at, look)}, took {took}{code}"
    return (" Last run  ", "title"), (text, style), (words, "dim")


def _run(run: StepRun | None, live: Sequence[str] | None, look: Look) -> list[Line]:
    said: Sequence[str] = live or ()
    if live is None and run is not None:
        said = run.output.split("\n") if run.output else ()
    head: Line = ((" Output", "title"), ("" if live is None else " so far", "dim"))
    lines: list[Line] = [(), head]
    if run is not None and run.why and live is None:
        lines += [
            ((f"  {piece}", "warning"),) for piece in wrapped(harmless(run.why), look.width - 4)
        ]
    if not said:
        nothing = "nothing said" if live is None else "nothing said yet"
        lines.append(((f"  {nothing}", "dim"),))
    return lines + [((f"  {look.glyphs.axis} ", "dim"), (harmless(text), "")) for text in said]
