"""What was read of the machine, and what is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from mechexo.value_classes import dataclass


@dataclass(frozen=True, slots=True)
class ProcessLook:
    """What the processes behind one watched name take, together."""

    count: int
    """How many run; 0: none, and there is nothing else to say of it."""
    rss_bytes: float | None = None
    """Memory in use that is in RAM, shared pages counted with each process."""
    descriptors: float | None = None
    """Open file descriptors; None when they may not be counted."""
    threads: float | None = None
    oldest_at_s: float | None = None
    """When the oldest of them began, in seconds since 1970 began."""
    cpu_s: Mapping[str, float] = field(default_factory=dict)
    """Seconds of processor time that each has used, by its identity: number and beginning."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the machine: what was read, before anything is worked out of it."""

    at: datetime
    boot: str
    """Which boot of the machine it was; counters of two boots have nothing to do with each other.
    Empty when the machine does not say."""
    gauges: Mapping[str, float] = field(default_factory=dict)
    """Values that stand for themselves, by the key of their metric."""
    counters: Mapping[str, float] = field(default_factory=dict)
    """Values that only grow, by name: seconds of processor time, bytes of an interface."""
    processes: Mapping[str, ProcessLook] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    """What could not be read, by metric, interface, mount or process, and why."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What a value is: `disk_used_pct` of `/data`."""

    name: str
    subject: str = ""
    """The mount, interface or watched process; empty for the machine as a whole."""

    @property
    def key(self) -> str:
        """How it is named on the command line: `cpu_pct`, `disk_used_pct:/data`."""
        return f"{self.name}:{self.subject}" if self.subject else self.name

    @classmethod
    def of(cls, key: str) -> Metric:
        """The metric of a key."""
        name, _, subject = key.partition(":")
        return cls(name, subject)


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a moment; None where there is none, which is not zero."""

    at: datetime
    value: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    """A metric over the kept time. None where nothing is known."""

    metric: Metric
    unit: str
    points: tuple[Point, ...]
    """Oldest first."""
    current: float | None
    """At the newest look."""
    lowest: float | None
    average: float | None
    """Of the known values, each counted once."""
    highest: float | None
    why: str = ""
    """Why there is no current value."""


@dataclass(frozen=True, slots=True)
class WatchedProcess:
    """A configured process at the newest look. None where nothing is known."""

    name: str
    count: int | None
    """How many run: 0 none; None: nobody could look."""
    uptime_s: float | None = None
    """Of the oldest."""
    detail: str = ""
    """In words, when it is missing or could not be looked at."""


@dataclass(frozen=True, slots=True)
class HostStanding:
    """What is known of the machine."""

    at: datetime | None
    """When it was looked at last; None when it never was."""
    outdated: bool
    """Whether that is too long ago to say how it is now."""
    since: datetime = field(compare=False)
    """From when on samples are kept; it moves with the time, and tells nothing new."""
    summaries: tuple[Summary, ...] = ()
    processes: tuple[WatchedProcess, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)
