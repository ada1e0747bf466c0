"""A configured repository as a system outside that can be asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mechexo.flows.ci import keeping
from mechexo.flows.ci.operations import PREFIX, budget_of
from mechexo.flows.ci.rules import badges, silent_workflows, still_telling
from mechexo.flows.ci.systems import CiQuestion, find_system
from mechexo.outside import Answer, Question, Source
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.config import CiSettings
    from mechexo.flows.ci.values import CiLook


@dataclass(frozen=True, slots=True)
class CiSource:
    """One `[ci.NAME]`."""

    called: str
    settings: CiSettings
    root: Path

    @property
    def source(self) -> Source:
        """It, as `ask_all` takes it."""
        return Source(
            PREFIX + self.called,
            self.settings.every,
            self.settings.timeout,
            self.ask,
            budget=budget_of(self.settings),
        )

    def ask(self, question: Question) -> Answer:
        """Looks at the repository.

        Raises:
            HeldError: it is not to be asked before a moment.
            UnreachableError: there is no good answer; the text holds no secret.
        """
        before = keeping.from_text(self.settings, question.before)
        asked = CiQuestion(self.root, question.now, question.within_s, before)
        with asked.tidied():
            answer = find_system(self.settings.kind).look(self.settings, asked)
            known = (*before.runs, *before.earlier) if before else ()
            earlier = still_telling(known, answer.look.runs, question.now)
            look = replace(answer.look, earlier=earlier)
            look = replace(look, silent_since=self._silent_since(look, before, question))
            return Answer(keeping.to_text(self.settings, look), answer.hold_until)

    def _silent_since(
        self, look: CiLook, before: CiLook | None, question: Question
    ) -> datetime | None:
        branch = self.settings.branches[0]
        found = badges((*look.runs, *look.earlier), (branch,))
        if found and not silent_workflows(found, branch, self.settings.workflows):
            return None
        return (before.silent_since if before else None) or question.now
