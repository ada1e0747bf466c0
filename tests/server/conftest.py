"""Desks with their application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from mechexo.desk import Desk
from support.application import Application


@pytest.fixture
async def application(make_desk: Callable[..., Desk]) -> AsyncIterator[Callable[..., Application]]:
    """Makes the application of a desk with this configuration."""
    made: list[Application] = []

    def make(toml: str = "", **more: str) -> Application:
        made.append(Application(make_desk(toml, **more)))
        return made[-1]

    yield make
    for each in made:
        each.end()
