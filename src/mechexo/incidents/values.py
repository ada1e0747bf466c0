"""What the incidents wing says."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from mechexo.value_classes import dataclass

SEVERITIES = ("SEV1", "SEV2", "SEV3")
"""Worst first."""

BY_ITSELF = "mechexo"
"""Who opened an incident that no person did."""


class IncidentStatus(StrEnum):
    """How an incident stands."""

    OPEN = "open"
    MITIGATED = "mitigated"
    """It does no more harm; its cause may be there still."""
    CLOSED = "closed"

    @property
    def word(self) -> str:
        """Glyph and word, as every face shows it."""
        return _WORDS[self]


_WORDS = {
    IncidentStatus.OPEN: "✖ open",
    IncidentStatus.MITIGATED: "▲ mitigated",
    IncidentStatus.CLOSED: "● closed",
}


class EventKind(StrEnum):
    """What a person, or the tick, did about an incident."""

    OPENED = "opened"
    NOTE = "note"
    JOINED = "joined"
    COMMANDER = "commander"
    SEVERITY = "severity"
    FLOWS = "flows"
    MITIGATED = "mitigated"
    REOPENED = "reopened"
    CLOSED = "closed"
    ALERT = "alert_joined"
    """One more alert belongs to it."""


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident as it stands."""

    id: int
    title: str
    severity: str
    """One of `SEVERITIES`."""
    status: IncidentStatus
    commander: str
    """Who leads; "" is nobody."""
    runbook: str
    """The entry that is followed; "" is none."""
    alert_id: int | None
    """The alert that it was opened for."""
    flows: tuple[str, ...]
    """The flows that it affects."""
    began_at: datetime
    """When the trouble began: the start of its first alert, or as it was given."""
    opened_at: datetime
    opened_by: str
    mitigated_at: datetime | None
    """Since when it has been mitigated; None while it never was, or was opened again."""
    closed_at: datetime | None
    closed_by: str
    attendees: tuple[str, ...]
    """Who takes part, in the order of coming."""

    @property
    def is_closed(self) -> bool:
        """Whether it is over."""
        return self.status is IncidentStatus.CLOSED


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a timeline."""

    at: datetime
    kind: str
    who: str
    """Who did it; "" where nobody did, or nobody knows."""
    text: str
    """What happened, one line."""
    detail: str = ""
    """The rest: further lines of a note, the end of a command's output."""
    source: str = ""
    """Whose records say so: `incident`, `alerts`, `runbook`."""
    ref: str = ""
    """What it is about there: `alert 7`."""
    key: str = ""
    """What it is, among all others; stays when it is read again."""


@dataclass(frozen=True, slots=True)
class IncidentEvent:
    """One line of what is recorded of an incident itself."""

    id: int
    at: datetime
    kind: str
    who: str
    text: str


@dataclass(frozen=True, slots=True)
class Opening:
    """An alert that opens an incident by itself, or joins one, as plain values."""

    alert_id: int
    alert_key: str
    title: str
    severity: str
    runbook: str
    flows: tuple[str, ...]
    began_at: datetime
    parent_id: int | None = None
    """The alert that causes it: this one then joins the incident of that one and opens none."""
    joins_only: bool = False
    """Whether it opens none either way: it comes and goes."""
    remark: str = ""
    """What else its line shall say: that the runbook could not be read."""
