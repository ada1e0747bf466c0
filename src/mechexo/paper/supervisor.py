"""What the paper desk's tools ask of its runner: services, drills, trades. As a service manager
on a live desk, it is asked from outside and acts in its own process.

A tool leaves `requests/NAME.ask` (one line) and waits for `requests/NAME.answer` (a JSON object
with `ok` and `said`).
"""

from __future__ import annotations

import json
import random
import sqlite3
from datetime import datetime

from mechexo.paper import credentials, drills, faults, trading
from mechexo.paper.faults import Stage
from mechexo.paper.jobs import Jobs
from mechexo.paper.live import REJECT_SHARE

REQUESTS = "requests"
REDUCED_FROM = 0.05
"""A position this far above its target, as a share of capital, is one to reduce."""


class Supervisor:
    """Answers the tools' requests."""

    def __init__(self, stage: Stage, jobs: Jobs) -> None:
        self._stage, self._jobs = stage, jobs
        self._folder = stage.folder / REQUESTS
        self._folder.mkdir(exist_ok=True)
        for left in self._folder.iterdir():
            left.unlink()

    def serve(self, now: datetime) -> tuple[str, ...]:
        """Answers what was asked since the last time. Returns a line on each for the log."""
        said = []
        for path in sorted(self._folder.glob("*.ask")):
            words = path.read_text(encoding="utf-8").split()
            try:
                ok, answer = self.do(words, now)
            except (OSError, sqlite3.Error) as error:
                ok, answer = False, str(error)
            beside = path.with_suffix(".part")
            beside.write_text(json.dumps({"ok": ok, "said": answer}), encoding="utf-8")
            path.unlink()
            beside.replace(path.with_suffix(".answer"))
            said.append(f"{' '.join(words)}: {answer}")
        return tuple(said)

    def do(self, words: list[str], now: datetime) -> tuple[bool, str]:
        """Does one thing. Returns whether it was done, and a line on it.

        Raises:
            OSError, sqlite3.Error: the desk's own files failed it.
        """
        gateway, market = self._stage.gateway, self._stage.market
        match words:
            case ["gateway", "status"]:
                return gateway.running, gateway.status()
            case ["gateway", "stop"]:
                gateway.stop()
            case ["gateway", "start"]:
                self._connect()
            case ["gateway", "restart"]:
                gateway.stop()
                self._connect()
            case ["feed", "restart"]:
                market.feed_is_up = True
                return True, "the recorder of the feed was started anew"
            case ["writers", "stop"]:
                gateway.stop()
                if not self._jobs.pause_flows():
                    return False, "the gateway is stopped, but a flow still runs; ask again"
                return True, "the gateway and the flows are stopped: nothing writes"
            case ["writers", "start"]:
                # As programs do that own a database: a restored one may have another mode.
                trading.keep_log(self._stage.folder)
                self._jobs.resume_flows()
                self._connect()
                return True, f"the flows are on again; {gateway.status()}"
            case ["reduce"]:
                return True, self._reduce(now)
            case ["renew-credential"]:
                credentials.issue(self._stage.folder, random.Random(trading.stamp(now)), now)
                return True, "a new key is in place; the gateway reads it at its next start"
            case ["drill", name] if name in drills.DRILLS:
                return self._drill(name, now)
            case _:
                return False, f"nobody here does: {' '.join(words)}"
        return True, gateway.status()

    def _connect(self) -> None:
        """A gateway that starts opens a new session with its broker."""
        if not self._stage.gateway.running:
            self._stage.gateway.start()
            self._stage.market.reject_share = REJECT_SHARE

    def _reduce(self, now: datetime) -> str:
        market, folder = self._stage.market, self._stage.folder
        mids = trading.marks(folder)
        targets = trading.target_quantities(folder, mids)
        done = []
        for symbol, held in trading.quantities(folder).items():
            above = held - targets.get(symbol, 0)
            if above > 0 and above * mids[symbol] > REDUCED_FROM * trading.CAPITAL:
                market.trade(symbol, "sell", above, now)
                done.append(f"{symbol} by {above} to {held - above}")
        return f"reduced {', '.join(done)}" if done else "no position is far above its target"

    def _drill(self, name: str, now: datetime) -> tuple[bool, str]:
        standing = drills.noted(self._stage.folder)
        if standing:
            return False, f"the drill {standing} is not over; its runbook entry mends it"
        # One that came by chance would heal in the middle, and mix its traces with the drill's.
        faults.heal(self._stage, now)
        drills.begin(self._stage, name, now)
        return True, f"drill: {drills.DRILLS[name].says}"
