"""`mechexo init`: a new desk's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import single_command

app = single_command()


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Made when missing.")] = Path(),
    hooks: Annotated[
        bool | None,
        typer.Option(
            "--hooks/--no-hooks",
            show_default=False,
            help="Of a desk that is there: put git hooks into its repository that keep the"
            " deployment ledger, or take them away; nothing else.",
        ),
    ] = None,
    reason: Annotated[
        str, typer.Option(help="Why the hooks change; required on a live desk.")
    ] = "",
    json_: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Write a commented mechexo.toml, the runbooks and an empty state file; overwrite nothing."""
    if hooks is not None:
        return _hooks(folder, hooks, reason, json_)
    from mechexo.clock import SystemClock
    from mechexo.init_desk import init_desk

    made = init_desk(folder)
    if json_:
        return render.json_document("init", SystemClock().now(), {"files": made})
    for file in made:
        render.text(f"{'kept, it was there' if file.kept else 'made'}: {file.path}")
    render.note(f"next: edit {made[0].path}, then: mechexo --config {made[0].path} doctor")
    return None


def _hooks(folder: Path, wanted: bool, reason: str, as_json: bool) -> None:
    from mechexo.config.loading import FILE_NAME
    from mechexo.desk import Desk
    from mechexo.rollback import hooks

    desk = Desk.open(folder / FILE_NAME)
    done = (hooks.install if wanted else hooks.remove)(desk, reason=reason)
    if as_json:
        return render.json_document("init", desk.clock.now(), {"files": (), "hooks": done})
    for each in done:
        chained = "" if each.before is None else "; it runs the one before it first"
        restored = "" if each.before is None else "; the one before it is back"
        render.text(f"{each.what}: {each.path}{chained if wanted else restored}")
    return None
