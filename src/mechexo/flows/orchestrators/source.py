"""A configured orchestrator as a system outside that can be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from mechexo.errors import MechexoError
from mechexo.flows.orchestrators import keeping
from mechexo.flows.orchestrators.kinds import connect
from mechexo.flows.orchestrators.looking import PREFIX, read
from mechexo.flows.orchestrators.protocol import Redeployable, RefusedForNowError, SourceError
from mechexo.flows.orchestrators.versions import too_long
from mechexo.outside import Answer, HeldError, Question, Source
from mechexo.outside.limits import hold_until
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.config import FlowSettings, OrchestratorSettings
    from mechexo.desk import Desk
    from mechexo.flows.orchestrators.protocol import Orchestrator
    from mechexo.flows.orchestrators.standings import Look
    from mechexo.flows.orchestrators.versions import Definition


@dataclass(slots=True)
class OrchestratorSource:
    """One `[orchestrators.NAME]`."""

    desk: Desk
    called: str
    settings: OrchestratorSettings
    flows: Mapping[str, FlowSettings]
    defined: tuple[Definition, ...] = ()
    """How its deployments are defined, after it was asked; empty where it does not tell."""

    @classmethod
    def of(cls, desk: Desk, name: str) -> OrchestratorSource:
        """The orchestrator that the configuration calls so."""
        return cls(desk, name, desk.settings.orchestrators[name], desk.settings.flows)

    @property
    def source(self) -> Source:
        """It, as `ask_all` takes it."""
        return Source(
            PREFIX + self.called, self.settings.every, self.settings.look_timeout, self.ask
        )

    def ask(self, question: Question) -> Answer:
        """Looks at all its flows. After the time that is given no further exchange begins.

        Raises:
            HeldError: it is not to be asked before a moment.
            MechexoError: there is no good answer; the text holds no secret.
        """
        before = keeping.from_text(self.settings, question.before)
        try:
            orchestrator = connect(self.desk, self.called, within_s=question.within_s)
            found = read(
                *(orchestrator, self.settings, self.flows, self.called, question.now), before
            )
            found = replace(found, note=self._defined(orchestrator, found))
            return Answer(keeping.to_text(self.settings, found))
        except RefusedForNowError as error:
            if until := hold_until(error.status, error.headers, question.now):
                raise HeldError(str(error), until) from None
            raise
        except MechexoError:
            raise
        except Exception as error:
            # Whatever a package's kind raises may hold what was sent: its kind alone is told.
            raise SourceError(f"orchestrator {self.called}: {type(error).__name__}") from error

    def _defined(self, orchestrator: Orchestrator, found: Look) -> str:
        """Learns how its deployments are defined; what of that could not be learnt, in words. It
        spoils nothing else: that a flow is late is worth more."""
        if not isinstance(orchestrator, Redeployable):
            return ""
        try:
            self.defined = orchestrator.definitions()
        except MechexoError as error:
            return f"no version of a deployment was kept: {error}"
        return too_long(self.defined, found.standing.names)
