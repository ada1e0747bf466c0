"""Rollbacks measured beside raw git doing the same, in one run.

Run it with `scripts/bench-rollback [REPO]`; without a repository one of 30,000 commits is made.
Nothing here fails for being slow: figures are reported beside their target, not asserted. What is
applied and undone is checked to the byte.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import Table, Times
from bench.rollback_histories import Bench, bench_of, copy, git, make
from mechexo.desk import Desk
from mechexo.rollback import operations as rollback
from mechexo.rollback.git import Repository
from mechexo.rollback.guards import OVERRIDES
from mechexo.rollback.making import Asked
from mechexo.rollback.making import make as make_plan
from mechexo.rollback.resolving import resolve
from mechexo.rollback.values import Plan, RunState
from mechexo.times import iso_z
from rollback.carrying import carry_out

_FLOW = "bench"


class Measured:
    """What is measured, one method each; those of raw git have `raw` in their name."""

    def __init__(self, folder: Path, bench: Bench) -> None:
        self.bench, self.to = bench, datetime.fromtimestamp(bench.epoch_s, UTC)
        self.desk = _desk(folder, bench)
        self.planned: Plan | None = None
        self.raw_root = folder / "raw"
        copy(bench.root, self.raw_root)
        self._words = ("--", *bench.paths)

    def raw_walk(self) -> None:
        git(self.bench.root, "rev-list", "--first-parent", "--timestamp", "HEAD")

    def raw_blobs(self) -> None:
        listed = "".join(f"{oid}\n" for oid in self.bench.oids).encode()
        git(self.bench.root, "cat-file", "--batch", stdin=listed)

    def raw_as_of(self) -> None:
        before = f"--before={self.bench.epoch_s}"
        git(self.bench.root, "rev-list", "-1", "--first-parent", before, "HEAD")

    def raw_diff(self) -> None:
        git(self.bench.root, "diff", self.bench.commit, "HEAD", *self._words)

    def raw_apply(self) -> None:
        source = f"--source={self.bench.commit}"
        git(self.raw_root, "restore", source, "--staged", "--worktree", *self._words)
        git(self.raw_root, "commit", "--quiet", "--message=Roll back")

    def raw_undo(self) -> None:
        git(self.raw_root, "revert", "--no-edit", "HEAD")

    def as_of(self) -> None:
        repository = Repository.open(self.bench.root)
        head = repository.head()
        assert head is not None
        found = resolve(
            repository.chain(head.oid),
            repository.reflog(head.ref),
            self.to,
            now=self.desk.clock.now(),
            shallow=repository.shallow,
        )
        assert found.oid == self.bench.commit

    def made(self) -> None:
        asked = Asked("flow", _FLOW, iso_z(self.to), overrides=OVERRIDES)
        assert len(make_plan(self.desk, asked).plan.changes) == len(self.bench.paths)

    def plan(self) -> Plan:
        return rollback.plan_flow(self.desk, _FLOW, to=self.to, overrides=OVERRIDES)

    def command(self) -> None:
        config = os.fspath(self.desk.config_path)
        words = ("rollback", "plan", "flow", _FLOW, "--to", iso_z(self.to), "--json")
        aside = [word for name in OVERRIDES for word in ("--override", name)]
        _run("-m", "mechexo", "--config", config, *words, *aside)

    def plan_undo(self) -> None:
        assert self.planned is not None
        self.planned = rollback.plan_undo(self.desk, self.planned.id, overrides=OVERRIDES)

    def apply(self) -> None:
        assert self.planned is not None
        run = carry_out(self.desk, self.planned)
        if run.state is not RunState.APPLIED:
            raise RuntimeError(f"rollback {run.id} is {run.state}")

    def files(self) -> list[bytes]:
        return [(self.bench.root / path).read_bytes() for path in self.bench.paths]

    def files_then(self) -> list[bytes]:
        commit = self.bench.commit
        return [git(self.bench.root, "show", f"{commit}:{path}") for path in self.bench.paths]


def measure(measured: Measured, rounds: int, table: Table) -> None:
    """Reading: raw git and ours by turns, so that a busy second hits both."""
    walk, blobs, as_of, plan, command, nothing = (Times() for _ in range(6))
    before, diff, stored = Times(), Times(), Times()
    works: tuple[tuple[Times, Callable[[], object]], ...] = (
        (walk, measured.raw_walk),
        (blobs, measured.raw_blobs),
        (before, measured.raw_as_of),
        (diff, measured.raw_diff),
        (as_of, measured.as_of),
        (plan, measured.made),
        (stored, measured.plan),
        (nothing, lambda: _run("-c", "pass")),
        (command, measured.command),
    )
    for turn in range(rounds + 1):
        for times, work in works:
            # The first turn of each warms the caches and is not counted.
            (times if turn else Times()).take(work)
    two = (walk, blobs)
    table.row("raw: walk along first parents", walk)
    table.row("raw: the files then and now, one cat-file --batch", blobs)
    table.row("raw: rev-list -1 --before", before, "takes a skewed commit for the right one")
    table.row("raw: git diff of the files", diff, f"{_ratio(diff, *two)} walk + cat-file")
    table.row("the commit as of T", as_of, f"{_ratio(as_of, walk)} the walk")
    table.row("a plan", plan, f"{_ratio(plan, *two)} walk + cat-file / 3x, 500 ms")
    table.row("a plan, stored", stored, f"{_ratio(stored, *two)} walk + cat-file / 3x")
    table.row("python -c pass", nothing)
    above_ms = (command.p50_s() - nothing.p50_s()) * 1000
    table.row("rollback plan --json, from the command line", command, f"{above_ms:.0f} ms above it")


def measure_applying(measured: Measured, rounds: int, table: Table) -> None:
    """Writing: apply and undo by turns, each checked to the byte."""
    raw_apply, raw_undo, apply, plan_undo, undo = (Times() for _ in range(5))
    before, then = measured.files(), measured.files_then()
    for turn in range(rounds + 1):

        def take(times: Times, work: Callable[[], object], counts: bool = turn > 0) -> None:
            (times if counts else Times()).take(work)

        take(raw_apply, measured.raw_apply)
        take(raw_undo, measured.raw_undo)
        measured.planned = measured.plan()
        take(apply, measured.apply)
        if measured.files() != then:
            raise RuntimeError("what was applied is not what the commit has")
        take(plan_undo, measured.plan_undo)
        take(undo, measured.apply)
        if measured.files() != before:
            raise RuntimeError("what was undone is not what was there before")
    table.row("raw: restore and commit", raw_apply)
    table.row("raw: revert", raw_undo)
    flushed = "restore and commit, which flush nothing"
    table.row("apply, with its undo's plan", apply, f"{_ratio(apply, raw_apply)} {flushed}")
    table.row("plan an undo", plan_undo)
    table.row("apply the undo", undo, f"{_ratio(undo, raw_undo)} revert")


def _ratio(ours: Times, *raw: Times) -> str:
    """How many times as long as raw git, by the clock and of the processor."""
    wall = ours.p50_s() / sum(each.p50_s() for each in raw)
    cpu = ours.cpu_p50_s() / sum(each.cpu_p50_s() for each in raw)
    return f"{wall:.1f}x, CPU {cpu:.1f}x"


def _desk(folder: Path, bench: Bench) -> Desk:
    config = folder / "mechexo.toml"
    config.write_text(
        '[desk]\nname = "bench"\nmode = "paper"\n\n'
        f"[rollback]\nrepository = {json.dumps(os.fspath(bench.root))}\n"
        f"[rollback.flows.{_FLOW}]\npaths = {json.dumps(list(bench.paths))}\n"
    )
    return Desk.open(config)


def _run(*words: str) -> None:
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)


def _load() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, load {os.getloadavg()[0]:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repository", nargs="?", type=Path, help="cloned; it stays as it is")
    parser.add_argument("--commits", type=int, default=30_000, help="of the one that is made")
    parser.add_argument("--back", type=int, default=3_000, help="along first parents")
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument(
        "--no-graph", action="store_true", help="without git's commit-graph, as after a fetch"
    )
    parser.add_argument("--folder", type=Path, help="on the disk to measure")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mechexo-bench-", dir=chosen.folder) as place:
        folder = Path(place)
        root = folder / "repo"
        if chosen.repository:
            copy(chosen.repository.resolve(), root)
        else:
            make(root, chosen.commits, int(time.time()) - 3600)
        if chosen.no_graph:
            git(root, "config", "core.commitGraph", "false")
        bench = bench_of(root, chosen.back, chosen.files)
        table = Table()
        table.note(
            f"{bench.commits:,} commits, {bench.first_parents:,} along first parents; back "
            f"{bench.back:,}, {len(bench.paths)} files; {_load()}"
        )
        measured = Measured(folder, bench)
        measure(measured, chosen.rounds, table)
        measure_applying(measured, chosen.rounds, table)
        table.note(f"after: {_load()}")


if __name__ == "__main__":
    main()
