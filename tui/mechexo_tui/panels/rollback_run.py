"""The application of a plan as rows: each step as it was done, how it ended, what to do now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mechexo.rollback.values import RunState
from mechexo.times import format_duration
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import Line, harmless, width_of, wrapped

if TYPE_CHECKING:
    from mechexo.rollback.values import Run, Step
    from mechexo_tui.widgets.format import Look

STEPS = 13


def run_lines(run: Run, look: Look, *, trouble: str = "") -> list[Line]:
    """How it ended first, then what to do, then each step."""
    sign, style = shown_as.rollback_state(run.state, look.glyphs)
    lasted = f", took {format_duration(run.ended_at - run.started_at)}" if run.ended_at else ""
    lines: list[Line] = [
        (
            (" ", ""),
            (sign, style),
            (f"  {shown_as.exact(run.started_at, look)} by {run.actor}{lasted}", "dim"),
        )
    ]
    if trouble and run.state is not RunState.APPLIED:
        lines += _told(trouble, "critical", look)
    for key, said in what_now(run):
        lines += _advice(key, said, look, loud=run.state is RunState.NEEDS_HUMAN)
    if run.new_commit:
        lines += _told(f"commit {run.old_commit[:12]} -> {run.new_commit[:12]}", "dim", look)
    if run.reason:
        lines += _told(f"reason: {run.reason}", "dim", look)
    return lines + steps_lines(run.steps, look)


def steps_lines(steps: Sequence[Step], look: Look) -> list[Line]:
    """The steps in the order in which they were done."""
    lines: list[Line] = []
    for each in steps:
        sign, style = shown_as.check(each.ok, look.glyphs)
        head = f"{sign:<9}"
        said = f"{each.name}: {shown_as.told(each.detail, look)}"
        first, *more = wrapped(harmless(said), look.width - STEPS - 2)
        lines.append((("   ", ""), (head, style), (first, "" if each.ok else "bold")))
        lines += [((" " * STEPS, ""), (text, "")) for text in more]
    return lines


def under_way_lines(steps: Sequence[Step], look: Look) -> list[Line]:
    """What was done so far of what this console carries out."""
    sign, style = shown_as.rollback_state(RunState.UNDER_WAY, look.glyphs)
    head: Line = (
        (" ", ""),
        (sign, style),
        ("  each step as it is done; q leaves, it goes on", "dim"),
    )
    return [head, *steps_lines(steps, look)]


def what_now(run: Run) -> tuple[tuple[str, str], ...]:
    """What a person can do now: a key (or nothing) and what it does."""
    match run.state:
        case RunState.APPLIED:
            return (("u", f"takes it back; or: mechexo rollback undo {run.id}"),)
        case RunState.REDEPLOY_FAILED:
            return (
                ("d", "tells the orchestrator again: files and flags are as planned, it is not"),
                ("u", "takes it back"),
            )
        case RunState.UNDONE:
            return (("m", "makes the plan again: everything was put back as it was before"),)
        case RunState.NEEDS_HUMAN:
            return (
                ("", "It is half done: others changed the same meanwhile, and nothing is guessed."),
                ("c", "tries to finish it, and names what stands in the way"),
                ("", "Put that back by hand, as it was or as the plan has it; then c once more."),
                ("", "To keep it as it stands, in a shell:"),
                ("", f"mechexo rollback recover --leave {run.id} --reason TEXT"),
            )
        case RunState.UNDER_WAY:
            return (("c", "finishes it if it was cut off; r looks again"),)


def _advice(key: str, said: str, look: Look, *, loud: bool) -> list[Line]:
    head = f"   {key} " if key else "   "
    first, *more = wrapped(said, look.width - width_of(head) - 2)
    style = "critical" if loud else ""
    lines: list[Line] = [((head, "key"), (first, style))]
    return lines + [((" " * width_of(head), ""), (text, style)) for text in more]


def _told(text: str, style: str, look: Look) -> list[Line]:
    return [((f"   {part}", style),) for part in wrapped(harmless(text), look.width - 5)]
