"""The machine: its SQLite, its clock, this terminal."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator

from mechexo.doctor.findings import Finding, doubtful, well
from mechexo.plain_text import only_ascii

# https://sqlite.org/wal.html: with two or more connections that write or checkpoint, versions
# before these can, very rarely, lose a commit or damage the file ("WAL-reset").
_FIRST_WITH_WAL = (3, 7, 0)
_FIRST_MENDED = (3, 51, 3)
_MENDED_IN = {(3, 44): 6, (3, 50): 7}

_SMALLEST_TERMINAL = (60, 16)


def sqlite_version(
    version: tuple[int, int, int] = sqlite3.sqlite_version_info,
) -> Iterator[Finding]:
    """Whether the SQLite in use has the WAL-reset defect."""
    said = ".".join(map(str, version))
    backported = version[2] >= _MENDED_IN.get(version[:2], 1_000_000)
    if version < _FIRST_WITH_WAL or version >= _FIRST_MENDED or backported:
        yield well("SQLite", f"version {said}")
        return
    yield doubtful(
        "SQLite",
        f"version {said} has, by its number, the WAL-reset defect (3.7.0 to 3.51.2): several "
        "writers can, very rarely, damage the file",
        "mechexo's own writers take turns, which makes it rarer still; upgrade SQLite to 3.51.3 "
        "or ask your distribution whether it carries the correction, and keep backups",
    )


def clock() -> Iterator[Finding]:
    """Whether something keeps this machine's clock right."""
    from mechexo.kernel_clock import read_kernel_clock

    kernel = read_kernel_clock()
    if kernel.problem:
        yield doubtful(
            "clock",
            kernel.problem,
            "start chronyd, ntpd or systemd-timesyncd; in a container: on the host",
        )
    elif abs(kernel.offset_ms) > 1000:
        yield doubtful(
            "clock", f"off by {kernel.offset_ms:.0f} ms", "look at its source: chronyc tracking"
        )
    else:
        yield well("clock", f"synchronised, off by {abs(kernel.offset_ms):.1f} ms")


def terminal() -> Iterator[Finding]:
    """Whether the console could be shown here."""
    if not sys.stdout.isatty():
        yield well(
            "terminal", "stdout is not a terminal: the console cannot be shown here, the rest can"
        )
        return
    size = os.get_terminal_size(sys.stdout.fileno())
    term, encoding = os.environ.get("TERM", ""), (sys.stdout.encoding or "").lower()
    if term in ("", "dumb"):
        mend = "export TERM=xterm-256color, or use the subcommands: mechexo status"
        yield doubtful("terminal", f"TERM is {term or 'not set'}: no console", mend)
    elif (size.columns, size.lines) < _SMALLEST_TERMINAL or size.lines < _SMALLEST_TERMINAL[1]:
        smallest = "x".join(map(str, _SMALLEST_TERMINAL))
        detail = f"{size.columns}x{size.lines} is small: the console shows a plain list"
        yield doubtful("terminal", detail, f"make it at least {smallest}")
    elif only_ascii(encoding, os.environ):
        mend = "export LANG=C.UTF-8, or set [console] ascii = true"
        found = f"the encoding is {encoding or 'unknown'}, not UTF-8"
        said = "the locale promises only ASCII: glyphs are shown plainly"
        yield doubtful("terminal", said if "utf" in encoding else found, mend)
    else:
        yield well("terminal", f"{term}, {size.columns}x{size.lines}, {encoding}")
