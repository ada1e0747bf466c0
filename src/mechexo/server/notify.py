"""Telling systemd that we are ready, still alive, and about to end: datagrams to its socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from mechexo.value_classes import dataclass


@dataclass(frozen=True, slots=True)
class Notifier:
    """What `sd_notify` does. Without `$NOTIFY_SOCKET` it does nothing."""

    address: str = ""
    watchdog_s: float | None = None
    """How often systemd wants to hear of us at least; None when it does not watch."""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Notifier:
        """The one that the service manager's variables ask for."""
        address = environ.get("NOTIFY_SOCKET", "")
        if address[:1] not in ("/", "@"):
            return cls()
        ours = environ.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
        watch = environ.get("WATCHDOG_USEC", "")
        return cls(address, int(watch) / 1e6 if ours and watch.isdigit() and int(watch) else None)

    def ready(self, status: str) -> None:
        """We accept requests."""
        self._send(f"READY=1\nSTATUS={status}")

    def stopping(self) -> None:
        """We are about to end."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """We have done our work once more."""
        if self.watchdog_s is not None:
            self._send("WATCHDOG=1")

    def _send(self, text: str) -> None:
        if not self.address:
            return
        # A leading @ stands for an abstract socket.
        address = f"\0{self.address[1:]}" if self.address[0] == "@" else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.setblocking(False)
            try:
                out.sendto(text.encode(), address)
            except OSError:
                # Whoever should hear it is gone or does not listen; we have work to do.
                return
