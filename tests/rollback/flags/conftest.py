"""A live desk with flags in a real database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mechexo.actor import Actor
from mechexo.desk import Desk
from rollback.flags.places import CONFIG, sqlite_flags

FlagDesk = Callable[..., Desk]


@pytest.fixture
def flags_file(tmp_path: Path) -> Path:
    """The database of the flags."""
    return sqlite_flags(tmp_path / "desk" / "trading.sqlite")


@pytest.fixture
def as_role(make_desk: Callable[..., Desk], flags_file: Path, tmp_path: Path) -> FlagDesk:
    """Makes the live desk for somebody who has a role."""

    def make(role: str = "admin", more: str = "") -> Desk:
        toml = f'[access]\nowner_is_admin = false\nothers = "{role}"\n{CONFIG}{more}'
        return make_desk(toml, mode="live", actor=Actor(12345, f"a-{role}"))

    return make


@pytest.fixture
def flag_desk(as_role: FlagDesk) -> Desk:
    """The desk for its responder, who may lower the risk and nothing else."""
    return as_role("responder")
