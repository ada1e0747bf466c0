"""What may become of an incident, and what may be said of it."""

from __future__ import annotations

from datetime import datetime

from mechexo.config import redact
from mechexo.errors import ConflictError, UsageError
from mechexo.incidents.values import SEVERITIES, Incident, IncidentStatus
from mechexo.masking import masked
from mechexo.output_tail import harmless

LONGEST_TITLE = 200
LONGEST_NOTE = 10_000
LONGEST_NAME = 100

_FROM = {
    IncidentStatus.OPEN: (IncidentStatus.MITIGATED, IncidentStatus.CLOSED),
    IncidentStatus.MITIGATED: (IncidentStatus.OPEN,),
    IncidentStatus.CLOSED: (IncidentStatus.OPEN, IncidentStatus.MITIGATED),
}
"""From where each status may be reached."""


def may_become(before: IncidentStatus, after: IncidentStatus) -> bool:
    """Whether one status may follow another; each may stay as it is."""
    return before is after or before in _FROM[after]


def check_becomes(incident: Incident, after: IncidentStatus) -> None:
    """Refuses a status that does not follow the present one.

    Raises:
        ConflictError: it does not.
    """
    if not may_become(incident.status, after):
        raise ConflictError(
            f"incident {incident.id} is {incident.status}, so it cannot become {after}; first: "
            f"mechexo incident reopen {incident.id}"
        )


def check_not_closed(incident: Incident, what: str) -> None:
    """Refuses what only makes sense while an incident goes on.

    Raises:
        ConflictError: it is closed.
    """
    if incident.is_closed:
        raise ConflictError(
            f"incident {incident.id} is closed, {what}; first: "
            f"mechexo incident reopen {incident.id}"
        )


def next_moment(now: datetime, last: datetime | None) -> datetime:
    """When something happens that is recorded now: never before what was recorded last, also when
    the clock was set back meanwhile."""
    return now if last is None else max(now, last)


def read_severity(text: str) -> str:
    """`SEV1`, `sev1` or `1` as a severity.

    Raises:
        UsageError: it is none.
    """
    wanted = text.strip().upper()
    found = wanted if wanted.startswith("SEV") else f"SEV{wanted}"
    if found not in SEVERITIES:
        raise UsageError(f"{clean_line(text)!r} is no severity; there are {', '.join(SEVERITIES)}")
    return found


def read_line(text: str, what: str, longest: int) -> str:
    """One line that a person wrote: harmless, secrets hidden.

    Raises:
        UsageError: nothing is in it, or too much.
    """
    if len(text) > longest:
        raise UsageError(f"{what} has at most {longest:,} characters, this one {len(text):,}")
    line = clean_line(text)
    if not line:
        raise UsageError(f"{what} needs words")
    return line


def read_note(text: str, what: str = "a note") -> str:
    """What a person wrote, lines kept: harmless, secrets hidden.

    Raises:
        UsageError: nothing is in it, or too much.
    """
    if len(text) > LONGEST_NOTE:
        raise UsageError(
            f"{what} has at most {LONGEST_NOTE:,} characters, this one {len(text):,}; keep the "
            "rest in a file and name that here"
        )
    note = clean_text(text)
    if not note:
        raise UsageError(f"{what} needs words")
    return note


def clean_text(text: str) -> str:
    """Text that steers no terminal and holds no plain secret; lines stay, empty ends do not."""
    # Cleaning may bring together what was apart, so until nothing is left to clean.
    before, cleaned = "", text
    while cleaned != before:
        # Nearly all of thousands of lines are plain already: only secrets are looked for then.
        is_plain = cleaned.isascii() and cleaned.isprintable()
        plain = redact(cleaned) if is_plain else harmless(cleaned.encode("utf-8", "replace"))
        before, cleaned = cleaned, "\n".join(masked(plain.split("\n")))
    return "\n".join(line.rstrip() for line in cleaned.replace("\t", "    ").splitlines()).strip()


def clean_line(text: str) -> str:
    """As `clean_text`, in one line."""
    return " ".join(clean_text(text).split())
