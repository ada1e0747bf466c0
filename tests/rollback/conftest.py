"""A desk whose repository is a real one, made by the test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mechexo.desk import Desk
from rollback.histories import History


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History.begin(tmp_path / "desk" / "repo")


@pytest.fixture
def repo_desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk(
        '[rollback]\nrepository = "repo"\nconfigs = ["config/**", "limits.toml"]\n',
    )
