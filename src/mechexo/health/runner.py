"""Looking: every due probe in a thread of its own, and nobody waits for one that hangs.

The threads are daemons, and not of a pool: a pool waits for its threads when the program ends,
and one stuck in a dead network mount would keep `tick` alive. A thread only puts its answer into
a queue, and nobody reads that queue after the deadline: a late thread changes nothing.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue

from mechexo.errors import MechexoError
from mechexo.health.context import ConfiguredProbe, Context
from mechexo.health.values import Outcome, Status

GRACE_S = 0.5
"""How much longer than its timeout a probe is waited for, so that its own words are heard."""


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
    began = time.monotonic()
    answers: SimpleQueue[tuple[int, Look]] = SimpleQueue()
    looks: dict[int, Look] = {}
    waiting: dict[int, float] = {}
    hanging = {thread.name for thread in threading.enumerate()}
    for index, (probe, context) in enumerate(work):
        name = f"look {group} {probe.name}"
        if name in hanging:
            looks[index] = _unknown(probe, "the look before this one still hangs")
            continue
        thread = threading.Thread(
            target=_run, args=(index, probe, context, answers), name=name, daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:
            looks[index] = _unknown(probe, f"the look could not begin: {error}")
            continue
        waiting[index] = min(time.monotonic() + context.timeout_s + GRACE_S, began + deadline_s)
    while waiting:
        try:
            index, found = answers.get(timeout=max(min(waiting.values()) - time.monotonic(), 0.0))
        except Empty:
            now = time.monotonic()
            for index in [index for index, until in waiting.items() if until <= now]:
                probe, context = work[index]
                waited = f"no answer within {context.timeout_s:.3g} s"
                looks[index] = _unknown(probe, waited)
                del waiting[index]
        else:
            if waiting.pop(index, None) is not None:
                looks[index] = found
    return tuple(looks[index] for index in range(len(work)))


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
