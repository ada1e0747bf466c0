"""A desk with a Grafana on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from conftest import MakeDesk
from mechexo.desk import Desk
from support.grafana_server import TOKEN, GrafanaServer, grafana_server


@pytest.fixture
def server() -> Iterator[GrafanaServer]:
    with grafana_server() as each:
        yield each


@pytest.fixture
def make_grafana_desk(
    make_desk: MakeDesk, server: GrafanaServer, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Desk]:
    """Makes such a desk; given are further lines of `[grafana]`, and tables after them."""
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)

    def make(more: str = "") -> Desk:
        return make_desk(
            f'[grafana]\nurl = "{server.url}"\ntoken = "${{env:GRAFANA_TOKEN}}"\n{more}'
        )

    return make


@pytest.fixture
def grafana_desk(make_grafana_desk: Callable[[str], Desk]) -> Desk:
    return make_grafana_desk("")
