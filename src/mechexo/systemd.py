"""What systemd says of its timers and of what they start, through `systemctl`.

Only `systemctl` speaks here, so that nothing is guessed: where it is missing, does not answer in
time, or says what is not understood, nothing is known, and that is never "well". The shapes are
those of systemctl(1) since version 246, where `list-timers` writes JSON: `unit`, `activates`, and
`next` and `last` in microseconds since 1970, with null, 0 or the largest number for none. `show`
has no JSON; it writes `Name=value` lines, an empty line between two units.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from mechexo.errors import UnreachableError
from mechexo.outside.shaping import text as one_line
from mechexo.times import format_duration
from mechexo.value_classes import dataclass

ASK_S = 5.0
"""How long systemctl may take for one answer."""
LONGEST_BYTES = 4_000_000
LATE_AFTER = timedelta(minutes=5)
"""How long after its time a timer that did not fire is overdue: five times the accuracy that a
timer has unless it says otherwise."""
_AT_ONCE = 200
_SHOWN = "Id,LoadState,ActiveState,SubState,Result,ExecMainStatus"
_RUNNING = frozenset({"active", "activating", "reloading", "refreshing", "deactivating"})


class TimerState(StrEnum):
    """How a timer stands, with what it starts."""

    OK = "ok"
    RUNNING = "running"
    FAILED = "failed"
    """What it started last did not end well."""
    OVERDUE = "overdue"
    """Its time has come and gone."""
    UNPLANNED = "unplanned"
    """It has no next time: it was stopped, or has done what it had to."""
    NEVER = "never ran"
    UNKNOWN = "unknown"
    """What it starts could not be looked at."""


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer and the unit that it starts."""

    unit: str
    activates: str
    state: TimerState
    why: str
    """What is wrong, in words; empty when nothing is."""
    last: datetime | None
    next: datetime | None
    result: str
    """What systemd says of how the unit's last run went, like `success` or `exit-code`."""
    exit_status: int | None


def read_timers(
    now: datetime, *, user: bool = False, only: str = "", limit_s: float = ASK_S
) -> tuple[Timer, ...]:
    """All timers of the machine's systemd, or of the user's own, by name; `only` asks for one.
    Each of the answers that it takes may take `limit_s`.

    Raises:
        UnreachableError: systemctl is missing, says that systemd does not run here, does not answer
            in time, or says what is not understood.
    """
    whose = ("--user",) if user else ()
    named = ("--", only) if only else ()
    listed = ask(*whose, "list-timers", "--all", "--output=json", *named, limit_s=limit_s)
    found = _listed(listed)
    names = sorted({activates for _, activates, _, _ in found if activates})
    units: dict[str, Mapping[str, str]] = {}
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        shown = ask(*whose, "show", f"--property={_SHOWN}", "--", *some, limit_s=limit_s)
        units |= _units(shown)
    timers = [
        _timer(unit, activates, last, planned, units.get(activates), now)
        for unit, activates, last, planned in found
    ]
    return tuple(sorted(timers, key=lambda each: each.unit))


def ask(*words: str, limit_s: float = ASK_S) -> str:
    """What `systemctl` writes, as text of limited size within a limited time.

    Raises:
        UnreachableError: it cannot be run, fails, takes too long or writes too much.
    """
    plain = {"LC_ALL": "C.UTF-8", "SYSTEMD_PAGER": "cat", "SYSTEMD_COLORS": "0"}
    try:
        running = subprocess.Popen(
            ["systemctl", "--no-pager", "--no-ask-password", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **plain},
            process_group=0,
        )
    except FileNotFoundError:
        raise UnreachableError("systemd does not run here: there is no program systemctl") from None
    except OSError as error:
        raise UnreachableError(f"systemctl cannot be run: {error.strerror}") from error
    with running:
        try:
            out, err = _both(running, time.monotonic() + limit_s)
        except _TooMuchError:
            raise UnreachableError(
                f"systemctl wrote more than {LONGEST_BYTES} bytes: that is no answer"
            ) from None
        except TimeoutError:
            raise UnreachableError(
                f"systemctl did not answer within {limit_s:g} s: systemd itself may hang"
            ) from None
        finally:
            if running.poll() is None:
                _kill(running)
    if running.returncode:
        said = one_line(err.decode(errors="replace")) or f"exit code {running.returncode}"
        raise UnreachableError(f"systemctl: {said}")
    return out.decode(errors="replace")


