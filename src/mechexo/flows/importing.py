"""Where a crontab comes from, and what is proposed for it. Reads only; installs nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from mechexo.errors import UnreachableError, UsageError
from mechexo.flows.crontab import CronLine, Kind, Wrapping, proposed, whole, zones_named
from mechexo.flows.daylight_saving import ClockChanges, clock_changes
from mechexo.times import exact_duration
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.desk import Desk

LONGEST_BYTES = 1_000_000
_CRONTAB_S = 10.0
_SYSTEM_FOLDERS = ("/etc/cron.d",)
_SYSTEM_FILE = "/etc/crontab"


class Table(NamedTuple):
    """A `[flows.NAME]` table that the configuration lacks."""

    flow: str
    expect_every: timedelta | None
    grace: timedelta | None

    def text(self) -> str:
        """The table as it is written in mechexo.toml."""
        lines = [f"[flows.{self.flow}]"]
        if self.expect_every:
            lines.append(f'expect_every = "{exact_duration(self.expect_every)}"')
        if self.grace:
            lines.append(f'grace = "{exact_duration(self.grace)}"')
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A crontab as it is and as it is proposed."""

    source: str
    system: bool
    before: str
    lines: tuple[CronLine, ...]
    tables: tuple[Table, ...]
    zone: str = ""
    """The zone that cron was taken to run in."""
    notes: tuple[str, ...] = field(default=())

    @property
    def after(self) -> str:
        """The whole proposed crontab."""
        return whole(self.lines)

    @property
    def unclear(self) -> tuple[CronLine, ...]:
        """The lines that were not understood and stay as they are."""
        return tuple(line for line in self.lines if line.kind is Kind.UNCLEAR)


def import_crontab(
    desk: Desk, source: str = "", *, system: bool | None = None, lock: bool = False
) -> Proposal:
    """What is proposed for a crontab: a file, `-` for stdin, or else the user's own.

    `system` says whether its lines name a user; unsaid, those of /etc/crontab and /etc/cron.d do.

    Raises:
        UsageError: there is no such crontab, or it is no text.
        UnreachableError: it cannot be read.
    """
    name, text = _read(source)
    is_system = _is_system(source) if system is None else system
    here, zone_name = _zone_of_this_machine()
    now = desk.clock.now()
    changes = clock_changes(here, zone_name, now)
    zones: dict[str, ClockChanges] = {}
    notes = []
    for each in zones_named(text):
        try:
            zones[each] = clock_changes(ZoneInfo(each), each, now)
        except (OSError, ValueError, KeyError):
            notes.append(f"CRON_TZ={each} names no time zone that is known here")
    how = Wrapping(_program(desk), changes, is_system, lock)
    lines = proposed(text, how, zones)
    tables, said = _tables(desk, lines)
    return Proposal(name, is_system, text, lines, tables, zone_name, (*notes, *said))


def _tables(desk: Desk, lines: tuple[CronLine, ...]) -> tuple[tuple[Table, ...], list[str]]:
    """The tables that the configuration lacks, and where it says something else."""
    tables, said = [], []
    for line in lines:
        if line.kind is not Kind.WRAPPED:
            continue
        known = desk.settings.flows.get(line.flow)
        if known is None:
            tables.append(Table(line.flow, line.expect_every, line.grace))
        elif known.expect_every != line.expect_every or (known.grace != line.grace):
            said.append(
                f"[flows.{line.flow}] is there already and says expect_every "
                f"{_shown(known.expect_every)}, grace {_shown(known.grace)}; line {line.number} "
                f"runs every {_shown(line.expect_every)} at least, grace {_shown(line.grace)}: the "
                "configuration holds"
            )
    return tuple(tables), said


def _shown(duration: timedelta | None) -> str:
    return "none" if duration is None else exact_duration(duration)


def _read(source: str) -> tuple[str, str]:
    if source == "-":
        name, raw = "stdin", sys.stdin.buffer.read(LONGEST_BYTES + 1)
    elif source:
        name, raw = source, _file(Path(source))
    else:
        name, raw = "crontab -l", _own_crontab(os.environ)
    if len(raw) > LONGEST_BYTES:
        raise UsageError(f"{name}: is longer than {LONGEST_BYTES} bytes, so no crontab")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: is not UTF-8 text (byte {error.start})") from None
    if "\0" in text:
        raise UsageError(f"{name}: holds a NUL, so it is no crontab")
    return name, text


def _file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LONGEST_BYTES + 1)
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no such crontab") from None
    except OSError as error:
        raise UnreachableError(f"{path}: cannot be read: {error.strerror}") from error


def _own_crontab(environ: Mapping[str, str]) -> bytes:
    try:
        done = subprocess.run(
            ["crontab", "-l"],
            capture_output=True,
            check=False,
            timeout=_CRONTAB_S,
            stdin=subprocess.DEVNULL,
            env={**environ, "LC_ALL": "C"},
        )
    except FileNotFoundError:
        raise UnreachableError(
            "there is no program crontab here; name a file, or - for stdin"
        ) from None
    except subprocess.TimeoutExpired:
        raise UnreachableError(f"crontab -l did not answer within {_CRONTAB_S:.0f} s") from None
    except OSError as error:
        raise UnreachableError(f"crontab -l cannot be run: {error.strerror}") from error
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())[:200]
        raise UsageError(f"crontab -l says: {said or f'exit code {done.returncode}'}")
    return done.stdout


def _is_system(source: str) -> bool:
    if source in ("", "-"):
        return False
    path = Path(source).absolute()
    return str(path) == _SYSTEM_FILE or str(path.parent) in _SYSTEM_FOLDERS


def _zone_of_this_machine() -> tuple[ZoneInfo, str]:
    """The zone in which cron runs here."""
    link = Path("/etc/localtime")
    named = os.environ.get("TZ", "").lstrip(":") or str(link.resolve()).partition("/zoneinfo/")[2]
    try:
        if named:
            return ZoneInfo(named), named
        with link.open("rb") as file:
            return ZoneInfo.from_file(file, key="the machine's zone"), "the machine's zone"
    except (OSError, ValueError, KeyError):
        return ZoneInfo("UTC"), "UTC"


def _program(desk: Desk) -> tuple[str, ...]:
    """The words that start mechexo on this desk from anywhere: cron has a short PATH and starts in
    the home folder."""
    started = Path(sys.argv[0])
    found = started.absolute() if started.name in ("mechexo", "mech-exo") else None
    program = str(found) if found and os.access(found, os.X_OK) else "mechexo"
    return program, "--config", str(desk.config_path)
