"""The paper desk's tables on narrow terminals: all of each is there, and no number is cut."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from mechexo.desk import Desk
from mechexo.jobs import run_job
from mechexo.times import iso_z
from mechexo.watch import tick
from support.program import mechexo, on_terminal

pytestmark = pytest.mark.slow

FIGURE = re.compile(r"-?[\d,]+(\.\d+)?\*?|\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d")
COMMANDS = (
    "costs --by symbol --to {now}",
    "costs trades --limit 5 --to {now}",
    "audit log",
    "alerts list --all",
    "flows list",
    "flows runs",
    # A moment of its own where a title names it.
    "changes --around {now} --window 14d",
)


def figures(text: str) -> Counter[str]:
    return Counter(word for word in text.split() if FIGURE.fullmatch(word))


def test_tables_are_readable_whole_on_80_and_on_60_columns(paper_now: Path) -> None:
    config = paper_now / "mechexo.toml"
    desk = Desk.open(config)
    run_job(desk, "data_pipeline", ["true"])
    run_job(desk, "ml_inference", ["sh", "-c", "echo models/score_model.json is damaged; exit 1"])
    tick(desk)
    desk.state.close()
    for command in COMMANDS:
        words = command.format(now=iso_z(desk.clock.now()))
        piped = mechexo(*words.split(), config=config).stdout
        plain = set(piped.splitlines())
        for width in (80, 60):
            size, quiet = (24, width), {"NO_COLOR": "1", "TERM": "dumb"}
            shown = on_terminal(*words.split(), config=config, size=size, env=quiet)
            lines = shown.replace("\r", "").splitlines()
            wide = [line for line in lines if len(line) > width and line not in plain]
            assert not [line for line in wide if not line.startswith("Co")], words
            assert not figures(piped) - figures(shown), words
