"""Looking: every due probe in a thread of its own, and nobody waits for one that hangs.

The threads are daemons, and not of a pool: a pool waits for its threads when the program ends,
and one stuck in a dead network mount would keep `tick` alive. A thread only puts its answer into
a queue, and nobody reads that queue after the deadline: a late thread changes nothing.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from queue import Empty, SimpleQueue

from mechexo.errors import MechexoError
from mechexo.health.context import ConfiguredProbe, Context
from mechexo.health.values import Outcome, Status
from mechexo.value_classes import dataclass

GRACE_S = 0.5
"""How much longer than its timeout a probe is waited for, so that its own words are heard."""


SIDE_BY_SIDE = 16
PATIENCE_S = 0.02
"""While so many looks are out, the next waits this long: looks that crowd each other time each
other's work instead of what they watch. Looks that hang hold it up no longer than that."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one run of a probe brought."""

    probe: ConfiguredProbe
    outcome: Outcome
    latency_ms: float | None = None


def look(
    work: Sequence[tuple[ConfiguredProbe, Context]], *, deadline_s: float, group: str
) -> tuple[Look, ...]:
    """Runs all probes at once and returns within `deadline_s` seconds, one look for each.

    `group` names the desk: a probe of it whose last look still hangs is not begun again, so that
    hanging looks do not pile up in a program that stays.
    """
    ends_at = time.monotonic() + deadline_s
    _prepare(probe for probe, _ in work)
    answers: SimpleQueue[tuple[int, Look]] = SimpleQueue()
    looks: dict[int, Look] = {}
    waiting: dict[int, float] = {}
    hanging = {thread.name for thread in threading.enumerate()}
    queue = deque(range(len(work)))
    begun_at = 0.0
    while queue or waiting:
        now = time.monotonic()
        if queue and now >= ends_at:
            for index in queue:
                looks[index] = _unknown(work[index][0], "there was no time left to look")
            queue.clear()
        elif queue and (len(waiting) < SIDE_BY_SIDE or now >= begun_at + PATIENCE_S):
            index, begun_at = queue.popleft(), now
            probe, context = work[index]
            name = f"look {group} {probe.name}"
            if name in hanging:
                looks[index] = _unknown(probe, "the look before this one still hangs")
            elif failed := _begin(name, index, probe, context, answers):
                looks[index] = _unknown(probe, f"the look could not begin: {failed}")
            else:
                waiting[index] = min(now + context.timeout_s + GRACE_S, ends_at)
        elif waiting:
            until = min(waiting.values())
            if queue:
                until = min(until, begun_at + PATIENCE_S)
            try:
                index, found = answers.get(timeout=max(until - now, 0.0))
            except Empty:
                now = time.monotonic()
                for index in [index for index, until in waiting.items() if until <= now]:
                    probe, context = work[index]
                    looks[index] = _unknown(probe, f"no answer within {context.timeout_s:.3g} s")
                    del waiting[index]
            else:
                if waiting.pop(index, None) is not None:
                    looks[index] = found
    return tuple(looks[index] for index in range(len(work)))


def _begin(
    name: str,
    index: int,
    probe: ConfiguredProbe,
    context: Context,
    answers: SimpleQueue[tuple[int, Look]],
) -> str:
    """Starts a look; says why when it cannot."""
    try:
        threading.Thread(
            target=_run, args=(index, probe, context, answers), name=name, daemon=True
        ).start()
    except RuntimeError as error:
        return str(error)
    return ""


def _prepare(probes: Iterable[ConfiguredProbe]) -> None:
    for module in {module for probe in probes for module in probe.kind.needs}:
        # Where it is missing or broken the look itself says so.
        with suppress(Exception):
            import_module(module)


def _unknown(probe: ConfiguredProbe, why: str) -> Look:
    return Look(probe, Outcome(Status.UNKNOWN, why))


def _run(
    index: int,
    probe: ConfiguredProbe,
    context: Context,
    answers: SimpleQueue[tuple[int, Look]],
) -> None:
    began = time.perf_counter()
    try:
        outcome = probe.kind.run(probe.options, context)
        if not isinstance(outcome, Outcome):
            said = f"the kind {probe.kind.name} returned {type(outcome).__name__}, not an Outcome"
            outcome = Outcome(Status.UNKNOWN, said)
    except MechexoError as error:
        outcome = Outcome(Status.UNKNOWN, str(error))
    except BaseException as error:  # noqa: BLE001 - whatever a kind raises is its probe's reason
        outcome = Outcome(Status.UNKNOWN, f"{type(error).__name__}: {error}")
    latency_ms = (time.perf_counter() - began) * 1000.0
    answers.put((index, Look(probe, _tidied(outcome, context), latency_ms)))


def _tidied(outcome: Outcome, context: Context) -> Outcome:
    value = outcome.value
    if isinstance(value, str):
        value = context.tidy(value)
    elif value is not None:
        value = None if math.isnan(value) else float(value)
    return replace(
        outcome,
        detail=context.tidy(outcome.detail),
        value=value,
        unit=context.tidy(outcome.unit),
    )