class _TooMuchError(Exception):
    """More was written than is read."""


def _both(running: subprocess.Popen[bytes], ends_s: float) -> tuple[bytes, bytes]:
    """What it writes to stdout and stderr until it has closed both and ended."""
    assert running.stdout is not None
    assert running.stderr is not None
    parts: dict[int, bytearray] = {}
    with selectors.DefaultSelector() as waiting:
        for stream in (running.stdout, running.stderr):
            waiting.register(stream, selectors.EVENT_READ)
            parts[stream.fileno()] = bytearray()
        while waiting.get_map():
            ready = waiting.select(max(ends_s - time.monotonic(), 0.0))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                chunk = os.read(key.fd, 65536)
                if not chunk:
                    waiting.unregister(key.fileobj)
                parts[key.fd] += chunk
                if len(parts[key.fd]) > LONGEST_BYTES:
                    raise _TooMuchError
    try:
        running.wait(max(ends_s - time.monotonic(), 0.01))
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    return bytes(parts[running.stdout.fileno()]), bytes(parts[running.stderr.fileno()])


def _kill(running: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(running.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        running.kill()


def _listed(text: str) -> list[tuple[str, str, datetime | None, datetime | None]]:
    """Unit, what it starts, last and next of each timer.

    Raises:
        UnreachableError: it is not what systemctl documents.
    """
    try:
        rows = json.loads(text)
        return [
            (
                _word(row["unit"]),
                _word(row.get("activates") or ""),
                _moment(row["last"]),
                _moment(row["next"]),
            )
            for row in rows
        ]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UnreachableError(
            "systemctl list-timers wrote what is not understood "
            f"({one_line(str(error))[:80]}): it writes JSON since systemd 246"
        ) from error


def _word(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise TypeError(f"{value!r} is no name of a unit")
    return value


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"{value!r} is no moment")
    try:
        return datetime.fromtimestamp(value / 1_000_000, UTC) if value else None
    except (ValueError, OverflowError, OSError):
        return None  # The largest number stands for never.


def _units(text: str) -> dict[str, Mapping[str, str]]:
    """What `show` wrote about each unit, by its name."""
    found: dict[str, Mapping[str, str]] = {}
    for block in text.split("\n\n"):
        facts = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if "Id" in facts:
            found[facts["Id"]] = {key: one_line(value) for key, value in facts.items()}
    return found


def _timer(
    unit: str,
    activates: str,
    last: datetime | None,
    planned: datetime | None,
    facts: Mapping[str, str] | None,
    now: datetime,
) -> Timer:
    result = (facts or {}).get("Result", "")
    status = (facts or {}).get("ExecMainStatus", "")
    exit_status = int(status) if status.isascii() and status.isdigit() else None
    state, why = _standing(activates, last, planned, facts, now)
    return Timer(unit, activates, state, why, last, planned, result, exit_status)


def _standing(
    activates: str,
    last: datetime | None,
    planned: datetime | None,
    facts: Mapping[str, str] | None,
    now: datetime,
) -> tuple[TimerState, str]:
    """How a timer stands, the worst first, and why."""
    if facts is None or not facts.get("ActiveState") or not facts.get("LoadState"):
        return TimerState.UNKNOWN, f"systemctl said nothing about {activates or 'what it starts'}"
    if facts["LoadState"] != "loaded":
        return TimerState.FAILED, f"{activates} is {facts['LoadState']}"
    result = facts.get("Result", "")
    if facts["ActiveState"] == "failed" or result not in ("success", ""):
        status = facts.get("ExecMainStatus", "0")
        code = f", exit status {status}" if status not in ("", "0") else ""
        return TimerState.FAILED, f"{activates} failed: {result or 'no result'}{code}"
    if facts["ActiveState"] in _RUNNING and facts.get("SubState") != "exited":
        return TimerState.RUNNING, ""
    if planned is None:
        return TimerState.UNPLANNED, "it has no next time: it was stopped, or has done its work"
    late = now - planned
    if late > LATE_AFTER:
        return TimerState.OVERDUE, f"it should have started {activates} {format_duration(late)} ago"
    if last is None:
        return TimerState.NEVER, ""
    if not result:
        return TimerState.UNKNOWN, f"systemctl said nothing of how {activates} went"
    return TimerState.OK, ""
