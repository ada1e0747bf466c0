"""What Prometheus is told: how the desk is, and how far the engine itself lags behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from mechexo import __version__
from mechexo.errors import MechexoError

if TYPE_CHECKING:
    from mechexo.desk import Desk

_INGEST_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_TICK_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0)


class Metrics:
    """The metrics of one server, in a registry of their own."""

    def __init__(self, desk: Desk, waiting: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "mechexo_http_requests",
            "Requests answered, by route and status.",
            ("route", "code"),
            registry=self.registry,
        )
        self.ingest_s = Histogram(
            "mechexo_ingest_seconds",
            "From the arrival of a request with alerts until they are on disk.",
            buckets=_INGEST_BUCKETS,
            registry=self.registry,
        )
        self.tick_s = Histogram(
            "mechexo_tick_duration_seconds",
            "How long the whole ticks of this process took.",
            buckets=_TICK_BUCKETS,
            registry=self.registry,
        )
        self.passes = Counter(
            "mechexo_passes",
            "Quick passes of this process (deadlines and sending), by how they ended.",
            ("result",),
            registry=self.registry,
        )
        Gauge(
            "mechexo_ingest_waiting",
            "Requests that wait for the disk now.",
            registry=self.registry,
        ).set_function(waiting)
        build = Info("mechexo_build", "The version that runs.", registry=self.registry)
        build.info({"version": __version__})
        ProcessCollector(registry=self.registry)
        self.registry.register(_Engine(desk))

    def page(self, accept: str) -> tuple[bytes, str]:
        """The text of all metrics in the format that was asked for, and its content type."""
        encoder, content_type = choose_encoder(accept)
        return encoder(self.registry), content_type


class _Engine(Collector):
    """What the state file knows, read when it is asked for. What cannot be read is left out, never
    zero: `mechexo_state_readable` says so."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def describe(self) -> Iterator[Metric]:
        # Without this the registry would collect once when it is told of us.
        yield GaugeMetricFamily("mechexo_state_readable", "")

    def collect(self) -> Iterator[Metric]:
        began_s = time.perf_counter()
        try:
            found = tuple(_read(self._desk))
        except MechexoError:
            found = ()
        readable = 1.0 if found else 0.0
        yield _gauge("mechexo_state_readable", "Whether the state file could be read.", readable)
        yield from found
        took_s = time.perf_counter() - began_s
        yield _gauge("mechexo_collect_seconds", "How long reading these figures took.", took_s)


def _read(desk: Desk) -> Iterator[Metric]:
    from mechexo import tick_log
    from mechexo.alerts import reading as alerts
    from mechexo.alerts import tally

    now = desk.clock.now()
    last = tick_log.last(desk.state)
    if last is not None:
        age_s = (now - last.at).total_seconds()
        yield _gauge("mechexo_last_tick_age_seconds", "Since the last whole tick began.", age_s)
        yield _gauge("mechexo_last_tick_duration_seconds", "How long it took.", last.duration_s)
        yield _gauge(
            "mechexo_last_tick_failed_stages", "How many of its stages failed.", len(last.failed)
        )
        yield _gauge("mechexo_ops_ok", "Whether the desk was well at it.", float(last.ops_ok))
    due_s = alerts.oldest_due_s(desk)
    yield _gauge(
        "mechexo_oldest_due_delivery_seconds",
        "For how long the oldest unfinished message has been due; 0 when none is.",
        0.0 if due_s is None else due_s,
    )
    yield from _alerts(desk)
    family = GaugeMetricFamily(
        "mechexo_deliveries",
        "Messages by channel and state: due and sending now, ended within the last day.",
        labels=("channel", "state"),
    )
    for (channel, state), number in sorted(tally.deliveries(desk).items()):
        family.add_metric((channel, state), number)
    yield family


def _alerts(desk: Desk) -> Iterator[Metric]:
    from mechexo.alerts import reading as alerts
    from mechexo.alerts.values import SEVERITIES

    counts = alerts.counts(desk)
    family = GaugeMetricFamily(
        "mechexo_alerts_open", "Open alerts by severity.", labels=("severity",)
    )
    for severity in SEVERITIES:
        family.add_metric((severity,), counts.by_severity.get(severity, 0))
    yield family
    yield _gauge(
        "mechexo_alerts_unacknowledged",
        "Open alerts that nobody has acknowledged.",
        counts.unacknowledged,
    )


def _gauge(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, about, value=value)
