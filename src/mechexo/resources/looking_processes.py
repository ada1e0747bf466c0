"""Looking at the watched processes: by name, by pid file, by a pattern of the command line."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mechexo.resources.values import ProcessLook

if TYPE_CHECKING:
    import psutil

    from mechexo.config import WatchedProcessSettings

MOST_MATCHES = 64
"""A pattern that finds more processes than this is too wide to be somebody's process."""
# A pid file is written a moment after its process began.
_START_TOLERANCE_S = 60.0


class _NotFoundError(Exception):
    """The process does not run; the text says how that is known."""


def look_at_processes(
    watched: Mapping[str, WatchedProcessSettings], root: Path, problems: dict[str, str]
) -> dict[str, ProcessLook]:
    """What each watched process takes. One that is missing has the count 0; one that could not be
    looked for is left out. Either way the reason is in `problems`."""
    found: dict[str, ProcessLook] = {}
    everyone = _everyone() if any(not each.pid_file for each in watched.values()) else []
    for name, settings in watched.items():
        where = f"process:{name}"
        try:
            if settings.pid_file:
                matched = [_by_pid_file(root / Path(settings.pid_file).expanduser(), settings)]
            else:
                matched = _matching(everyone, settings)
            if len(matched) > MOST_MATCHES:
                problems[where] = (
                    f"{len(matched)} processes match; no more than {MOST_MATCHES} are added up"
                )
                continue
            found[name] = _together(matched, where, problems)
        except _NotFoundError as error:
            found[name], problems[where] = ProcessLook(0), str(error)
        except (OSError, ValueError, OverflowError) as error:
            problems[where] = f"cannot be looked for: {error}"
    return found


def _everyone() -> list[tuple[psutil.Process, str, Sequence[str]]]:
    """All processes that are no zombies: their names and command lines."""
    import psutil

    return [
        (each, each.info["name"] or "", each.info["cmdline"] or ())
        for each in psutil.process_iter(["name", "cmdline", "status"])
        if each.info["status"] != psutil.STATUS_ZOMBIE
    ]


def _matching(
    everyone: Sequence[tuple[psutil.Process, str, Sequence[str]]],
    settings: WatchedProcessSettings,
) -> list[psutil.Process]:
    if settings.name:
        # The kernel cuts a name to 15 letters; the program's path does not.
        found = [
            process
            for process, name, command in everyone
            if settings.name in (name, Path(command[0]).name if command else "")
        ]
    else:
        pattern = re.compile(settings.pattern)
        found = [process for process, _, command in everyone if pattern.search(" ".join(command))]
    if not found:
        wanted = settings.name or f"the pattern {settings.pattern}"
        raise _NotFoundError(f"no process of {wanted} runs")
    return found


def _by_pid_file(path: Path, settings: WatchedProcessSettings) -> psutil.Process:
    import psutil

    named = settings.pid_file
    try:
        number, written_at = int(path.read_text(encoding="ascii")), path.stat().st_mtime
    except FileNotFoundError:
        raise _NotFoundError(f"there is no pid file {named}") from None
    except ValueError:
        raise ValueError(f"{named} does not hold a process number") from None
    try:
        process = psutil.Process(number)
        if process.status() == psutil.STATUS_ZOMBIE:
            raise _NotFoundError(f"process {number} has ended (zombie)")
        if process.create_time() > written_at + _START_TOLERANCE_S:
            raise _NotFoundError(f"process {number} is another one, begun after the pid file")
    except (psutil.NoSuchProcess, ValueError):
        raise _NotFoundError(f"process {number} of {named} does not run") from None
    except psutil.AccessDenied:
        raise OSError(f"process {number} may not be looked at") from None
    return process


def _together(
    processes: Sequence[psutil.Process], where: str, problems: dict[str, str]
) -> ProcessLook:
    """The sum of what they take; of what one of them hides there is no sum."""
    import psutil

    cpu_s: dict[str, float] = {}
    began: list[float] = []
    parts: dict[str, list[float | None]] = {"rss": [], "descriptors": [], "threads": []}
    for process in processes:
        try:
            with process.oneshot():
                at, used = process.create_time(), process.cpu_times()
                rss, threads = process.memory_info().rss, process.num_threads()
                try:
                    descriptors: float | None = float(process.num_fds())
                except (psutil.AccessDenied, PermissionError):
                    descriptors = None
        except psutil.NoSuchProcess:
            continue
        except psutil.AccessDenied:
            problems[where] = f"process {process.pid} may not be looked at"
            descriptors = rss = threads = None  # type: ignore[assignment]
        else:
            began.append(at)
            cpu_s[f"{process.pid}@{at:.2f}"] = used.user + used.system
        for name, value in (("rss", rss), ("descriptors", descriptors), ("threads", threads)):
            parts[name].append(None if value is None else float(value))
    count = len(parts["rss"])
    if not count:
        raise _NotFoundError("it ended while it was looked at")
    if None in parts["descriptors"] and where not in problems:
        problems[where] = "its descriptors belong to another user and may not be counted"
    return ProcessLook(
        count=count,
        rss_bytes=_sum(parts["rss"]),
        descriptors=_sum(parts["descriptors"]),
        threads=_sum(parts["threads"]),
        oldest_at_s=min(began, default=None),
        cpu_s=cpu_s,
    )


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) if known and len(known) == len(values) else None
