"""An engine that makes a pass when it is told to, at the time that it is told.

Run as `python -m support.one_engine CONFIG`: each line of stdin is a moment; when the pass of that
moment is over, a line comes back. Several of them may work on one state file.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import datetime
from pathlib import Path

from mechexo import watch
from mechexo.actor import Actor
from mechexo.alerts.processes import Processes
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import BusyError


def main() -> None:
    clock = VirtualClock(datetime.fromisoformat("2026-01-01T00:00:00Z"))
    desk = Desk.open(Path(sys.argv[1]), clock=clock, actor=Actor(os.getuid(), "tester"))
    processes = Processes()
    for line in sys.stdin:
        clock.advance(datetime.fromisoformat(line.strip()) - clock.now())
        _advance(desk)
        watch.send_due(desk, deadline_s=60.0, processes=processes)
        sys.stdout.write("done\n")
        sys.stdout.flush()
    processes.end()


def _advance(desk: Desk) -> None:
    """As the server does it each second: when another engine is at it, a little later."""
    while True:
        try:
            return watch.advance(desk)
        except BusyError:
            time.sleep(0.002)


if __name__ == "__main__":
    main()
