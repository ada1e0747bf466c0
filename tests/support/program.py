"""The real program as a separate process."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import termios
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema

SCHEMAS = Path(__file__).parents[1] / "data"


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without a terminal's size, in a locale that has our glyphs."""
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    return kept | {"LC_ALL": "C.UTF-8"} | dict(extra or {})


def command(*arguments: object, config: Path | None = None) -> list[str]:
    """The words that start the program."""
    named = ["--config", str(config)] if config else []
    return [sys.executable, "-m", "mechexo", *named, *map(str, arguments)]


def mechexo(
    *arguments: object,
    config: Path | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout_s: float = 60.0,
) -> subprocess.CompletedProcess[str]:
    """Runs one command to its end."""
    return subprocess.run(
        command(*arguments, config=config),
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=environment(env),
        timeout=timeout_s,
    )


def on_terminal(
    *arguments: object,
    config: Path,
    size: tuple[int, int] = (24, 80),
    env: Mapping[str, str] | None = None,
) -> str:
    """What one command writes to a terminal of so many lines and columns."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, size)
    running = subprocess.Popen(
        command(*arguments, config=config), stdout=theirs, stderr=theirs, env=environment(env)
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            more = os.read(ours, 4096)
        except OSError:
            break
        if not more:
            break
        said += more
    running.wait()
    os.close(ours)
    return said.decode(errors="replace")


def document(done: subprocess.CompletedProcess[str]) -> Any:
    """The one JSON document on stdout."""
    return json.loads(done.stdout)


def validated(done: subprocess.CompletedProcess[str], schema: str) -> Any:
    """The same, after a check against `tests/data/<schema>.schema.json`."""
    found = document(done)
    jsonschema.validate(found, json.loads((SCHEMAS / f"{schema}.schema.json").read_text()))
    return found


def one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Holds a failure to one clear line on stderr that has these words, and no traceback."""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("mechexo: ")
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in lines[0], done.stderr
