"""A program in a real terminal: tmux runs it, types into it and reads its screen."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence

from support.ending import Ended


class Tmux(Ended):
    """One tmux server with one window of a fixed size, used as a context manager."""

    def __init__(
        self, argv: Sequence[str], columns: int, rows: int, environ: Mapping[str, str]
    ) -> None:
        self._socket = f"mechexo-{uuid.uuid4().hex[:8]}"
        self._argv = argv
        self._size = (columns, rows)
        self._environ = {**os.environ, **environ}

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._socket, "-f", "/dev/null", *words],
            capture_output=True,
            text=True,
            check=True,
            env=self._environ,
        )
        return done.stdout

    def __enter__(self) -> Tmux:
        columns, rows = map(str, self._size)
        # The shell stays, so that what the program leaves behind can be read too.
        command = f"{shlex.join(self._argv)}; echo ended with $?; exec sleep 600"
        self._tmux("new-session", "-d", "-x", columns, "-y", rows, command)
        return self

    def end(self) -> None:
        """Kills the server and what runs in it."""
        subprocess.run(
            ["tmux", "-L", self._socket, "kill-server"], capture_output=True, check=False
        )

    def keys(self, *keys: str) -> None:
        """Types keys by tmux's names: `j`, `Enter`, `Escape`, `Down`."""
        self._tmux("send-keys", *keys)

    def screen(self) -> str:
        """The text on the screen now."""
        return self._tmux("capture-pane", "-p")

    def wait_for(self, *texts: str, timeout_s: float = 20.0) -> str:
        """The screen once all `texts` are on it; fails with the screen when they do not come."""
        deadline = time.monotonic() + timeout_s
        screen = ""
        while time.monotonic() < deadline:
            screen = self.screen()
            if all(text in screen for text in texts):
                return screen
            time.sleep(0.1)
        raise AssertionError(f"never saw {texts} on:\n{screen}")
