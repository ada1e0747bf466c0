"""Keeping the terminal as it was while something else runs."""

from __future__ import annotations

import contextlib
import signal
import termios
from collections.abc import Iterator
from typing import Any

_STREAMS = (0, 1, 2)


@contextlib.contextmanager
def kept_modes() -> Iterator[None]:
    """Afterwards the terminal, if there is one, has the modes that it had: a command without a
    terminal of its own can still open ours by its name. Not for a program that sets modes itself
    meanwhile."""
    before = {descriptor: modes for descriptor in _STREAMS if (modes := _modes(descriptor))}
    # From the background, setting modes would stop us.
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        yield
    finally:
        for descriptor, modes in before.items():
            if _modes(descriptor) not in (None, modes):
                with contextlib.suppress(termios.error, OSError):
                    termios.tcsetattr(descriptor, termios.TCSANOW, modes)
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)


def _modes(descriptor: int) -> list[Any] | None:
    try:
        return termios.tcgetattr(descriptor)
    except (termios.error, OSError):
        return None
