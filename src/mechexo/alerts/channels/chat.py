"""What a chat message and its answers look like: lengths, buttons, words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mechexo.value_classes import dataclass

TEXT_LIMIT = 4096
"""UTF-16 code units of one message: what Telegram counts."""

NOTICE_LIMIT = 200
"""Characters of the words that a pressed button answers with."""

MOST_WITH_BUTTONS = 3
"""Alerts of one message that have buttons; the others are named in its text."""

ACTS = {"ack": "Ack", "snooze": "Snooze 1 h", "runbook": "Runbook"}
"""What a button can do, by the first word of its data, and what stands on it."""

_LARGEST_ID = 2**63 - 1
_DATA = re.compile(r"(ack|snooze|runbook):([0-9]{1,19})", re.ASCII)
_WORDS = re.compile(
    r"\s*/?(ack|snooze|runbook)(?:@\w+)?(?![\w:])(?:\s+#?([0-9]{1,19})(?![\w]))?\s*(.*)",
    re.ASCII | re.DOTALL | re.IGNORECASE,
)
# What JSON or the service refuses, or a screen would obey; line breaks and tabs stay.
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody in the chat wants. `alert_id` is None when they named no alert."""

    act: str
    alert_id: int | None
    note: str = ""


def units(text: str) -> int:
    """The length of a text as Telegram counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def fitting(text: str, limit: int = TEXT_LIMIT) -> str:
    """The text without what no chat takes, cut to `limit` UTF-16 code units, never within a
    character, and never empty."""
    fit = _UNFIT.sub("", text)
    if not fit.strip():
        return "(no text)"
    if units(fit) <= limit:
        return fit
    whole = fit.encode("utf-16-le")[: 2 * (limit - 1)]
    # Half a character at the end is dropped.
    return whole.decode("utf-16-le", "ignore").rstrip() + "…"


def buttons(alert_ids: Sequence[int]) -> tuple[str, ...]:
    """The data of the buttons of a message about these alerts."""
    return tuple(f"{act}:{each}" for each in alert_ids[:MOST_WITH_BUTTONS] for act in ACTS)


def keyboard(data: Iterable[str]) -> list[list[dict[str, str]]]:
    """The rows of buttons for their data, one row per alert; of several alerts each is named."""
    rows: dict[str, list[str]] = {}
    for each in data:
        act, _, alert_id = each.partition(":")
        if act in ACTS:
            rows.setdefault(alert_id, []).append(act)
    named = len(rows) > 1
    return [
        [
            {
                "text": f"{ACTS[act]} ({alert_id})" if named else ACTS[act],
                "callback_data": f"{act}:{alert_id}",
            }
            for act in acts
        ]
        for alert_id, acts in rows.items()
    ]


def left_after(data: Iterable[str], wish: Wish) -> tuple[str, ...]:
    """The buttons that still make sense when a wish was fulfilled."""
    over = {f"{wish.act}:{wish.alert_id}"}
    if wish.act == "ack":
        over.add(f"snooze:{wish.alert_id}")
    return tuple(each for each in data if each not in over)


def pressed(data: str) -> Wish | None:
    """What a pressed button asks for; None when it is none of ours."""
    found = _DATA.fullmatch(data)
    if found is None or int(found[2]) > _LARGEST_ID:
        return None
    return Wish(found[1], int(found[2]))


def written(text: str, answered: Iterable[str] = ()) -> Wish | None:
    """What a text asks for, like `ack 12`, `/ack 12 on it`; None when it asks for nothing.

    A reply need not name the alert when the message that it `answered` has the buttons of one.
    """
    found = _WORDS.fullmatch(text)
    if found is None:
        return None
    act, number, note = found[1].lower(), found[2], found[3].strip()
    if number is not None:
        alert_id = int(number)
        return Wish(act, alert_id if alert_id <= _LARGEST_ID else None, note)
    known = {wish.alert_id for each in answered if (wish := pressed(each)) is not None}
    if len(known) == 1:
        return Wish(act, known.pop(), note)
    # "Ack." and nothing more is a wish that lacks its number; a sentence that begins so is not.
    return Wish(act, None) if not note else None
