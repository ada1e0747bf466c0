"""Reading a crontab, and proposing it with each job behind `mechexo flows exec`. Pure.

What cron makes of a line is from crontab(5): the settings (`NAME = value`) hold for the lines after
them; in a command the first bare `%` ends it, and what follows is its standard input; `\\%` is a
plain `%`. A system crontab has a user between the times and the command.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum

from mechexo.errors import UsageError
from mechexo.flows.cron_times import Schedule, longest_gap, schedule
from mechexo.flows.crontab_names import flow_name
from mechexo.flows.daylight_saving import ClockChanges
from mechexo.times import exact_duration, format_duration
from mechexo.value_classes import dataclass

LEAST_GRACE = timedelta(minutes=5)
MOST_GRACE = timedelta(hours=1)
GRACE_SHARE = 10
"""A run may end later than the last one did by a tenth of the time between two."""

LONGEST_COMMAND = 998
"""Bytes of a command as the crontab has it, with its input; the usual cron takes no longer ones."""

_SETTING = re.compile(r"""\s*(?P<name>"[^"]*"|'[^']*'|[^\s=#"']+)\s*=\s*(?P<value>.*?)\s*""")
_JOB = re.compile(
    r"(?P<lead>\s*-?)(?P<times>@\w+|(?:[^\s@#]\S*[ \t]+){4}\S+)(?P<gap>[ \t]+)(?P<rest>.*)"
)
_USER = re.compile(r"(?P<user>\S+[ \t]+)(?P<rest>.*)")
_PERCENT = re.compile(r"\\.|%", re.DOTALL)
_PLAIN = re.compile(r"[\w@+,./:-][\w@+,./:=-]*(?:[ \t]+[\w@+,./:=-]+)*", re.ASCII)
_OF_THE_SHELL = (
    " . : [ alias bg bind break builtin caller case cd command compgen complete continue coproc"
    " declare dirs disown do done echo elif else enable esac eval exec exit export fc fg fi for"
    " function getopts hash help history if in jobs kill let local logout mapfile popd printf"
    " pushd pwd read readarray readonly return select set shift shopt source suspend test then time"
    " times trap type typeset ulimit umask unalias unset until wait while "
)
_OWN = re.compile(r"(?:^|[\s;&|(/])mech-?exo(?:\s|$)")
_OWN_FLOW = re.compile(r"\bflows\s+exec\s+(?P<flow>[\w.-]+)", re.ASCII)


class Kind(StrEnum):
    """What a line of a crontab is."""

    OTHER = "other"
    """A comment, a setting, or nothing."""
    WRAPPED = "wrapped"
    """A job that is proposed behind the wrapper."""
    OWN = "own"
    """One that is there already, or mechexo itself."""
    UNCLEAR = "unclear"
    """One that is not understood, so left as it is."""


@dataclass(frozen=True, slots=True)
class CronLine:
    """A line of a crontab and what is proposed for it."""

    number: int
    before: str
    after: str
    kind: Kind = Kind.OTHER
    flow: str = ""
    times: str = ""
    expect_every: timedelta | None = None
    grace: timedelta | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wrapping:
    """What the proposed lines are made with."""

    program: tuple[str, ...]
    """The words that start mechexo: cron knows no PATH but its own."""
    changes: ClockChanges
    """When the clocks change where cron runs."""
    system: bool = False
    """Whether the lines name a user."""
    lock: bool = False
    taken: Collection[str] = ()
    """Names of flows that are something else already."""


def proposed(text: str, how: Wrapping, zones: Mapping[str, ClockChanges]) -> tuple[CronLine, ...]:
    """Each line of a crontab with what is proposed for it. `zones` are those that its `CRON_TZ`
    settings name."""
    lines = _lines(text)
    own = {found["flow"] for line in lines if (found := _OWN_FLOW.search(line))}
    names = {*how.taken, *own}
    shell, changes, found_lines = "/bin/sh", how.changes, []
    for number, text_line in enumerate(lines, 1):
        line = CronLine(number, text_line, text_line)
        setting = _SETTING.fullmatch(text_line)
        if not text_line.strip() or text_line.lstrip().startswith("#"):
            pass
        elif setting is not None:
            name, value = _unquoted(setting["name"]), _unquoted(setting["value"])
            if name == "SHELL":
                shell = value
            elif name == "CRON_TZ":
                changes = zones.get(value, how.changes)
        else:
            line = _job(line, replace(how, changes=changes), shell, names)
            names.add(line.flow)
        found_lines.append(line)
    if found_lines and not text.endswith("\n") and found_lines[-1].kind is not Kind.OTHER:
        note = "has no newline at its end, so that cron passes it over; as proposed it would run"
        last = found_lines.pop()
        found_lines.append(replace(last, notes=(*last.notes, note)))
    return tuple(found_lines)


def zones_named(text: str) -> tuple[str, ...]:
    """The time zones that a crontab's `CRON_TZ` settings name."""
    settings = (_SETTING.fullmatch(line) for line in _lines(text))
    return tuple(
        _unquoted(found["value"])
        for found in settings
        if found is not None and _unquoted(found["name"]) == "CRON_TZ"
    )


def _lines(text: str) -> list[str]:
    """The lines as cron has them: a newline ends one, and nothing else does."""
    return text.removesuffix("\n").split("\n") if text else []


def whole(lines: Collection[CronLine]) -> str:
    """The proposed crontab."""
    return "".join(f"{line.after}\n" for line in lines)


