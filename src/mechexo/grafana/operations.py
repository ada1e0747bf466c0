"""What the rest of the house asks of Grafana.

`standing` reads the state file alone and imports nothing heavy; httpx is imported by what asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo.errors import UsageError
from mechexo.grafana import dashboards
from mechexo.grafana.values import Dashboards
from mechexo.outside import Reading, ask_all, readings

if TYPE_CHECKING:
    from mechexo.config import GrafanaSettings
    from mechexo.desk import Desk

PREFIX = "grafana-dashboards:"


def require(desk: Desk) -> GrafanaSettings:
    """The table of this desk's Grafana.

    Raises:
        UsageError: it has none.
    """
    if not desk.settings.grafana.url:
        raise UsageError(
            f"this desk has no Grafana: write a table [grafana] with its url into "
            f"{desk.config_path}"
        )
    return desk.settings.grafana


def look(desk: Desk, *, deadline_s: float, force: bool = False) -> Dashboards:
    """Lists the dashboards when that is due and allowed, and returns what is known of them.

    Ends within about `deadline_s` seconds, whatever hangs. `force`: also when not due, or left
    alone for its failures; a rate limit is obeyed all the same.

    Raises:
        BusyError, StateError: what it said could not be kept.
    """
    source = dashboards.DashboardSource(desk.settings.grafana, desk.root)
    found = ask_all(
        desk.state,
        desk.clock,
        [source],
        prefix=PREFIX,
        deadline_s=deadline_s,
        tick=desk.settings.refresh.tick,
        force=force,
    )
    return _standing(desk.settings.grafana, found[source.name])


def standing(desk: Desk) -> Dashboards:
    """What is known of the dashboards. Asks nobody."""
    settings = desk.settings.grafana
    named = [(dashboards.NAME, dashboards.budget_of(settings))]
    found = readings(desk.state, desk.clock, named, prefix=PREFIX)
    return _standing(settings, found[dashboards.NAME])


def _standing(settings: GrafanaSettings, reading: Reading) -> Dashboards:
    known = dashboards.from_text(settings, reading.value)
    listed, cut = known or ([], False)
    return Dashboards(
        listed=tuple(listed),
        cut=cut,
        # What was kept for another configuration says nothing of this one.
        good_at=reading.good_at if known else None,
        asked_at=reading.asked_at,
        why=reading.why,
        standing=reading.standing,
        until=reading.until,
        failures=reading.failures,
    )
