"""Over random histories: what is applied is the commit's own tree; undo brings the old bytes."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.rollback import operations as rollback
from rollback.carrying import carry_out, tree_of
from rollback.histories import History, at

pytestmark = pytest.mark.slow

NAMES = ("a", "-b", "c d", "é.yml", os.fsdecode(b"\xff"), "d/e", "d/f/g", "d2", "x\ty")
CONFIG = """
[rollback]
repository = "repo"
[rollback.limits]
age = "3650d"
files = 1000
deletes = 1000
[rollback.flows.all]
paths = ["**"]
"""


@dataclass(frozen=True)
class Edit:
    """One change of the working tree before a commit."""

    kind: str
    name: str
    data: bytes
    other: str


edits = st.builds(
    Edit,
    st.sampled_from(["write", "write", "remove", "mode", "rename", "link"]),
    st.sampled_from(NAMES),
    st.sampled_from([b"", b"one\n", b"two\n\n\n", b"\0\xff binary", b"a\r\nb", b"long\n" * 500]),
    st.sampled_from(NAMES),
)
commits = st.lists(st.tuples(st.lists(edits, max_size=5), st.booleans()), min_size=2, max_size=6)


def make_room(root: Path, name: str) -> Path:
    """The place of a name, with nothing in its way."""
    place = root / name
    for parent in reversed(place.relative_to(root).parents[:-1]):
        above = root / parent
        if above.is_symlink() or above.is_file():
            above.unlink()
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    return place


def carry(root: Path, edit: Edit) -> None:
    place = root / edit.name
    match edit.kind:
        case "write":
            place = make_room(root, edit.name)
            place.unlink(missing_ok=True)
            place.write_bytes(edit.data)
        case "link":
            place = make_room(root, edit.name)
            place.unlink(missing_ok=True)
            place.symlink_to("a")
        case "remove" if place.is_symlink() or place.is_file():
            place.unlink()
        case "mode" if place.is_file() and not place.is_symlink():
            place.chmod(place.stat().st_mode ^ 0o111)
        case "rename" if place.is_symlink() or place.is_file():
            kept = root / "kept aside"
            place.rename(kept)
            kept.rename(make_room(root, edit.other))


def archived(history: History, commit: str) -> dict[str, tuple[bool, bytes]]:
    """A commit's own tree, by `git archive`: whether each file can be executed, and its bytes."""
    done = subprocess.run(
        ["git", "archive", commit], cwd=history.root, capture_output=True, check=True
    )
    found = {}
    with tarfile.open(
        fileobj=io.BytesIO(done.stdout), encoding="utf-8", errors="surrogateescape"
    ) as tar:
        for each in tar:
            if each.issym():
                found[each.name] = (True, os.fsencode(each.linkname))
            elif (file := tar.extractfile(each)) is not None:
                found[each.name] = (bool(each.mode & 0o100), file.read())
    return found


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=commits, chosen=st.integers(0, 5))
def test_the_applied_tree_is_the_commits_own_and_undo_brings_back_every_byte(
    tmp_path_factory: pytest.TempPathFactory,
    clock: VirtualClock,
    steps: list[tuple[list[Edit], bool]],
    chosen: int,
) -> None:
    config = tmp_path_factory.mktemp("random") / "mechexo.toml"
    config.write_text(f'[desk]\nname = "test"\n{CONFIG}')
    desk = Desk.open(config, clock=clock)
    history = History.begin(desk.root / "repo")
    oids = []
    for number, (changes, on_a_side) in enumerate(steps):
        when = at(1) + timedelta(hours=number)
        if on_a_side and oids:
            history.git("switch", "--quiet", "--create", f"side{number}")
        for edit in changes:
            carry(history.root, edit)
        history.commit({"always": f"{number}\n"}, when)
        if on_a_side and oids:
            history.git("switch", "--quiet", "main")
            history.git("merge", "--quiet", "--no-ff", "-m", "m", f"side{number}", when=when)
        oids.append(history.head())
    history.forget_reflog()
    number = chosen % len(oids)
    before = tree_of(history.root)
    plan = rollback.plan_flow(
        desk, "all", to=at(1) + timedelta(hours=number), overrides=["readable"]
    )
    assert plan.commit == oids[number]
    assert plan.held_back == ()
    run = carry_out(desk, plan)
    applied = {
        name: (bool(mode & 0o100), data) for name, (mode, data) in tree_of(history.root).items()
    }
    assert applied == archived(history, oids[number])
    assert history.git("status", "--porcelain") == ""
    if plan.empty:
        return
    undo = rollback.plan_undo(desk, run.id, overrides=["readable"])
    assert undo.held_back == ()
    carry_out(desk, undo)
    assert tree_of(history.root) == before
    assert history.git("status", "--porcelain") == ""
