"""A Python child never looks for modules in the folder it is started in."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_RUNS_A_MODULE = re.compile(r'sys\.executable,\s*(?:#[^\n]*\s*)*("-P",\s*)?"-m"')


def test_every_module_that_is_run_as_a_child_is_run_without_the_current_folder() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): bool(start.group(1))
        for folder in ("src", "tui")
        for path in (ROOT / folder).rglob("*.py")
        for start in _RUNS_A_MODULE.finditer(path.read_text(encoding="utf-8"))
    }
    assert len(found) >= 4
    assert [path for path, safe in found.items() if not safe] == []
