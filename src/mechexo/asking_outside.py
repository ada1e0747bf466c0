"""The systems outside that a tick asks beside its other work, and what each says to the alerts.

The meeting place of the wings that look outside and of the alerts wing. Each is asked in a stage of
its own; what does not come in time is kept, and the next tick says it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from mechexo import ci_words, orchestrator_words, risk_words
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.alerts.values import Alert, Observation
    from mechexo.desk import Desk
    from mechexo.flows.ci.values import CiStanding
    from mechexo.flows.orchestrators.standings import Known
    from mechexo.flows.values import FlowStanding
    from mechexo.health.values import ProbeState

Say = Callable[[datetime, "Sequence[Alert]"], "list[Observation]"]
"""What is known, ready to be said at a moment, in view of the open alerts."""


@dataclass(frozen=True, slots=True)
class Outside:
    """One kind of system outside, as the tick asks it."""

    name: str
    """Of its stage."""
    look: Callable[[float], Say]
    """Asks all that are due, within so many seconds."""
    known: Callable[[], Say]
    """What the state file knows, for when asking takes longer than anybody waits."""


def asked_by_the_tick(desk: Desk) -> Iterator[Outside]:
    """Those that the configuration has."""
    if desk.settings.ci:
        yield _ci(desk)
    if desk.settings.grafana.url:
        yield from _grafana(desk)
    if desk.settings.orchestrators:
        yield _orchestrators(desk)
    if desk.settings.risk:
        yield _risk(desk)
    if desk.settings.resources.sample:
        yield _sample(desk)
    if desk.settings.resources.plots:
        yield _plots(desk)


def judged_here(desk: Desk, standings: Sequence[FlowStanding]) -> list[FlowStanding]:
    """The flows as our own records judge them; of one that an orchestrator runs, that says whether
    it is overdue."""
    from mechexo.flows.orchestrators import looking

    return orchestrator_words.ours(standings, looking.known(desk))


def _ci(desk: Desk) -> Outside:
    from mechexo.flows.ci import operations as ci

    def say(found: Sequence[CiStanding]) -> Say:
        return lambda now, _: ci_words.observations(found, desk.settings, now)

    return Outside(
        "ci",
        lambda deadline_s: say(ci.look(desk, deadline_s=deadline_s)),
        lambda: say(ci.standings(desk)),
    )


def _grafana(desk: Desk) -> Iterator[Outside]:
    """Nobody is paged for Grafana: what it fails at is on its screen and in the doctor's words."""
    from mechexo import grafana_annotations
    from mechexo.grafana import operations as grafana

    yield _unheard("grafana", lambda deadline_s: grafana.look(desk, deadline_s=deadline_s))
    yield _unheard("annotations", partial(grafana_annotations.annotate_meanwhile, desk))


def _orchestrators(desk: Desk) -> Outside:
    from mechexo.flows.orchestrators import looking

    def say(found: Sequence[Known]) -> Say:
        return lambda now, open_alerts: orchestrator_words.observations(
            found, desk.settings, now, open_alerts
        )

    return Outside(
        "orchestrators",
        lambda deadline_s: say(looking.look(desk, deadline_s=deadline_s)),
        lambda: say(looking.known(desk)),
    )


def _risk(desk: Desk) -> Outside:
    from mechexo.health import operations as health
    from mechexo.risk import operations as risk

    def say(states: Sequence[ProbeState]) -> Say:
        return lambda now, _: risk_words.observations(states, desk.settings, now)

    def look(deadline_s: float) -> Say:
        found = risk.look(desk, deadline_s=deadline_s)
        return say(health.take_in(desk, risk_words.outcomes(found, desk.settings)))

    return Outside("risk", look, lambda: say(health.probe_states(desk)))


def _sample(desk: Desk) -> Outside:
    from mechexo.resources import operations as resources

    return _unheard("resources", lambda _: resources.sample(desk))


def _plots(desk: Desk) -> Outside:
    from mechexo.resources import plot_operations as plots

    return _unheard("plots", lambda deadline_s: plots.look(desk, deadline_s=deadline_s))


def _unheard(name: str, look: Callable[[float], object]) -> Outside:
    """What is asked to be looked at, and says nothing to the alerts: those are raised by probes."""

    def nothing(_: datetime, __: Sequence[Alert]) -> list[Observation]:
        return []

    def looked(deadline_s: float) -> Say:
        look(deadline_s)
        return nothing

    return Outside(name, looked, lambda: nothing)
