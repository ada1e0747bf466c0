"""A configured risk source as a system outside that can be asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mechexo.config.risk import scheme_of
from mechexo.errors import UnreachableError
from mechexo.outside import Answer, Question, Source
from mechexo.risk import keeping
from mechexo.risk.calm import calmed
from mechexo.risk.operations import PREFIX
from mechexo.risk.systems import RiskQuestion, find_system
from mechexo.risk.trading_day import trading_day
from mechexo.risk.values import RiskLook
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.config import RiskSettings


@dataclass(frozen=True, slots=True)
class RiskSource:
    """One `[risk.NAME]`."""

    called: str
    settings: RiskSettings
    root: Path
    desk_zone: ZoneInfo

    @property
    def source(self) -> Source:
        """It, as `ask_all` takes it."""
        return Source(PREFIX + self.called, self.settings.every, self.settings.timeout, self.ask)

    def ask(self, question: Question) -> Answer:
        """Looks at the source.

        Raises:
            HeldError: it is not to be asked before a moment.
            UnreachableError: there is no good answer; the text holds no secret.
        """
        zone = ZoneInfo(self.settings.zone) if self.settings.zone else self.desk_zone
        day = trading_day(question.now, zone, self.settings.day_starts)
        asked = RiskQuestion(self.root, question.now, day, question.within_s)
        with asked.tidied():
            # A source that is a reference tells its kind only here.
            kind = scheme_of(self.settings.source) or scheme_of(
                asked.resolve(self.settings.source, whole=True)
            )
            look = find_system(kind).look(self.settings, asked)
            if not isinstance(look, RiskLook):
                raise UnreachableError(f"it answered with {type(look).__name__}, not a RiskLook")
            return Answer(keeping.to_text(self.settings, calmed(look, asked.tidy)))
