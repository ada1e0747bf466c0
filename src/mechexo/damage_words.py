"""What rows of the state file that cannot be read mean to the alerts, to a card and to `ops_ok`.

The meeting place of the alerts and health wings, which know nothing of each other. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from mechexo.alerts.damage import SEE, STATE_FILE, Damaged
from mechexo.alerts.values import Alert, Observation
from mechexo.channel_words import CARD
from mechexo.health.values import STATE_FILE_KIND, ProbeState, Status
from mechexo.observing import OWN_SEVERITY

RUNBOOK = "database-corruption"
NAMED = 3
"""So many rows are named where they all would be too long."""
ALERTED = 20
"""So many rows have an alert of their own; a whole file that is damaged is one trouble."""


def as_probe(damaged: Sequence[Damaged], now: datetime) -> Iterator[ProbeState]:
    """The state file as the card of the channels shows it, while rows of it cannot be read: who
    should be told by them is not known."""
    if damaged:
        yield ProbeState(
            name=STATE_FILE,
            kind=STATE_FILE_KIND,
            card=CARD,
            severity="critical",
            status=Status.UNKNOWN,
            detail="; ".join(sentences(damaged)),
            observed_at=now,
        )


def sentences(damaged: Sequence[Damaged]) -> list[str]:
    """A sentence for each of the first rows, and how many more there are."""
    said = [each.sentence for each in damaged[:NAMED]]
    if more := len(damaged) - len(said):
        said.append(_more(more))
    return said


def observations(damaged: Sequence[Damaged], opened: Iterable[Alert]) -> list[Observation]:
    """An alert for each row; those of rows that can be read again, or were closed, are resolved.
    What says not how bad it is may be critical."""
    said = [
        Observation(
            key=f"{STATE_FILE}:{each.what}:{each.id}",
            firing=True,
            severity=_severity(each),
            name=f"damaged_{each.what.replace(' ', '_')}",
            summary=each.sentence,
            source=STATE_FILE,
            labels={"card": CARD, "row": f"{each.what} {each.id}"},
            runbook=RUNBOOK,
        )
        for each in damaged[:ALERTED]
    ]
    if more := damaged[ALERTED:]:
        said.append(
            Observation(
                key=f"{STATE_FILE}:more",
                firing=True,
                severity=min(map(_severity, more)),  # critical comes before high
                name="damaged_rows",
                summary=_more(len(more)),
                source=STATE_FILE,
                labels={"card": CARD},
                runbook=RUNBOOK,
            )
        )
    firing = {each.key for each in said}
    said += (
        Observation(
            key=alert.key,
            firing=False,
            severity=alert.severity,
            name=alert.name,
            summary="it can be read, or is not in force any more",
            source=STATE_FILE,
        )
        for alert in opened
        if alert.source == STATE_FILE and alert.key not in firing
    )
    return said


def _more(amount: int) -> str:
    rows = "row of the state file is" if amount == 1 else "rows of the state file are"
    return f"{amount} more {rows} damaged; {SEE}"


def _severity(damaged: Damaged) -> str:
    is_alert = damaged.what == "alert"
    return "critical" if is_alert and damaged.severity in ("", "critical") else OWN_SEVERITY
