"""Probes to cards, by worst-of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from mechexo.health.values import (
    CHANNEL_KIND,
    CI_KIND,
    FLOW_KIND,
    ORCHESTRATOR_KIND,
    UPTIME_KIND,
    Card,
    ProbeState,
    Status,
)

NOTHING_WATCHES = "nothing watches this card"
_NAMED = 3
_NOUNS = {
    FLOW_KIND: "flow",
    UPTIME_KIND: "uptime window",
    CHANNEL_KIND: "channel",
    CI_KIND: "repository",
    ORCHESTRATOR_KIND: "orchestrator",
}
_PLURALS = {"repository": "repositories"}


def roll_up(probe_states: Iterable[ProbeState], show: Sequence[str]) -> tuple[Card, ...]:
    """The cards in the order of `show`, then those that only probes name, as they come.

    A card is as bad as its worst probe, and unknown is worse than a warning. A card without
    probes is unknown: that nothing complained does not mean that all is well.
    """
    by_card: dict[str, list[ProbeState]] = {name: [] for name in show}
    for state in probe_states:
        by_card.setdefault(state.card, []).append(state)
    return tuple(_card(name, tuple(states)) for name, states in by_card.items())


def _card(name: str, probes: tuple[ProbeState, ...]) -> Card:
    if not probes:
        return Card(name, Status.UNKNOWN, NOTHING_WATCHES, None)
    status = max((probe.status for probe in probes), key=lambda status: status.rank)
    worst = [probe for probe in probes if probe.status == status]
    looks = [probe.observed_at for probe in probes if probe.observed_at is not None]
    return Card(name, status, _summary(status, worst), min(looks, default=None), probes)


def _summary(status: Status, worst: Sequence[ProbeState]) -> str:
    if len(worst) == 1:
        said = f"{worst[0].name}: {worst[0].detail}"
        return said + " (flapping)" if worst[0].flapping else said
    if status == Status.OK:
        numbers = Counter(_NOUNS.get(probe.kind, "probe") for probe in worst)
        counted = [
            f"{numbers[what]} {what if numbers[what] == 1 else _PLURALS.get(what, what + 's')}"
            for what in ("probe", *_NOUNS.values())
            if numbers[what]
        ]
        return f"{' and '.join(counted)} ok"
    names = [probe.name for probe in worst[:_NAMED]]
    more = len(worst) - len(names)
    if more:
        names.append(f"{more} more")
    return f"{', '.join(names[:-1])} and {names[-1]} {status}"
