"""Desks for tests: real folders, real configuration files, real state files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings

from mechexo.actor import Actor
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from support.fake_prefect import FakePrefect, fake_prefect
from support.small_disk import mounted

# A busy machine makes no rule wrong: no example has to end in a certain time.
settings.register_profile("whole", deadline=None)
settings.register_profile("inner-loop", settings.get_profile("whole"), max_examples=20)
settings.load_profile("whole")

START = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
"""A Monday, inside the New York session, with no change of clocks near."""

ME = Actor(os.getuid(), "tester")


@pytest.fixture(autouse=True)
def away_from_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test finds, or writes into, the configuration of whoever runs it."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in (
        *("MECHEXO_CONFIG", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"),
        *("SSH_CONNECTION", "SUDO_USER", "NO_COLOR"),
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


MakeDesk = Callable[..., Desk]


@pytest.fixture
def make_desk(tmp_path: Path, clock: VirtualClock) -> MakeDesk:
    """Makes a desk in the test's folder from the text of its mechexo.toml (less `[desk]`)."""

    def make(toml: str = "", *, mode: str = "paper", zone: str = "UTC", actor: Actor = ME) -> Desk:
        config = tmp_path / "desk" / "mechexo.toml"
        config.parent.mkdir(exist_ok=True)
        config.write_text(f'[desk]\nname = "test"\nmode = "{mode}"\nzone = "{zone}"\n\n{toml}')
        return Desk.open(config, clock=clock, actor=actor)

    return make


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    return make_desk()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system with room for 1 MB."""
    with mounted(tmp_path / "small") as disk:
        yield disk


@pytest.fixture
def prefect() -> Iterator[FakePrefect]:
    """A server that behaves like Prefect's, seeded with real answers of one."""
    with fake_prefect() as fake:
        yield fake
