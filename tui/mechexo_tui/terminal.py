"""What concerns the terminal itself: refusing, noticing its loss, its clipboard, crash reports."""

from __future__ import annotations

import asyncio
import base64
import os
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from mechexo import __version__
from mechexo.errors import UsageError

CLIPBOARD_BYTES = 74_994
"""What the most cautious terminals take in one OSC 52 sequence, before base64."""


def require_terminal(environ: Mapping[str, str]) -> None:
    """Refuses what cannot show a screen.

    Raises:
        UsageError: stdin or stderr is no terminal, or TERM is dumb or missing.
    """
    if environ.get("TERM", "dumb") in {"", "dumb"}:
        raise UsageError("TERM=dumb cannot show the console; use: mechexo status")
    if not (
        sys.__stdin__ and sys.__stdin__.isatty() and sys.__stderr__ and sys.__stderr__.isatty()
    ):
        raise UsageError("the console needs a terminal; use: mechexo status")


def end_when_lost(descriptor: int) -> None:
    """Ends this process as soon as the terminal behind `descriptor` is gone.

    Textual does not notice and spins. A blocked poll costs nothing. There is nothing to put back
    on a terminal that is gone, and the state file survives a process that ends at any point.
    """

    def wait() -> None:
        poller = select.poll()
        poller.register(descriptor, 0)
        while True:
            if any(found & (select.POLLHUP | select.POLLERR) for _, found in poller.poll()):
                os._exit(129)

    threading.Thread(target=wait, name="terminal-watch", daemon=True).start()


def leave_on_signals(leave: Callable[[int], object]) -> None:
    """Leaves properly, with the usual exit code, when the system asks this process to end."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, leave, 128 + number)


def end_after(seconds: float, code: int) -> None:
    """Ends this process in `seconds`, unless it has ended by itself before."""
    timer = threading.Timer(seconds, os._exit, (code,))
    timer.daemon = True
    timer.start()


def clipboard_sequence(text: str, environ: Mapping[str, str]) -> str:
    """The control sequence that puts `text` on the terminal's clipboard, through tmux or screen.

    Raises:
        UsageError: the text is longer than terminals take.
    """
    data = text.encode()
    if len(data) > CLIPBOARD_BYTES:
        raise UsageError(f"too long to copy: {len(data):,} bytes of {CLIPBOARD_BYTES:,}")
    sequence = f"\x1b]52;c;{base64.b64encode(data).decode()}\x07"
    if environ.get("TMUX"):
        # As tmux is set, it takes the plain sequence itself or passes a wrapped one through.
        return sequence + "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if environ.get("TERM", "").startswith("screen"):
        return f"\x1bP{sequence}\x1b\\"
    return sequence


def write_crash_report(folder: Path, error: BaseException, at: datetime) -> Path:
    """Writes what went wrong to a file that only its owner can read, and says where.

    The report holds the traceback without the values of variables: these may be secret.
    """
    path = folder / f"console-crash-{at:%Y%m%dT%H%M%SZ}.txt"
    text = "".join(traceback.format_exception(error))
    head = f"mechexo {__version__}, Python {sys.version.split()[0]}, {at.isoformat()}\n\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(head + text)
    return path
