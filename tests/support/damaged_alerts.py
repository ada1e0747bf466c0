"""An alert that cannot be read, beside one that can."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from mechexo.alerts import operations as alerts
from mechexo.alerts.values import Observation
from mechexo.desk import Desk


def one_damaged_of_two(desk: Desk) -> Desk:
    """Two critical alerts, of which somebody has edited the first one's labels: 1 `gateway`, which
    cannot be read, and 2 `feed`."""
    said = [
        Observation(name, True, "critical", name, f"{name} is bad", "feed", {})
        for name in ("gateway", "feed")
    ]
    alerts.observe(desk, said)
    with closing(sqlite3.connect(desk.state.path, isolation_level=None)) as file:
        file.execute("UPDATE alert SET labels = '{' WHERE id = 1")
    return desk
