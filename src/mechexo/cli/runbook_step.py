"""`mechexo runbook step`, `tick` and `steps`: following an entry in an incident."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import open_desk, unopened_desk
from mechexo.cli.options import Json, Reason
from mechexo.errors import BusyError, NotAllowedError, StateError, UsageError

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.runbook.following_values import Preview, StepRun

EntryId = Annotated[str, typer.Argument(metavar="ID", help="The entry's id.")]
IncidentId = Annotated[
    int | None, typer.Option("--incident", help="The incident; else the only one that goes on.")
]


def step(
    ctx: typer.Context,
    entry_id: EntryId,
    steps: Annotated[
        list[str] | None, typer.Argument(metavar="[STEP]...", help="Ids of steps, run in order.")
    ] = None,
    reads: Annotated[bool, typer.Option("--reads", help="Every step that only looks.")] = False,
    from_step: Annotated[str, typer.Option("--from", help="With --reads: from this step.")] = "",
    incident: IncidentId = None,
    yes: Annotated[bool, typer.Option("--yes", help="Run them: nobody is asked.")] = False,
    typed: Annotated[
        list[str] | None, typer.Option(metavar="STEP", help="The id of a step that needs it typed.")
    ] = None,
    reason: Reason = "",
    show: Annotated[bool, typer.Option("--show", help="Show what would be run; run nothing.")] = (
        False
    ),
    json_: Json = False,
) -> None:
    """Run steps of an entry for an incident; stops at the first that is not well (exit 1)."""
    from mechexo import following
    from mechexo.cli.runbook_step_words import preview_document, preview_lines, run_document

    desk = unopened_desk(ctx) if show else open_desk(ctx)
    wanted, skipped = _wanted(desk, entry_id, steps or [], reads, from_step)
    previews = [following.preview(desk, entry_id, each, incident) for each in wanted]
    if show:
        if json_:
            shown = {"steps": [preview_document(each) for each in previews]}
            render.json_document("runbook_preview", desk.clock.now(), shown)
        else:
            for each in previews:
                render.text("\n".join(preview_lines(each)) + "\n")
        raise typer.Exit(1 if any(each.blocked for each in previews) else 0)
    said = _confirmed(desk, previews, yes=yes, typed=typed or [])
    for each in previews:
        # All of them, before an incident is opened or the first is run.
        typed_id = said.get(each.step_id, "")
        following.check_step(desk, entry_id, each.step_id, typed=typed_id, reason=reason)
    found = following.incident_for(desk, entry_id, incident)
    for name, why in skipped:
        render.note(f"▲ {name} is passed over: {why}")
    done = _run(desk, found.id, previews, said, reason, quiet=json_)
    if json_:
        body = {
            "incident": found.id,
            "runs": [run_document(each) for each in done],
            "skipped": [{"step": name, "why": why} for name, why in skipped],
            "not_run": [each.step_id for each in previews[len(done) :]],
        }
        render.json_document("runbook_run", desk.clock.now(), body)
    elif len(done) < len(previews):
        left = " ".join(each.step_id for each in previews[len(done) :])
        render.note(f"▲ not run: {left}")
    if skipped or not all(run.well for run in done) or len(done) < len(previews):
        raise typer.Exit(1)


def _wanted(
    desk: Desk, entry_id: str, steps: Sequence[str], reads: bool, from_step: str
) -> tuple[list[str], tuple[tuple[str, str], ...]]:
    """The ids of the steps to run, and those that are passed over with what blocks them."""
    from mechexo import following

    if reads == bool(steps) or (from_step and not reads):
        raise UsageError(
            "name the steps to run, or give --reads (and --from STEP) for all that look"
        )
    if not reads:
        return list(steps), ()
    return following.reads(desk, entry_id, from_step)


def _confirmed(
    desk: Desk, previews: Sequence[Preview], *, yes: bool, typed: Sequence[str]
) -> dict[str, str]:
    """What was typed for each step, once all are confirmed; nothing has been run before."""
    from mechexo.actor import Role
    from mechexo.cli.runbook_step_words import preview_lines

    for each in previews:
        # A role that is too low is refused by the operation, which keeps a record of it.
        if each.blocked and desk.role >= Role[each.needs_role.upper()]:
            raise UsageError(f"{each.entry_id}/{each.step_id} cannot be run: {each.blocked}")
    said = {each: each for each in typed}
    asks = sys.stdin.isatty() and sys.stdout.isatty()
    for each in previews:
        if each.confirm == "typed" and each.step_id not in said and asks:
            render.text("\n".join(preview_lines(each)))
            said[each.step_id] = input(f"Type {each.step_id} to run it: ").strip()
            if said[each.step_id] != each.step_id:
                raise NotAllowedError("that is another word: nothing was run")
        elif not yes and asks:
            render.text("\n".join(preview_lines(each)))
            if input("Run it? [y/N] ").strip().lower() not in ("y", "yes"):
                raise NotAllowedError("not confirmed: nothing was run")
    if not yes and not asks:
        for each in previews:
            render.note("\n".join(preview_lines(each)))
        needed = [f"--typed {each.step_id}" for each in previews if each.confirm == "typed"]
        raise UsageError(f"nothing was run; to run it: {' '.join(['--yes', *needed])}")
    return said


def _run(
    desk: Desk,
    incident_id: int,
    previews: Sequence[Preview],
    typed: dict[str, str],
    reason: str,
    *,
    quiet: bool,
) -> list[StepRun]:
    from mechexo import following
    from mechexo.cli.runbook_step_words import run_line
    from mechexo.runbook.following_values import EndNotRecordedError, StepGoesOnError
    from mechexo.terminal_modes import kept_modes

    cancel = threading.Event()
    done: list[StepRun] = []
    with ExitStack() as stack:
        stack.enter_context(kept_modes())
        for number in (signal.SIGTERM, signal.SIGHUP):
            before = signal.signal(number, lambda *_: cancel.set())
            stack.callback(signal.signal, number, before)
        for each in previews:
            streamed: list[str] = []
            if not quiet:
                render.text(f"{each.entry_id}/{each.step_id} · incident {incident_id}")
                render.text("\n".join(f"  $ {line}" for line in each.command.split("\n")))
            try:
                run = following.run_step(
                    desk,
                    incident_id,
                    each.entry_id,
                    each.step_id,
                    typed=typed.get(each.step_id, ""),
                    reason=reason,
                    on_output=None if quiet else partial(_stream, streamed),
                    cancel=cancel,
                )
            except (StepGoesOnError, EndNotRecordedError):
                raise  # To run it by hand would be to run it twice.
            except (StateError, BusyError):
                render.note(f"mechexo: by hand it is: cd {each.folder} && {each.command}")
                raise
            done.append(run)
            if not quiet:
                begun = bool(streamed) and not streamed[-1].endswith("\n")
                render.text(("\n" if begun else "") + run_line(run) + "\n")
            if not run.well:
                break
    return done


def _stream(last: list[str], text: str) -> None:
    last[:] = [text]
    sys.stdout.write(text)
    sys.stdout.flush()


def tick(
    ctx: typer.Context,
    entry_id: EntryId,
    steps: Annotated[list[str], typer.Argument(metavar="STEP...", help="Ids or keys of steps.")],
    undo: Annotated[bool, typer.Option("--undo", help="Take the tick back.")] = False,
    incident: IncidentId = None,
    json_: Json = False,
) -> None:
    """Tick steps of an entry as done, in an incident."""
    from mechexo import following
    from mechexo.cli.runbook_step_words import progress_document

    desk = open_desk(ctx)
    for each in steps:
        # All of them, before the first is ticked.
        following.preview(desk, entry_id, each)
    found = following.incident_for(desk, entry_id, incident, opens=not undo)
    for each in steps:
        progress = following.tick(desk, found.id, entry_id, each, ticked=not undo)
    if json_:
        return render.json_document("runbook_steps", desk.clock.now(), progress_document(progress))
    word = "–" if undo else "✔"
    return render.text(
        f"{word} {progress.entry.id} in incident {found.id}: "
        f"{progress.ticked} of {len(progress.steps)} steps ticked"
    )


def steps(
    ctx: typer.Context, entry_id: EntryId, incident: IncidentId = None, json_: Json = False
) -> None:
    """The steps of an entry as a checklist: ticks, and how each was last run."""
    from mechexo import following
    from mechexo.cli.runbook_step_words import progress_document, progress_rows

    desk = open_desk(ctx)
    found = following.going_on(desk, entry_id, incident)
    progress = following.progress(desk, found.id if found else None, entry_id)
    if json_:
        return render.json_document("runbook_steps", desk.clock.now(), progress_document(progress))
    told = f"incident {found.id}: {found.title}" if found else "no incident goes on"
    columns, rows = progress_rows(progress, desk.clock.now())
    return render.table(f"{progress.entry.id} · {told}", columns, rows, named_by=2)


def register(app: typer.Typer) -> None:
    """Adds these commands to `mechexo runbook`."""
    for command in (step, tick, steps):
        app.command(command.__name__)(command)
