"""What a person does in a drill, with the real program."""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mechexo.alerts.operations import list_alerts
from mechexo.alerts.values import Alert
from mechexo.config import load_settings
from mechexo.desk import Desk
from mechexo.runbook.library import read_library
from mechexo.runbook.values import Step
from support.program import mechexo

PATIENCE_S = 90.0


@dataclass
class DrilledDesk:
    """A running paper desk, and the commands that are used on it."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "mechexo.toml"

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        """One command of mechexo."""
        return mechexo(*words, config=self.config, cwd=self.folder, timeout_s=300)

    def tool(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One command of the desk's own tool."""
        halt = load_settings(self.config).runbook.variables["HALT_COMMAND"]
        command = [*shlex.split(halt)[:-1], *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")

    def open_alerts(self) -> dict[str, Alert]:
        """The alerts that are open now, by name."""
        desk = Desk.open(self.config)
        try:
            return {alert.name: alert for alert in list_alerts(desk)}
        finally:
            desk.state.close()

    def tick_until(self, reached: Callable[[], object], what: str) -> None:
        """Ticks until something is so."""
        until_s = time.monotonic() + PATIENCE_S
        said = ""
        while not reached():
            assert time.monotonic() < until_s, f"{what} did not come: {said}\n{self.state()}"
            said = self.run("tick").stdout
            time.sleep(0.6)

    def state(self) -> str:
        """What to look at when a drill fails."""
        log = (self.folder / "paper.log").read_text().splitlines()[-15:]
        return "\n".join([self.run("status").stdout, *log])

    def steps(self, entry: str) -> tuple[Step, ...]:
        """The entry's steps that can be run, as this desk reads them."""
        library = read_library(load_settings(self.config), self.folder)
        (found,) = [each for each in library.entries if each.id == entry]
        return tuple(step for step in found.steps if step.id)

    def follow(self, entry: str, steps: Sequence[str], incident: int) -> None:
        """Runs steps in order, typing the id of each that wants it typed; each must be well."""
        if not steps:
            return
        typed = [word for step in steps for word in ("--typed", step)]
        done = self.run(
            *("runbook", "step", entry, *steps, "--yes", *typed),
            *("--incident", incident, "--json"),
        )
        assert done.stdout, done.stderr
        runs = self.document(done)["runs"]
        outcomes = {run["step_id"]: run["outcome"] for run in runs}
        last = runs[-1]
        ended = f"{last['step_id']}: {last['outcome']}, {last['why']}\n{last['output']}"
        assert outcomes == dict.fromkeys(steps, "ok"), f"{ended}\n{done.stderr}\n{self.state()}"
        assert done.returncode == 0, done.stderr

    def document(self, done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
        """The JSON document that a command printed."""
        found: dict[str, Any] = json.loads(done.stdout)
        return found
