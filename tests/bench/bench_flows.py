"""The overview's refresh over years of flow runs, measured; and what a year costs on disk.

Run it with `scripts/bench-flows`. Nothing here fails for being slow: figures are reported beside
their target, not asserted.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from bench.figures import Table, Times, turns
from bench.flow_years import fill, name_of
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.desk_status import read_status
from mechexo.flows import operations, pruning
from mechexo.state import State
from mechexo_tui.panels import flows as panel
from mechexo_tui.sources import FIRST, STATE, read_parts
from mechexo_tui.widgets.format import Look

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
TARGET_MS = 300


def main() -> None:
    """Prints one table."""
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="bench-flows-") as name:
        desk = _desk(asked, Path(name))
        table = Table()
        seen = operations.summaries(desk)
        look = Look(200, NOW, ZoneInfo("America/New_York"))
        work: dict[str, Callable[[], object]] = {
            "status, as the header and the cards show it": lambda: read_status(desk),
            "summaries of the flows, 7 days": lambda: operations.summaries(desk),
            "the newest 200 runs": lambda: operations.runs(desk, limit=200),
            "the newest 50 runs of one flow": lambda: operations.runs(desk, flow=name_of(0)),
            "what the tick asks of the flows": lambda: operations.settled_standings(desk),
            "lines of the section": lambda: panel.summary_rows(seen, look),
            "what the first frame shows": lambda: _read(desk, FIRST),
            "a refresh: all that the state file changes": lambda: _read(desk, STATE),
        }
        for what, each in work.items():
            each()
            times = turns(asked.rounds, each)
            table.row(what, times, _verdict(times) if what.startswith("a refresh") else "")
        gone: list[int] = []
        pruned = turns(asked.rounds, lambda: gone.append(pruning.prune_due(desk)))
        table.row("pruning in a tick", pruned, f"{max(gone):,} runs at most")


def _read(desk: Desk, names: tuple[str, ...]) -> None:
    for name, part in read_parts(desk, names).items():
        if part.error:
            raise SystemExit(f"{name}: {part.error}")


def _verdict(times: Times) -> str:
    spent_ms = times.cpu_p50_s() * 1000
    return f"{spent_ms:.0f} ms of work of {TARGET_MS}"


def _desk(asked: argparse.Namespace, folder: Path) -> Desk:
    """A desk that names every flow, over a file with all their runs."""
    state: Path = asked.state or folder / "state.sqlite"
    if not state.exists():
        State.open(state).close()
        runs = fill(
            state,
            until=NOW,
            flows=asked.flows,
            days=asked.days,
            a_day=asked.a_day,
            tail=asked.tail,
        )
        print(f"{runs:,} runs with {asked.tail} bytes of output each")
    print(f"state file: {state.stat().st_size / 1e6:,.0f} MB")
    config = folder / "mechexo.toml"
    words = [f'[desk]\nname = "bench"\nzone = "America/New_York"\nstate = "{state.absolute()}"\n']
    words += [
        f'[flows.{name_of(number)}]\nexpect_every = "2h"\nusual = "1m"\n'
        for number in range(asked.flows)
    ]
    config.write_text("".join(words))
    with closing(Desk.open(config).state):
        return Desk.open(config, clock=VirtualClock(NOW))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flows", type=int, default=500)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--a-day", type=int, default=24)
    parser.add_argument("--tail", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--state", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
