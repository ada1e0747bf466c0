"""What people say back, by a button in the chat or a key on the telephone: asked for and taken.

The meeting place of the alerts and runbook wings, which know nothing of each other, for the tick
and for the server.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mechexo.alerts.processes import Processes
    from mechexo.alerts.values import Alert, Delivery
    from mechexo.desk import Desk

FIRST_SECTION = "First 60 seconds"

LOOK_EVERY_S = 1.0
LOOK_LIMIT_S = 8.0


def anybody_can_answer(desk: Desk) -> bool:
    """Whether any channel of the configuration takes answers in a chat."""
    return any(
        channel.kind == "telegram" and channel.actors for channel in desk.settings.channels.values()
    )


def hear_answers(desk: Desk) -> None:
    """Takes care of what people have answered in the chats since; waits for nobody.

    Raises:
        UnreachableError: a bot could not be asked; the others were.
    """
    from mechexo.alerts.answers import poll_answers

    poll_answers(desk, first_steps=first_steps(desk))


def look_at_calls(
    desk: Desk, *, deadline_s: float, processes: Processes | None = None
) -> tuple[Delivery, ...]:
    """What became of the telephone calls under way; cheap when there is none."""
    from mechexo.alerts import calls

    if not calls.under_way(desk):
        return ()
    return calls.look_at_calls(desk, deadline_s=deadline_s, processes=processes)


def listen(desk: Desk, stop: threading.Event, tell: Callable[[str], None]) -> None:
    """Asks the chats for answers, each as it comes, until `stop` is set."""
    from mechexo.alerts.answers import Listener

    listener = Listener(desk, first_steps=first_steps(desk), tell=tell)

    def end() -> None:
        stop.wait()
        listener.stop()

    threading.Thread(target=end, name="answers-end", daemon=True).start()
    listener.run()


def follow_calls(desk: Desk, stop: threading.Event) -> None:
    """Looks each second what became of the telephone calls under way, until `stop` is set."""
    from mechexo.alerts.processes import Processes

    kept = Processes()
    try:
        while not stop.wait(LOOK_EVERY_S):
            look_at_calls(desk, deadline_s=LOOK_LIMIT_S, processes=kept)
            kept.end_idle()
    finally:
        kept.end()


def first_steps(desk: Desk) -> Callable[[Alert], str]:
    """What the runbook says first about an alert, as text; "" when it has no entry for it."""

    def of(alert: Alert) -> str:
        from mechexo.runbook import operations as runbook

        entry = runbook.match(desk, alert.name, alert.runbook)
        if entry is None:
            return ""
        steps = [step for step in entry.steps if step.section == FIRST_SECTION]
        lines = [
            f"{step.number}. {step.text}" + (f"\n   {step.command}" if step.command else "")
            for step in steps
        ]
        return "\n".join([entry.title, *lines, f"All of it: mechexo runbook show {entry.id}"])

    return of
