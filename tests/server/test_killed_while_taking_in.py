"""Killed at any instant: what was acknowledged is there, and the file is whole."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest

from mechexo.alerts import operations as alerts
from mechexo.alerts.values import AlertState
from mechexo.desk import Desk
from support.serving import Server, alert, token

pytestmark = pytest.mark.slow

KILLS = 100
CLIENTS = 4
SEED = 20_260_302


class Senders:
    """Clients that send one new alert after the other, and remember what was acknowledged."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._lock = threading.Lock()
        self._number = 0
        self.acknowledged: dict[str, int] = {}
        self.first = threading.Event()

    def send_until_it_breaks(self, server: Server) -> None:
        with server.client(self._shown) as client, suppress(httpx.HTTPError):
            while True:
                with self._lock:
                    self._number += 1
                    key = str(self._number)
                answer = client.post("/api/v1/alerts", json=alert(key, severity="low"))
                assert answer.status_code == 200, answer.text
                (taken,) = answer.json()["alerts"]
                with self._lock:
                    self.acknowledged[taken["key"]] = taken["id"]
                self.first.set()


def test_every_acknowledged_alert_survives_a_hundred_kills(desk: Desk) -> None:
    senders, chance = Senders(token(desk)), random.Random(SEED)
    with ThreadPoolExecutor(CLIENTS) as pool:
        for _ in range(KILLS):
            senders.first.clear()
            with Server(desk.config_path) as server:
                at_work = [
                    pool.submit(senders.send_until_it_breaks, server) for _ in range(CLIENTS)
                ]
                assert senders.first.wait(60)
                # The instant is what is random here: nothing is waited for.
                time.sleep(chance.uniform(0.0, 0.05))
                server.kill()
            for each in at_work:
                each.result()
    stored = {each.key: each for each in alerts.list_alerts(desk, states=tuple(AlertState))}
    lost = senders.acknowledged.keys() - stored.keys()
    assert lost == set()
    assert len(senders.acknowledged) >= KILLS
    for key, number in senders.acknowledged.items():
        assert stored[key].id == number
        assert stored[key].count == 1
    # What came to be without being acknowledged is what was under way, one request a client.
    unacknowledged = stored.keys() - senders.acknowledged.keys()
    assert len([key for key in unacknowledged if key.startswith("test/")]) <= KILLS * CLIENTS
    for each in stored.values():
        assert alerts.timeline(desk, each.id)[0].kind == "opened"
    with desk.state.explained():
        assert desk.state.reader().execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert desk.verify_audit().problems == ()
