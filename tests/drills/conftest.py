"""A well paper desk that runs: built once, each drill gets a copy and a runner of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mechexo.clock import SystemClock, VirtualClock
from mechexo.desk import Desk
from mechexo.paper.build import build, free_port, write_config
from mechexo.rollback.flags.operations import track
from support.drilling import DrilledDesk
from support.program import environment


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drills") / "desk"
    build(folder, 7, SystemClock().now())
    # Without the limit that somebody loosened: the drill's fault is the only one.
    author = ["-c", "user.name=drill", "-c", "user.email=drill@localhost"]
    revert = ["git", *author, "revert", "--no-edit", "HEAD"]
    subprocess.run(revert, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def still(pristine: Path, tmp_path: Path) -> DrilledDesk:
    """A desk that nobody runs."""
    folder = tmp_path / "desk"
    shutil.copytree(pristine, folder)
    write_config(folder, free_port())
    return DrilledDesk(folder)


@pytest.fixture
def drilled(still: DrilledDesk) -> Iterator[DrilledDesk]:
    """A desk that runs, with the fault of a drill as its only one."""
    folder, config = still.folder, still.config
    text = re.sub(r'(?m)^every = ".*"$', 'every = "1s"', config.read_text())
    # The drill ticks by itself, and this machine's load is not what it is about.
    text = text.replace('tick = "15s"', 'tick = "1h"')
    text = re.sub(r"(?s)\[probes\.host_(load|memory|disk)\].*?\n\n", "", text)
    config.write_text(text)
    # As `mechexo demo` does, so that the whole past of the flags is known.
    desk = Desk.open(config)
    past = VirtualClock(desk.clock.now() - timedelta(days=30))
    track(replace(desk, clock=past), reason="a new paper desk")
    desk.state.close()
    runner = subprocess.Popen(
        [sys.executable, "-m", "mechexo.paper.run", str(folder), "--calm"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    try:
        assert runner.stdout is not None
        assert [runner.stdout.readline() for _ in range(2)] == ["ready\n", "opened\n"]
        yield still
    finally:
        runner.terminate()
        runner.wait(30)
