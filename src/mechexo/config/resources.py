"""The shape of `[resources]` and `[prometheus]`: what is sampled of this machine, what is plotted.

Each field's docstring is its documentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import timedelta
from typing import Annotated, Literal

from mechexo.config.fields import Duration, Table, at_most, between, text
from mechexo.config.plain_secrets import plain_secret
from mechexo.value_classes import dataclass

MOST_POINTS = 11_000
"""More points of one series than this are refused by Prometheus."""
MOST_WATCHED = 50
"""Processes, and mounts, and interfaces, that may be watched: a sample stays small."""


@dataclass(frozen=True, kw_only=True)
class WatchedProcessSettings(Table):
    """`[resources.processes.NAME]`: a process whose use of the machine is sampled. One of `name`,
    `pid_file` and `pattern`; of several processes the sum."""

    name: str = ""
    """The name of the program, as `ps -e` shows it."""
    pid_file: str = ""
    """A file that holds its process number."""
    pattern: str = ""
    """A regular expression that is found in its command line."""


@dataclass(frozen=True, kw_only=True)
class ThresholdSettings(Table):
    """A line that is drawn across a plot."""

    value: float
    severity: Literal["warning", "critical"] = "warning"
    """How bad it is past the line. It is drawn and said; alerts are raised by a probe."""
    below: bool = False
    """The values below it are the bad ones."""


@dataclass(frozen=True, kw_only=True)
class PlotSettings(Table):
    """`[resources.plots.NAME]`: a range query of a Prometheus server."""

    query: Annotated[str, text(10_000)]
    """PromQL whose answer is a range vector of numbers."""
    title: str = ""
    url: str = ""
    """Where the server is, up to `/api`; without it that of `[prometheus]`."""
    range: Annotated[Duration, at_most("366d", "a plot is no archive")] = timedelta(hours=6)
    """How far back it reaches."""
    step: Duration | None = None
    """The time between two points; without it as many as a wide terminal shows."""
    unit: str = ""
    legend: str = ""
    """What a series is called: `{{label}}` stands for the value of a label."""
    thresholds: tuple[ThresholdSettings, ...] = ()
    every: Duration = timedelta(minutes=1)
    """How often it is asked."""


@dataclass(frozen=True, kw_only=True)
class PrometheusSettings(Table):
    """`[prometheus]`: the server that plots ask when they name none."""

    url: str = ""
    """Where it is, up to `/api`; secrets in it by reference."""
    headers: dict[str, str] = field(default_factory=dict)
    """Sent along to this server only; secrets in them by reference."""
    ca_file: str = ""
    """Certificates to trust instead of the system's."""
    timeout: Annotated[Duration, at_most("5s", "a tick looks no longer")] = timedelta(seconds=5)
    """How long one query may take."""


@dataclass(frozen=True, kw_only=True)
class ResourceSettings(Table):
    """`[resources]`: what is sampled of this machine at each tick."""

    sample: bool = True
    history: Annotated[Duration, at_most("24h", "the state file stays small")] = timedelta(hours=1)
    """How long samples are kept."""
    mounts: tuple[str, ...] = (".",)
    """Folders whose disks are sampled."""
    interfaces: tuple[str, ...] = ()
    """Network interfaces; with none listed all but the loopback."""
    processes: dict[str, WatchedProcessSettings] = field(default_factory=dict)
    plots: dict[str, PlotSettings] = field(default_factory=dict)
    plot_points: Annotated[int, between(10, 2000)] = 240
    """About how many points of each series are asked for when a plot has no `step`."""


def wrong_resources(resources: ResourceSettings, prometheus: PrometheusSettings) -> Iterator[str]:
    """What is wrong between keys of these tables, a sentence each."""
    for what in ("mounts", "interfaces"):
        named: tuple[str, ...] = getattr(resources, what)
        if not all(named):
            yield f"[resources] {what} has an entry without a name"
        if len(named) > MOST_WATCHED:
            yield f"[resources] {what} has {len(named)} entries; at most {MOST_WATCHED}"
    yield from _processes(resources.processes)
    yield from _server(prometheus)
    for name, plot in resources.plots.items():
        yield from _plot(f"[resources.plots.{name}]", plot, prometheus)


def _processes(processes: Mapping[str, WatchedProcessSettings]) -> Iterator[str]:
    if len(processes) > MOST_WATCHED:
        yield f"[resources.processes] has {len(processes)} tables; at most {MOST_WATCHED}"
    for name, each in processes.items():
        where = f"[resources.processes.{name}]"
        if sum(map(bool, (each.name, each.pid_file, each.pattern))) != 1:
            yield f"{where} needs one of name, pid_file and pattern"
        try:
            re.compile(each.pattern)
        except re.error as error:
            yield f"{where} pattern is no regular expression: {error}"


def _server(prometheus: PrometheusSettings) -> Iterator[str]:
    if prometheus.url and not _is_address(prometheus.url):
        yield "[prometheus] url is no address: expected one like http://127.0.0.1:9090"
    held = {"url": prometheus.url, "headers": prometheus.headers}
    if found := plain_secret(held):
        yield f"[prometheus] {found}; write the secret as ${{env:NAME}} or ${{file:path}} instead"


def _plot(where: str, plot: PlotSettings, prometheus: PrometheusSettings) -> Iterator[str]:
    if not plot.url and not prometheus.url:
        yield f"{where} names no url, and neither does [prometheus]"
    if plot.url and not _is_address(plot.url):
        yield f"{where} url is no address: expected one like http://127.0.0.1:9090"
    if found := plain_secret({"url": plot.url}):
        yield f"{where} {found}; write the secret as ${{env:NAME}} or ${{file:path}} instead"
    if plot.step is not None and plot.range / plot.step + 1 > MOST_POINTS:
        points = int(plot.range / plot.step) + 1
        yield (
            f"{where} step makes {points:,} points of each series; Prometheus gives no more than "
            f"{MOST_POINTS:,}: take a longer step, or leave it out"
        )
    if plot.step is not None and plot.step > plot.range:
        yield f"{where} step is longer than its range"


def _is_address(url: str) -> bool:
    return url.lower().startswith(("https://", "http://", "${"))
