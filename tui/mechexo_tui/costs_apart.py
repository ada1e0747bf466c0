"""Costs are computed in a process of their own: it can be killed when a source hangs, the
console stays small (Polars takes more memory than all of the console) and no key waits for it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from mechexo.desk import Desk
from mechexo.errors import MechexoError, UnreachableError

if TYPE_CHECKING:
    from mechexo.costs.values import CostReport

LONGEST_S = 120.0

_running: set[subprocess.Popen[bytes]] = set()


def report(desk: Desk) -> CostReport:
    """The costs of today and the last 5 days, by day, symbol and hour.

    Raises:
        UnreachableError: they could not be computed; the text is the reason.
    """
    now = desk.clock.now().isoformat()
    # -P: nothing in the folder it is started in stands in for a module.
    module = [sys.executable, "-P", "-m", "mechexo_tui.costs_apart"]
    argv = [*module, str(desk.config_path), now]
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    _running.add(process)
    try:
        output, complaint = process.communicate(timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        raise UnreachableError(f"the costs were not ready after {LONGEST_S:.0f} s") from None
    finally:
        _running.discard(process)
        process.kill()
        process.wait()
    if process.returncode:
        said = complaint.decode("utf-8", "replace").strip().splitlines()
        raise UnreachableError(said[-1] if said else "the costs could not be computed")
    # Made by the process above, from this very program.
    return cast("CostReport", pickle.loads(output))  # noqa: S301


def stop() -> None:
    """Ends what still computes, so that nobody has to wait for it to leave the console."""
    for process in tuple(_running):
        process.kill()


def _main() -> int:
    from mechexo.clock import VirtualClock
    from mechexo.costs import operations

    config, now = sys.argv[1:]
    try:
        desk = Desk.open(Path(config), clock=VirtualClock(datetime.fromisoformat(now)))
        start, end = operations.default_period(desk)
        found = operations.report(desk, start=start, end=end)
    except MechexoError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.buffer.write(pickle.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(_main())
