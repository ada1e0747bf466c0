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
    json_: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Write a commented mechexo.toml, the runbooks and an empty state file; overwrite nothing."""
    from mechexo.clock import SystemClock
    from mechexo.init_desk import init_desk

    made = init_desk(folder)
    if json_:
        return render.json_document("init", SystemClock().now(), {"files": made})
    for file in made:
        render.text(f"{'kept, it was there' if file.kept else 'made'}: {file.path}")
    render.note(f"next: edit {made[0].path}, then: mechexo --config {made[0].path} doctor")
    return None
