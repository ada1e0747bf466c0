"""Sending what changes something: on record before it is sent, so that nothing is done which the
audit log does not know; and again when it is known what came of it, also when that is not known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from mechexo.errors import MechexoError
from mechexo.flows.orchestrators.protocol import (
    GarbledError,
    MissingError,
    OutcomeUnknownError,
    RefusedError,
)
from mechexo.state import audit as audit_log
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.state import Transaction

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Sending:
    """What is about to be sent, as the audit log names it."""

    action: str
    target: str
    details: Mapping[str, object]
    look: str
    """Where a person sees what became of it, when nobody knows."""


def send_on_record(
    desk: Desk,
    sending: Sending,
    send: Callable[[], Answer],
    after: Callable[[Answer], Mapping[str, object]],
    *,
    also: Callable[[Transaction], None] = lambda _: None,
) -> tuple[Answer, str]:
    """Sends, with an entry of the audit log before and one after. What was answered, and what must
    be known of its record: "" when it is in the audit log. `also` is done in the transaction of the
    first entry; `after` says what the last one holds.

    Raises:
        OutcomeUnknownError: it may have been done; the text says where to look.
        MechexoError: what `send` raised otherwise: nothing was done.
        BusyError, StateError: nothing was sent, for it could not be put on record.
    """
    _record(desk, sending, "asked", {}, also)
    try:
        answer = send()
    except (OutcomeUnknownError, GarbledError) as error:
        # An answer that cannot be read came after the request: it is no refusal.
        told = "" if isinstance(error, OutcomeUnknownError) else "it may have been done"
        note = _recorded(desk, sending, "unknown", {"error": str(error)})
        raise OutcomeUnknownError(
            "; ".join(filter(None, (str(error), told, sending.look, note)))
        ) from error
    except MechexoError as error:
        refused = isinstance(error, RefusedError | MissingError)
        outcome = "refused" if refused else "not sent"
        if note := _recorded(desk, sending, outcome, {"error": str(error)}):
            error.args = (f"{error}; {note}",)
        raise
    except BaseException as error:
        _recorded(desk, sending, "unknown", {"error": type(error).__name__})
        raise
    return answer, _recorded(desk, sending, "done", after(answer))


def why(desk: Desk, reason: str) -> str:
    """The reason as the orchestrator is told it."""
    who = f"by {desk.actor.name} through mechexo"
    return f"{reason.strip()} ({who})" if reason.strip() else who


def _recorded(desk: Desk, sending: Sending, outcome: str, more: Mapping[str, object]) -> str:
    """Puts on record what came of it; in words when that did not work: what was done is done, and
    must not be hidden by it."""
    try:
        _record(desk, sending, outcome, more)
    except MechexoError as error:
        return f"that it is {outcome} is NOT in the audit log: {error}"
    return ""


def _record(
    desk: Desk,
    sending: Sending,
    outcome: str,
    more: Mapping[str, object],
    also: Callable[[Transaction], None] = lambda _: None,
) -> None:
    with desk.state.write() as transaction:
        audit_log.append(
            transaction.connection,
            at=desk.clock.now(),
            actor=desk.actor,
            action=sending.action,
            target=sending.target,
            outcome=outcome,
            payload={**sending.details, **more},
        )
        also(transaction)
