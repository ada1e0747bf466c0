"""Doing something once, a little later, also on a machine that is busy just then."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.message_pump import MessagePump


def once_after(pump: MessagePump, delay_s: float, act: Callable[[], object]) -> None:
    """Calls something once, that many seconds from now.

    Textual's own `set_timer` forgets its only call when the process is held up for longer than
    the delay while the timer starts: a repeating timer goes on to its next turn instead.
    """

    turned = False

    def turn() -> None:
        nonlocal turned
        timer.stop()
        # A turn that was already on its way when the timer stopped comes all the same.
        if not turned:
            turned = True
            act()

    timer = pump.set_interval(delay_s, turn)
