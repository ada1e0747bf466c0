"""What asking a system outside takes and brings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from mechexo.errors import UnreachableError
from mechexo.outside.breaker import Breaker, Standing
from mechexo.value_classes import dataclass

LONGEST_VALUE = 1_000_000
"""Characters of a value that is kept; a longer one is a failure of its source."""


class HeldError(UnreachableError):
    """The source is not to be asked before a moment."""

    def __init__(self, text: str, until: datetime) -> None:
        super().__init__(text)
        self.until = until


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer, as text that the source itself can read again."""

    value: str
    hold_until: datetime | None = None
    """Not to be asked again before: it was the last that a rate limit allowed."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a source is told when it is asked."""

    now: datetime
    within_s: float
    """After so many seconds nobody waits for the answer any more."""
    before: str | None = None
    """The last good value, so that a source can ask for what is new only."""


@dataclass(frozen=True, slots=True)
class Source:
    """A system outside that can be asked."""

    name: str
    """What its state is kept under, such as `ci:strategies`. Unique on a desk."""
    every: timedelta
    """How often it is asked."""
    timeout: timedelta
    """How long one question may take."""
    ask: Callable[[Question], Answer]
    """Asks. Runs in a thread of its own and touches no state file. It raises HeldError when it is
    not to be asked before a moment, and MechexoError when there is no good answer; the text says
    why, and holds no secret."""
    budget: str = ""
    """Sources with the same text share one limit of requests; empty for none. No secret."""

    @property
    def timeout_s(self) -> float:
        """How long one question may take, in seconds."""
        return self.timeout.total_seconds()

    def try_out(self, now: datetime) -> Answer:
        """Asks now and keeps nothing: for whoever mends its table.

        Raises:
            MechexoError: as `ask`.
        """
        return self.ask(Question(now, self.timeout_s))


@dataclass(frozen=True, slots=True)
class Kept:
    """What the state file holds of a source."""

    name: str
    budget: str
    asked_at: datetime | None
    """None when it was never asked, or its row cannot be read."""
    why: str
    breaker: Breaker
    value: str | None
    good_at: datetime | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of a source: how it stands, and its last good value with its moment."""

    name: str
    standing: Standing
    until: datetime | None = None
    """While open or held: until when it is not asked."""
    failures: int = 0
    """Failures in a row."""
    why: str = ""
    """Why the last question brought nothing; empty when it did, or none was asked."""
    asked_at: datetime | None = None
    """When it was asked last; None when it never was."""
    value: str | None = None
    """The last good value."""
    good_at: datetime | None = None
    """When that was so."""
