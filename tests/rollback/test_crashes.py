"""Killed at any instant, the next start brings all old or all new: cases 15, 16, 17 and 44.

The disk stops at each durable change in turn: everything before it is there, nothing after it.
"""

from __future__ import annotations

import errno
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mechexo.clock import Clock
from mechexo.desk import Desk
from mechexo.rollback import operations as rollback
from mechexo.rollback.applying import FailedError
from mechexo.rollback.recovering import pending, recover
from mechexo.rollback.values import RunState
from rollback.carrying import around, carry_out, tree_of
from rollback.failing_files import FailingFiles, Stopped
from rollback.histories import History, at

pytestmark = pytest.mark.slow

CONFIG = """
[rollback]
repository = "repo"
[rollback.limits]
age = "3650d"
[rollback.flows.reweight]
paths = ["flows/**", "shape", "shape/**", "config/weights.yaml"]
"""
PARTS = 4


@dataclass
class Template:
    """A desk to be copied: what it holds before, and after its rollback is applied whole."""

    folder: Path
    clock: Clock
    changes: int = 0

    def copy(self, to: Path) -> tuple[Desk, History]:
        if to.exists():
            shutil.rmtree(to)
        shutil.copytree(self.folder, to, symlinks=True)
        return Desk.open(to / "mechexo.toml", clock=self.clock), History(to / "repo")


@pytest.fixture
def template(make_desk: Callable[..., Desk], history: History) -> Template:
    """A flow with all kinds of changes: bytes, modes, links, a folder where a file was, a new file,
    one that went, one in a folder that is not there any more."""
    desk = make_desk(CONFIG)
    history.commit(
        {
            "flows/reweight.py": "print(1)\n",
            "flows/deep/er/gone.py": "gone = 1\n",
            "config/weights.yaml": "a: 1\n",
            "shape/inner.py": "inner = 1\n",
            "flows/run.sh": "echo 1\n",
            "other": "x\n",
        },
        at(1),
    )
    (history.root / "shape/inner.py").unlink()
    (history.root / "shape").rmdir()
    shutil.rmtree(history.root / "flows/deep")
    history.commit(
        {
            "flows/reweight.py": "print(2)\n",
            "config/weights.yaml": "a: 2\n",
            "shape": "a file\n",
            "flows/new.py": "new = 1\n",
            "other": "y\n",
        },
        at(2),
    )
    (history.root / "flows/run.sh").chmod(0o755)
    (history.root / "flows/link").symlink_to("new.py")
    history.commit({}, at(3))
    return Template(desk.root, desk.clock)


def plan_of(desk: Desk) -> str:
    return rollback.plan_flow(desk, "reweight", to=at(1)).id


def stop_at(desk: Desk, change: int) -> FailingFiles:
    files = FailingFiles(at=change)
    with pytest.raises(Stopped):
        carry_out(desk, rollback.plan_by_id(desk, plan_of(desk)), around(files))
    return files


def nothing_is_left(desk: Desk, history: History) -> None:
    root = history.root
    assert not [each for each in root.rglob("*") if ".mechexo-" in each.name]
    assert not [each for each in (root / ".git").iterdir() if each.name.startswith("index.")]
    assert pending(desk, around()) == ()
    assert history.git("status", "--porcelain") == ""


def whole(desk: Desk, history: History, before: object, after: object) -> str:
    """Asserts that all is old or all is new, and says which."""
    now = tree_of(history.root)
    assert now in (before, after)
    nothing_is_left(desk, history)
    [run] = rollback.runs(desk)
    if now == before:
        assert run.state is RunState.UNDONE
        assert history.git("log", "-1", "--format=%s") == "change"
        return "old"
    assert run.state is RunState.APPLIED
    assert history.head() == run.new_commit
    return "new"


def ends(template: Template, folder: Path) -> tuple[object, object, int]:
    """The tree before, the tree after, and how many durable changes lie between."""
    desk, history = template.copy(folder)
    before, files = tree_of(history.root), FailingFiles()
    carry_out(desk, rollback.plan_by_id(desk, plan_of(desk)), around(files))
    return before, tree_of(history.root), len(files.done)


