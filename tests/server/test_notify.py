"""Telling systemd, over a real socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from mechexo.server.notify import Notifier


@pytest.fixture(params=["in a folder", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """What listens where the variable says."""
    name = f"@mechexo-test-{os.getpid()}" if request.param == "abstract" else str(tmp_path / "n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name.replace("@", "\0"))
        listening.settimeout(30)
        yield name, listening


def test_what_is_said_arrives(manager: tuple[str, socket.socket]) -> None:
    name, listening = manager
    notifier = Notifier.of({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "30000000"})
    notifier.ready("accepts requests")
    notifier.alive()
    notifier.stopping()
    heard = [listening.recv(100) for _ in range(3)]
    assert heard == [b"READY=1\nSTATUS=accepts requests", b"WATCHDOG=1", b"STOPPING=1"]


@pytest.mark.parametrize(
    ("more", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "2500000"}, 2.5),
        ({"WATCHDOG_USEC": "2500000", "WATCHDOG_PID": str(os.getpid())}, 2.5),
        ({"WATCHDOG_USEC": "2500000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
    ],
)
def test_the_watchdog_is_told_only_when_it_watches_us(
    more: dict[str, str], seconds: float | None
) -> None:
    assert Notifier.of({"NOTIFY_SOCKET": "/run/n", **more}).watchdog_s == seconds


@pytest.mark.parametrize("variables", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:1:2"}])
def test_without_a_manager_nothing_is_said(variables: dict[str, str]) -> None:
    notifier = Notifier.of(variables)
    assert notifier.address == ""
    notifier.ready("accepts requests")


def test_a_manager_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    Notifier(str(tmp_path / "nobody"), 1.0).alive()
