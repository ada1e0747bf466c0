"""Desks with an entry of their own to follow."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from mechexo import following
from mechexo.desk import Desk
from runbook.entries import whole

PATIENCE_S = 60.0
FOLDER = '[runbook]\nfolder = "entries"\n'


def item(number: int, command: str, attributes: str) -> str:
    """A numbered item with one runnable command of any number of lines."""
    lines = "\n".join(f"   {line}" for line in command.split("\n"))
    return f"{number}. Do {number}.\n\n   ```sh {{{attributes}}}\n{lines}\n   ```"


def steps(*commands: tuple[str, str]) -> str:
    """An entry whose diagnosis has these commands, each with its attributes."""
    items = [item(number, *each) for number, each in enumerate(commands, 1)]
    return whole(Diagnosis="\n\n".join(items))


def following_desk(
    make_desk: Callable[..., Desk], *commands: tuple[str, str], **options: str
) -> Desk:
    """A desk whose own entry `sample` has these commands."""
    toml = options.pop("toml", "") + FOLDER
    desk = make_desk(toml, **options)
    write(desk.root, steps(*commands))
    return desk


def write(root: Path, text: str) -> None:
    """Writes the entry `sample`."""
    folder = root / "entries"
    folder.mkdir(exist_ok=True)
    (folder / "sample.md").write_text(text)


def until(holds: Callable[[], object]) -> None:
    """Waits, generously, until something holds."""
    begin = time.monotonic()
    while not holds():
        assert time.monotonic() - begin < PATIENCE_S, "it never came to be"
        time.sleep(0.01)


def incident_of(desk: Desk) -> int:
    """The incident in which the entry is followed."""
    return following.incident_for(desk, "sample").id


def entries_of(desk: Desk, action: str) -> list[tuple[str, str]]:
    """Target and outcome of each audit entry of an action."""
    return [(e.target, e.outcome) for e in desk.audit_entries() if e.action == action]
