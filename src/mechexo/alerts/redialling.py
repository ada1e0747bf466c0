"""Whether a call was heard, and what comes next when it was not. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from mechexo.value_classes import dataclass

REDIALS = 2
REDIAL_AFTER = timedelta(minutes=2)

LOST_AFTER = timedelta(minutes=10)
"""A call whose end is not known by then is taken for one that nobody heard."""

FINAL = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
"""The states of a call that is over, in Twilio's words."""

_UNHEARD = {
    "busy": "the number was busy",
    "no-answer": "nobody answered",
    "failed": "the call failed",
    "canceled": "the call was cancelled",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a call. `outcome` is "" while it goes on."""

    outcome: str
    words: str = ""


def judge(status: str, answered_by: str, *, pressed: bool) -> Verdict:
    """Whether a call was heard: `sent` by a key that a person pressed, `unheard` when it is over
    without one. What a machine answered is not heard, whatever it presses."""
    machine = answered_by.startswith(("machine", "fax"))
    if pressed and not machine:
        return Verdict("sent", "heard: a key was pressed")
    if status not in FINAL:
        return Verdict("")
    if machine:
        return Verdict("unheard", "a mailbox answered")
    return Verdict("unheard", _UNHEARD.get(status, "answered, but no key was pressed"))


def by_text(unheard: int) -> bool:
    """Whether the next attempt is a text message, after so many calls that nobody heard."""
    return unheard > REDIALS


def next_call(unheard: int, now: datetime) -> datetime:
    """When the next attempt follows, after so many calls that nobody heard: the text message after
    the last of them need not wait."""
    return now if by_text(unheard) else now + REDIAL_AFTER
