"""`mechexo flags`: look at the desk's flags, set one, ask who changed what."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import command_group, open_desk, unopened_desk
from mechexo.cli.options import Csv, Json, Reason, Yes

if TYPE_CHECKING:
    from mechexo.rollback.flags.operations import UnconfirmedError
    from mechexo.rollback.flags.values import FlagChange

app = command_group("The desk's flags: look, set, halt, their history.")

ReasonForRisk = Annotated[
    str, typer.Option(help="Why; required on a live desk, but not to lower the risk.")
]


@app.command("list")
def list_(ctx: typer.Context, json_: Json = False, csv: Csv = False) -> None:
    """All flags as they are now, which value is safer, who changed them last."""
    from mechexo.cli import flag_words
    from mechexo.rollback.flags import operations

    desk = unopened_desk(ctx)
    found = operations.list_flags(desk)
    if json_:
        body = {
            "tracked_since": found.tracked_since,
            "flags": [flag_words.flag_body(flag) for flag in found.flags],
        }
        return render.json_document("flags", desk.clock.now(), body)
    if csv:
        return render.csv_rows(*flag_words.flag_values(found.flags))
    render.table("Flags", *flag_words.flag_rows(found.flags), zone=desk.zone, named_by=1)
    if found.tracked_since is None:
        render.note("No history of them is kept; begin one with: mechexo flags track")
    return None


@app.command("set")
def set_(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The flag.")],
    value: Annotated[str, typer.Argument(help="Its new value, such as false, on, 1000.")],
    reason: ReasonForRisk = "",
    yes: Annotated[
        bool, typer.Option("--yes", help="For scripts: what adds risk counts as confirmed.")
    ] = False,
    json_: Json = False,
) -> None:
    """Set a flag. What lowers the risk is done at once, whatever else does not work."""
    from mechexo.cli import flag_words
    from mechexo.rollback.flags import operations

    desk = unopened_desk(ctx)
    try:
        done = operations.set_flag(desk, name, value, reason=reason)
    except operations.UnconfirmedError as asked:
        change = _confirmed(asked, yes)
        done = operations.set_flag(desk, name, value, reason=reason, confirmed=change)
    if done.note:
        render.note(f"mechexo: {name} is set; {done.note}")
    if json_:
        body = flag_words.set_body(done)
        return render.json_document("flag_set", desk.clock.now(), body)
    return render.text(flag_words.set_line(done))


@app.command("history")
def history(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="One flag; all of them when left out.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="The newest N.")] = 50,
    json_: Json = False,
    csv: Csv = False,
) -> None:
    """The newest changes of flags, newest first, whoever made them."""
    from mechexo.cli import flag_words
    from mechexo.rollback.flags import operations

    desk = unopened_desk(ctx)
    events = operations.history(desk, name, limit=limit)
    if json_:
        body = {"events": [flag_words.event_body(event) for event in events]}
        return render.json_document("flags_history", desk.clock.now(), body)
    if csv:
        return render.csv_rows(*flag_words.event_values(events))
    empty = "none is kept; begin one with: mechexo flags track"
    return render.table(
        "History of flags", *flag_words.event_rows(events), zone=desk.zone, empty=empty
    )


@app.command("track")
def track(
    ctx: typer.Context,
    off: Annotated[
        bool, typer.Option("--off", help="Keep none any more; what there is stays.")
    ] = False,
    reason: Reason = "",
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Keep a history of the flags in their own database, also of changes made by hand."""
    from mechexo.rollback.flags import operations
    from mechexo.times import in_zone

    desk = open_desk(ctx)
    if off:
        changed, since = operations.untrack(desk, reason=reason), None
        said = "No history is kept any more." if changed else "None was kept."
    else:
        changed, since = operations.track(desk, reason=reason)
        said = f"A history is kept since {in_zone(since, desk.zone)}." if since else ""
    if json_:
        body = {"changed": changed, "tracked_since": since}
        return render.json_document("flags_track", desk.clock.now(), body)
    return render.text(said)


def _confirmed(asked: UnconfirmedError, yes: bool) -> FlagChange:
    """The change that was confirmed.

    Raises:
        UnconfirmedError: it was not.
    """
    from mechexo.rollback.flags.operations import words

    if yes:
        return asked.change
    if not sys.stdin.isatty():
        raise asked
    render.note(f"{words(asked.change)}.")
    typed = typer.prompt(
        f"Type the flag's name to do it ({asked.change.key})",
        default="",
        show_default=False,
        err=True,
    )
    if typed.strip() != asked.change.key:
        raise asked
    return asked.change
