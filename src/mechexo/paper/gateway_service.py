"""The gateway's process as its runner sees it: starting, stopping, slowing, how it ended."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import TextIO

from mechexo.clock import Clock
from mechexo.paper import credentials
from mechexo.paper.trading import stamp

HOST = "127.0.0.1"
LOG = "paper.gateway.log"
STOP_WAIT_S = 5.0
LONGEST_LOG_BYTES = 1_000_000


class GatewayService:
    """Starts and stops one gateway at a port. What a service manager does on a live desk."""

    def __init__(self, folder: Path, port: int, clock: Clock) -> None:
        """Starts at once.

        Raises:
            OSError: the port is taken.
        """
        self.folder, self.port = folder, port
        self.delay_s = 0.0
        self.ends_at = clock.now()
        self._clock = clock
        self._process: subprocess.Popen[str] | None = None
        self._since = clock.now()
        self._how = "was never started"
        log = folder / LOG
        if log.exists() and log.stat().st_size > LONGEST_LOG_BYTES:
            log.replace(log.with_suffix(".log.old"))
        self.start()

    @property
    def running(self) -> bool:
        """Whether the process lives. Notes its end when it has just ended."""
        if self._process is None:
            return False
        code = self._process.poll()
        if code is None:
            return True
        ended = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        self._gone(ended, self._clock.now())
        return False

    def start(self) -> None:
        """Starts it unless it runs. It accepts connections from here on.

        Raises:
            OSError: the port is taken.
        """
        if self.running:
            return
        now = self._clock.now()
        # A key that comes later counts from the next start.
        self.ends_at = credentials.ends_at(self.folder)
        # Bound here, so that a taken port is known at once and nobody waits for the process.
        with socket.create_server((HOST, self.port)) as listener, self._log() as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", "mechexo.paper.gateway", str(self.folder)),
                    *("--fd", str(listener.fileno()), "--key-ends", stamp(self.ends_at)),
                ],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                text=True,
                pass_fds=(listener.fileno(),),
                start_new_session=True,
            )
        self.delay_s, self._since = 0.0, now
        self.say(f"started, process {self._process.pid}, port {self.port}")

    def stop(self) -> None:
        """Stops it, softly first."""
        self._end(signal.SIGTERM, "was stopped")

    def kill(self) -> None:
        """Ends it as a crash would."""
        self._end(signal.SIGKILL, "was killed by signal 9")

    def slow_down(self, delay_s: float) -> None:
        """Lets it answer this much later, until it is started anew or told otherwise."""
        if not self.running or self._process is None or self._process.stdin is None:
            return
        try:
            self._process.stdin.write(f"delay {delay_s}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return  # it ended in between, and is slow no more
        self.delay_s = delay_s
        if delay_s:
            self.say(f"slow: answers wait {delay_s} s for the order queue")

    def status(self) -> str:
        """One line: whether it runs, since when, and how it ended."""
        if self.running and self._process is not None:
            return f"gateway: running, process {self._process.pid}, since {stamp(self._since)}"
        return f"gateway: not running, {self._how} at {stamp(self._since)}"

    def say(self, event: str) -> None:
        """One line into the gateway's own log."""
        with self._log() as log:
            log.write(f"{stamp(self._clock.now())} {event}\n")

    def _log(self) -> TextIO:
        return (self.folder / LOG).open("a", encoding="utf-8")

    def _end(self, number: signal.Signals, how: str) -> None:
        if not self.running or self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(STOP_WAIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._gone(how, self._clock.now())

    def _gone(self, how: str, now: datetime) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None
        self._how, self._since, self.delay_s = how, now, 0.0
        self.say(how)