def as_cron_runs_it(command: str) -> tuple[str, str | None]:
    """What the shell is given of a crontab's command, and what its standard input is, if any."""
    shown, rest = _at_percent(command)
    if rest is None:
        return _decoded(shown), None
    given = _PERCENT.sub(lambda found: _percent(found.group(), "\n"), rest[1:])
    unended = given and not given.endswith("\n")
    return _decoded(shown), f"{given}\n" if unended else given


def grace_of(gap: timedelta) -> timedelta:
    """How much later than the longest time between two runs is not yet late."""
    return min(max(gap / GRACE_SHARE, LEAST_GRACE), MOST_GRACE)


def _job(line: CronLine, how: Wrapping, shell: str, names: Collection[str]) -> CronLine:
    job = _JOB.fullmatch(line.before)
    if line.before.endswith("\r"):
        note = "ends in a carriage return, which the shell is given too: end its lines as Unix does"
        return replace(line, kind=Kind.UNCLEAR, notes=(note,))
    if job is None:
        return replace(line, kind=Kind.UNCLEAR, notes=("is no line that cron would take",))
    user, rest = "", job["rest"]
    if how.system:
        column = _USER.fullmatch(rest)
        if column is None:
            note = "has no command after the user; is it the crontab of one user?"
            return replace(line, kind=Kind.UNCLEAR, notes=(note,))
        user, rest = column["user"], column["rest"]
    command, stdin = _at_percent(rest)
    if not command.strip():
        return replace(line, kind=Kind.UNCLEAR, notes=("has no command",))
    if _OWN.search(command):
        own_flow = _OWN_FLOW.search(command)
        return replace(line, kind=Kind.OWN, flow=own_flow["flow"] if own_flow else "")
    asked = _decoded(command).strip()
    flow = flow_name(asked, names)
    try:
        expect_every, grace, notes = _expected(job["times"], how.changes)
    except UsageError as error:
        return replace(line, kind=Kind.UNCLEAR, notes=(str(error),))
    if user:
        notes.append(
            f"runs as {user.strip()}, who needs the right to write the desk's state file: without "
            "it the job runs, but nothing is recorded"
        )
    wrapped = shlex.join(
        [
            *how.program,
            *("flows", "exec", flow),
            *(["--lock"] if how.lock else []),
            *(["--expect-every", exact_duration(expect_every)] if expect_every else []),
            *(["--grace", exact_duration(grace)] if grace else []),
            "--",
            *_words(asked, shell),
        ]
    )
    escaped = wrapped.replace("%", "\\%") + (stdin or "")
    if len(escaped.encode()) >= LONGEST_COMMAND:
        note = f"would be longer than the {LONGEST_COMMAND} bytes that some crons take"
        return replace(line, kind=Kind.UNCLEAR, notes=(f"{note}; put it into a script",))
    return replace(
        line,
        after="".join((job["lead"], job["times"], job["gap"], user, escaped)),
        kind=Kind.WRAPPED,
        flow=flow,
        times=job["times"],
        expect_every=expect_every,
        grace=grace,
        notes=tuple(notes),
    )


def _expected(
    times: str, changes: ClockChanges
) -> tuple[timedelta | None, timedelta | None, list[str]]:
    """How often a run must end well, how much later it may, and what to say about it.

    Raises:
        UsageError: cron would not take these times.
    """
    if times.lower() == "@reboot":
        return None, None, ["runs when the machine starts: nothing is expected at any time"]
    if "~" in times:
        said = "runs at a random time; a missed run will not be noticed: add --expect-every"
        return None, None, [said]
    planned = schedule(times)
    gap = longest_gap(planned)
    if gap is None:
        return None, None, [f"{times} names no day that comes twice: nothing is expected"]
    grace, notes = grace_of(gap), []
    if changes.back and not planned.every_hour:
        grace += changes.back
        notes.append(
            f"daylight-saving time: once a year a day is {format_duration(changes.back)} longer in "
            f"{changes.zone}; its grace has room for that"
        )
        notes += _touched(planned, changes)
    return gap, grace, notes


def _touched(planned: Schedule, changes: ClockChanges) -> list[str]:
    skipped, doubled = changes.touches(planned.hours, planned.minutes)
    how = [word for word, on in (("does not come", skipped), ("comes twice", doubled)) if on]
    if not how:
        return []
    return [
        f"its time of day {' or '.join(how)} on a day when the clocks of {changes.zone} change: "
        "most crons run it once then, later or by the first of the two; another time is safer"
    ]


def _words(asked: str, shell: str) -> list[str]:
    """A command as words: as it is when a shell would change nothing of it."""
    if _PLAIN.fullmatch(asked):
        words = asked.split()
        if f" {words[0]} " not in _OF_THE_SHELL and "=" not in words[0]:
            return words
    return [shell, "-c", asked]


def _at_percent(command: str) -> tuple[str, str | None]:
    """A raw command, and from the first bare `%` on what its standard input is made of."""
    for found in _PERCENT.finditer(command):
        if found.group() == "%":
            return command[: found.start()], command[found.start() :]
    return command, None


def _decoded(command: str) -> str:
    return _PERCENT.sub(lambda found: _percent(found.group(), "%"), command)


def _percent(found: str, bare: str) -> str:
    if found == "%":
        return bare
    return "%" if found == "\\%" else found


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
