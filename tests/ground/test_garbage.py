"""When Python looks for garbage: seldom in a command, as usual in what stays."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from mechexo.garbage import collect_as_usual, collect_seldom
from support.program import mechexo

pytestmark = pytest.mark.slow

_SAID_LAST = """
import atexit, gc
atexit.register(lambda: print(gc.get_freeze_count() > 1_000))
"""


def told_by(code: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.split()


def test_a_process_that_soon_ends_looks_seldom_and_not_at_its_end() -> None:
    code = _SAID_LAST + (
        "before = gc.get_threshold()[0]\n"
        "from mechexo.garbage import collect_seldom\n"
        "collect_seldom()\n"
        "print(gc.isenabled() and gc.get_threshold()[0] > 10 * before)\n"
    )
    assert told_by(code) == ["True", "True"]


def test_the_command_line_is_such_a_process() -> None:
    code = _SAID_LAST + (
        "import sys\n"
        "sys.argv = ['mechexo', '--no-such-option']\n"
        "from mechexo.entry import main\n"
        "try:\n    main()\nexcept SystemExit as left:\n    print(left.code)\n"
    )
    assert told_by(code) == ["2", "True"]


def test_a_command_that_ends_has_closed_the_state_file_and_leaves_no_journal_beside_it(
    tmp_path: Path,
) -> None:
    config = tmp_path / "mechexo.toml"
    config.write_text('[desk]\nname = "test"\n')
    raised = ("raise", "--key", "k", "--severity", "low", "--name", "n", "--summary", "s")
    for words in (("alerts", *raised), ("tick",), ("flows", "exec", "job", "--", "true")):
        mechexo(*words, config=config)
        left = sorted(each.name for each in (tmp_path / "state").iterdir())
        assert not [name for name in left if name.endswith(("-wal", "-shm"))], words


def test_one_that_stays_after_all_looks_as_usual() -> None:
    usual = gc.get_threshold()
    try:
        collect_seldom()
        collect_as_usual()
        assert gc.get_threshold() == usual
    finally:
        gc.set_threshold(*usual)


def test_what_is_there_is_left_alone_and_what_comes_after_it_is_not() -> None:
    code = (
        "import gc, weakref\n"
        "from mechexo.garbage import leave_alone_what_is_there\n"
        "class Ring: pass\n"
        "def ring():\n"
        "    one = Ring(); one.own = one\n"
        "    return weakref.ref(one)\n"
        "gone = ring()\n"
        "leave_alone_what_is_there()\n"
        "later = ring()\n"
        "gc.collect()\n"
        "print(gone() is None, later() is None, gc.get_freeze_count() > 1_000, gc.isenabled())\n"
    )
    assert told_by(code) == ["True"] * 4
