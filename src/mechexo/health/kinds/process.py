"""A process: by name, by pid file, or as a systemd unit."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from mechexo.health.context import Context
from mechexo.health.options import ProbeOptions
from mechexo.health.values import Outcome, Status

_SYSTEMD_RUNS = Path("/run/systemd/system")
_RUNNING = ("active", "reloading", "refreshing")
_CHANGING = ("activating", "deactivating", "maintenance")
# A pid file is written a moment after its process began.
_START_TOLERANCE_S = 60.0

NEEDS = ("psutil",)


class Options(ProbeOptions):
    """`kind = "process"`: one of `name`, `pid_file` and `unit`."""

    name: str = ""
    """The name of the program, as `ps -e` shows it."""
    pid_file: str = ""
    """A file that holds its process number."""
    unit: str = Field(default="", pattern=r"^([A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]*)?$")
    """A systemd unit like `gateway.service`."""
    user_unit: bool = False
    """The unit belongs to the user's own systemd."""
    command_contains: str = ""
    """With `name` or `pid_file`: its command line must contain this."""
    at_least: int = Field(default=1, ge=1)
    """With `name`: how many must run."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(map(bool, (self.name, self.pid_file, self.unit))) != 1:
            raise ValueError("one of name, pid_file and unit")
        if self.command_contains and self.unit:
            raise ValueError("name or pid_file beside command_contains")
        if "at_least" in self.model_fields_set and not self.name:
            raise ValueError("name beside at_least")
        return self


def run(options: Options, context: Context) -> Outcome:
    """Looks for the process."""
    if options.unit:
        return _unit(options, context)
    return _by_pid_file(options, context) if options.pid_file else _by_name(options)


def _by_name(options: Options) -> Outcome:
    import psutil

    found = 0
    for process in psutil.process_iter(["name", "cmdline", "status"]):
        info = process.info
        command = info["cmdline"] or []
        # The kernel cuts a name to 15 letters; the program's path does not.
        names = {info["name"], Path(command[0]).name if command else ""}
        if options.name not in names or info["status"] == psutil.STATUS_ZOMBIE:
            continue
        found += options.command_contains in " ".join(command)
    if found >= options.at_least:
        return Outcome(Status.OK, f"{found} {options.name} running", float(found), "processes")
    short = f"{found} {options.name} running, expected at least {options.at_least}"
    return Outcome(Status.CRITICAL, short, float(found), "processes")


def _by_pid_file(options: Options, context: Context) -> Outcome:
    import psutil

    path = context.path(options.pid_file)
    try:
        text = path.read_text(encoding="ascii").strip()
        written_at = path.stat().st_mtime
        number = int(text)
    except FileNotFoundError:
        return Outcome(Status.CRITICAL, f"there is no pid file {options.pid_file}")
    except OSError as error:
        return Outcome(Status.UNKNOWN, f"{options.pid_file} cannot be read: {error.strerror}")
    except ValueError:
        return Outcome(Status.UNKNOWN, f"{options.pid_file} does not hold a process number")
    try:
        process = psutil.Process(number)
        if process.status() == psutil.STATUS_ZOMBIE:
            return Outcome(Status.CRITICAL, f"process {number} has ended (zombie)")
        if process.create_time() > written_at + _START_TOLERANCE_S:
            return Outcome(
                Status.CRITICAL, f"process {number} is another one, begun after the pid file"
            )
        if options.command_contains not in " ".join(process.cmdline()):
            return Outcome(Status.CRITICAL, f"process {number} is another one: {process.name()}")
    except (psutil.NoSuchProcess, ValueError, OverflowError):
        return Outcome(Status.CRITICAL, f"process {number} of {options.pid_file} does not run")
    except psutil.AccessDenied:
        return Outcome(Status.UNKNOWN, f"process {number} may not be looked at")
    return Outcome(Status.OK, f"process {number} runs")


def _unit(options: Options, context: Context) -> Outcome:
    if not _SYSTEMD_RUNS.is_dir():
        return Outcome(Status.UNKNOWN, "systemd does not run on this machine")
    whose = ["--user"] if options.user_unit else []
    wanted = "LoadState,ActiveState,SubState,Result"
    command = ["systemctl", *whose, "show", f"--property={wanted}", "--", options.unit]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=context.timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        return Outcome(Status.UNKNOWN, f"systemctl: no answer within {context.timeout_s:g} s")
    except OSError as error:
        return Outcome(Status.UNKNOWN, f"systemctl cannot be run: {error.strerror}")
    if done.returncode != 0:
        return Outcome(Status.UNKNOWN, f"systemctl: {done.stderr.strip() or done.returncode}")
    return judge_unit(options.unit, done.stdout)


def judge_unit(unit: str, shown: str) -> Outcome:
    """Reads what `systemctl show` wrote about a unit, one `Name=value` a line."""
    facts = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    active, sub = facts.get("ActiveState", ""), facts.get("SubState", "")
    if facts.get("LoadState") == "not-found":
        return Outcome(Status.CRITICAL, f"systemd knows no unit {unit}")
    if active in _RUNNING:
        return Outcome(Status.OK, f"{unit} is {active} ({sub})", active)
    if active in _CHANGING:
        return Outcome(Status.WARNING, f"{unit} is {active} ({sub})", active)
    if not active:
        return Outcome(Status.UNKNOWN, f"systemctl said nothing about {unit}")
    why = f", {facts['Result']}" if facts.get("Result", "success") != "success" else ""
    return Outcome(Status.CRITICAL, f"{unit} is {active} ({sub}{why})", active)
