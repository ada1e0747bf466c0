"""Paper desks for tests: one is built for the whole run, each test gets a copy of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mechexo.clock import SystemClock
from mechexo.paper.build import build, free_port, write_config

BUILT_AT = datetime(2026, 3, 3, 16, 0, tzinfo=UTC)
"""A Tuesday, 11:00 in New York."""


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pristine") / "desk"
    build(folder, 7, BUILT_AT)
    return folder


@pytest.fixture(scope="session")
def pristine_now(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pristine-now") / "desk"
    build(folder, 7, SystemClock().now())
    return folder


def _copy(of: Path, to: Path) -> Path:
    shutil.copytree(of, to)
    write_config(to, free_port())
    return to


@pytest.fixture
def paper(pristine: Path, tmp_path: Path) -> Path:
    """A paper desk made at a fixed time."""
    return _copy(pristine, tmp_path / "paper")


@pytest.fixture
def paper_now(pristine_now: Path, tmp_path: Path) -> Path:
    """A paper desk made now, for what looks at the machine's clock."""
    return _copy(pristine_now, tmp_path / "paper-now")


@pytest.fixture
def query(paper: Path) -> Callable[[str], list[tuple[object, ...]]]:
    """Asks the fixed desk's trading database."""
    from mechexo.paper.trading import trading

    def ask(sql: str) -> list[tuple[object, ...]]:
        with trading(paper) as connection:
            return connection.execute(sql).fetchall()

    return ask