@pytest.mark.parametrize("part", range(PARTS))
def test_case_15_killed_at_every_durable_step_the_next_start_brings_all_old_or_all_new(
    template: Template, tmp_path: Path, part: int
) -> None:
    before, after, changes = ends(template, tmp_path / "whole")
    seen = set()
    for change in range(part, changes, PARTS):
        desk, history = template.copy(tmp_path / "copy")
        stopped_at = stop_at(desk, change).done[-1]
        recover(desk, around())
        if rollback.runs(desk):
            seen.add(whole(desk, history, before, after))
        else:
            assert tree_of(history.root) == before, stopped_at
            nothing_is_left(desk, history)
        # And the same can be done now.
        plan = rollback.plan_flow(desk, "reweight", to=at(1), overrides=["rate"])
        carry_out(desk, plan)
        assert tree_of(history.root) == after, stopped_at
    assert seen == {"old", "new"}


@pytest.mark.parametrize("fraction", [0.25, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
def test_case_16_killed_again_at_every_step_of_the_recovery(
    template: Template, tmp_path: Path, fraction: float
) -> None:
    before, after, changes = ends(template, tmp_path / "whole")
    desk, _ = template.copy(tmp_path / "copy")
    stop_at(desk, int(changes * fraction))
    # A journal names its repository, so each attempt is made in the same place.
    cut = Template((tmp_path / "copy").rename(tmp_path / "cut"), template.clock)
    for change in range(1000):
        desk, history = cut.copy(tmp_path / "copy")
        try:
            recover(desk, around(FailingFiles(at=change)))
        except Stopped:
            recover(desk, around())
            whole(desk, history, before, after)
            continue
        whole(desk, history, before, after)
        break
    assert change > 0


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EACCES, errno.EIO])
def test_case_17_a_disk_that_refuses_the_nth_change_leaves_all_as_it_was(
    template: Template, tmp_path: Path, error: int
) -> None:
    before, after, changes = ends(template, tmp_path / "whole")
    undone = 0
    for change in range(0, changes, 2):
        desk, history = template.copy(tmp_path / "copy")
        plan = rollback.plan_by_id(desk, plan_of(desk))
        files = FailingFiles(at=change, error=error)
        try:
            carry_out(desk, plan, around(files))
        except FailedError:
            undone += 1
            assert tree_of(history.root) == before, files.done[change]
            nothing_is_left(desk, history)
        except OSError:
            recover(desk, around())
            assert tree_of(history.root) in (before, after), files.done[change]
            nothing_is_left(desk, history)
        else:
            assert tree_of(history.root) == after, files.done[change]
    assert undone > 10


@pytest.fixture
def reading(
    template: Template, tmp_path: Path
) -> Iterator[tuple[Desk, Path, list[str], list[int]]]:
    """A reader that opens a planned file over and over, and notes what it should never see."""
    desk, history = template.copy(tmp_path / "read")
    place, faults, reads = history.root / "flows/reweight.py", list[str](), [0]
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            try:
                text = place.read_text()
            except OSError as error:
                faults.append(str(error))
                continue
            if text not in ("print(1)\n", "print(2)\n"):
                faults.append(text)
            reads[0] += 1

    thread = threading.Thread(target=read)
    thread.start()
    yield desk, place, faults, reads
    over.set()
    thread.join()


def test_case_44_a_reader_never_finds_a_file_missing_or_mixed(
    reading: tuple[Desk, Path, list[str], list[int]],
) -> None:
    desk, place, faults, reads = reading
    rounds = 0
    while reads[0] < 100_000:
        plan = rollback.plan_flow(desk, "reweight", to=at(1), overrides=["rate"])
        run = carry_out(desk, plan)
        assert place.read_text() == "print(1)\n"
        carry_out(desk, rollback.plan_undo(desk, run.id, overrides=["rate"]))
        rounds += 1
    assert faults == []
    assert rounds >= 1
