"""Costs are computed in a process of their own: it can be killed when a source hangs, the
console stays small (Polars takes more memory than all of the console) and no key waits for it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import cast

from mechexo.costs.values import CostReport
from mechexo.desk import Desk
from mechexo.errors import MechexoError, UnreachableError

LONGEST_S = 120.0


def report(desk: Desk) -> CostReport:
    """The costs of today and the last 5 days, by day, symbol and hour.

    Raises:
        UnreachableError: they could not be computed; the text is the reason.
    """
    now = desk.clock.now().isoformat()
    argv = [sys.executable, "-m", "mechexo_tui.costs_apart", str(desk.config_path), now]
    try:
        done = subprocess.run(
            argv, capture_output=True, timeout=LONGEST_S, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise UnreachableError(f"the costs were not ready after {LONGEST_S:.0f} s") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise UnreachableError(said[-1] if said else "the costs could not be computed")
    # Made by the process above, from this very program.
    return cast("CostReport", pickle.loads(done.stdout))  # noqa: S301


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
