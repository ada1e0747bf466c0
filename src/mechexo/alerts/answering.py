"""What one answer from a chat does: acknowledge, snooze, or tell the first steps.

The first acknowledgement stands and a second snooze changes nothing, so that an answer that is
seen twice, because its program died in between, does nothing twice.
"""

from __future__ import annotations

import pwd
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from mechexo.actor import Actor, Role, user_name
from mechexo.alerts import answer_records, outbox_reading, silence_records
from mechexo.alerts.channels import chat
from mechexo.alerts.damage import DamagedRowError
from mechexo.alerts.operations import acknowledge, get_alert
from mechexo.alerts.silencing import silence
from mechexo.alerts.text import FIELD_LIMIT, clean
from mechexo.alerts.values import SEVERITIES, Alert, AlertState
from mechexo.errors import BusyError, MechexoError, StateError
from mechexo.state import audit as audit_log
from mechexo.times import in_zone
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.desk import Desk

SNOOZE = timedelta(hours=1)

FirstSteps = Callable[[Alert], str]
"""The first steps of the runbook entry of an alert, as text; "" when there is none."""

_SAME_SNOOZE = timedelta(minutes=10)
"""A snooze that would add less than this to one that stands is the same one."""

_STRANGERS_EVERY = timedelta(hours=1)

_NOBODY = -1
"""The uid of whom the machine does not know."""


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """What became of one press or text."""

    channel: str
    by: str
    act: str
    alert_id: int | None
    done: bool
    words: str
    """What the person was told."""
    mark: str = ""
    """What the message about the alert says from now on; "" when it stays as it is."""


def actor_of(user: str) -> Actor:
    """The user of the desk whom the configuration names, by name or uid."""
    if user.isascii() and user.isdigit():
        return Actor(int(user), user_name(int(user)))
    try:
        return Actor(pwd.getpwnam(user).pw_uid, user)
    except KeyError:
        return Actor(_NOBODY, user)


def fulfil(
    desk: Desk,
    channel: str,
    user: str,
    wish: chat.Wish,
    first_steps: FirstSteps | None,
    message: str = "",
) -> ChatAnswer:
    """Does what a user of the desk wishes, by their role, who answers a `message` of the channel
    ("" when they answer none). What that does not show they do not know of.

    Raises:
        BusyError, StateError: it could not be written now; the answer is to be kept.
    """
    theirs = desk.acting_as(actor_of(user))
    name = theirs.actor.name
    if wish.alert_id is None:
        words = f"which alert? Write: {wish.act} NUMBER"
        return ChatAnswer(channel, name, wish.act, None, False, words)
    try:
        if wish.act == "runbook":
            words, mark, done = _first_steps(theirs, wish.alert_id, first_steps), "", True
        else:
            words, mark, done = _done(theirs, channel, wish, wish.alert_id, message)
    except (BusyError, StateError) as error:
        # One damaged alert is no reason to keep it, and all answers behind it, for later.
        if not isinstance(error, DamagedRowError):
            raise
        return ChatAnswer(channel, name, wish.act, wish.alert_id, False, str(error))
    except MechexoError as error:
        return ChatAnswer(channel, name, wish.act, wish.alert_id, False, str(error))
    return ChatAnswer(channel, name, wish.act, wish.alert_id, done, words, mark)


def refuse(desk: Desk, bot: str, channel: str, user: str, wish: chat.Wish) -> ChatAnswer:
    """Turns down somebody who is no user of this desk; the audit log tells of it once an hour."""
    who = f"telegram:{clean(user, FIELD_LIMIT)}"
    now = desk.clock.now()
    with desk.state.write() as transaction:
        connection = transaction.connection
        if answer_records.first_refusal(connection, bot, user, now, _STRANGERS_EVERY):
            audit_log.append(
                connection,
                at=now,
                actor=Actor(_NOBODY, who),
                action=f"alerts.{_ACTIONS[wish.act]}",
                target=str(wish.alert_id or ""),
                outcome="refused",
                payload={"reason": f"not among the actors of {channel}"},
            )
    words = f"not known here: {user} is not among the actors of {channel}"
    return ChatAnswer(channel, who, wish.act, wish.alert_id, False, words)


_ACTIONS: Mapping[str, str] = {"ack": "acknowledge", "snooze": "silence", "runbook": "runbook"}


def _first_steps(desk: Desk, alert_id: int, first_steps: FirstSteps | None) -> str:
    steps = first_steps(get_alert(desk, alert_id)) if first_steps is not None else ""
    return steps or f"no runbook entry was found for alert {alert_id}"


def _done(
    desk: Desk, channel: str, wish: chat.Wish, alert_id: int, message: str
) -> tuple[str, str, bool]:
    """Does it; what to answer, what the message says from now on, and whether it is done."""
    shown = outbox_reading.severity_shown(desk.state.reader(), alert_id, channel, message)
    if wish.act == "snooze":
        return _snooze(desk, channel, get_alert(desk, alert_id), shown)
    said = f"by {channel}: {wish.note}" if wish.note else f"by {channel}"
    alert = acknowledge(desk, alert_id, note=said, through=channel, shown=shown)
    if alert.acknowledged_by is None:
        known = f"{desk.actor.name} knows of {shown}, but it is {alert.severity} now"
        words = f"alert {alert_id}: {known} and goes on paging: answer the newer message"
        return words, f"▲ alert {alert_id}: {known}", False
    known = f"{alert.acknowledged_by} knows"
    if alert.acknowledged_at is not None:
        known += f" since {in_zone(alert.acknowledged_at, desk.zone)}"
    return f"alert {alert_id}: {known}", f"✔ alert {alert_id}: {known}", True


def _snooze(desk: Desk, channel: str, alert: Alert, shown: str) -> tuple[str, str, bool]:
    desk.require("alerts.silence", f"key={alert.key}", Role.RESPONDER)
    if alert.state is AlertState.RESOLVED:
        return f"alert {alert.id} is over; there is nothing to snooze", "", True
    if shown and SEVERITIES.index(shown) > SEVERITIES.index(alert.severity):
        words = f"alert {alert.id}: not snoozed: this message said {shown}, and it is "
        return f"{words}{alert.severity} now: answer the newer message", "", False
    now = desk.clock.now()
    standing = [
        each
        for each in silence_records.active_silences(desk.state.reader(), now)
        if dict(each.matchers) == {"key": alert.key}
        and (each.exact or not alert.key.endswith("*"))
        and each.ends_at > now + SNOOZE - _SAME_SNOOZE
    ]
    made = standing[-1] if standing else None
    if made is None:
        made = silence(
            desk,
            matchers={"key": alert.key},
            duration=SNOOZE,
            reason=f"snoozed by {channel}",
            exact=True,
        )
    until = in_zone(made.ends_at, desk.zone)
    words = f"alert {alert.id}: quiet until {until}, by {made.author}"
    return words, f"● {words}", True
