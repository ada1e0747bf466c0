"""What the rest of the house asks of Grafana.

`standing` reads the state file alone and imports nothing heavy; httpx is imported by what asks.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.errors import NotFoundError, UsageError, close_names
from mechexo.grafana import dashboards
from mechexo.grafana.values import DashboardPanels, Dashboards, Picture
from mechexo.outside import Reading, ask_all, readings

if TYPE_CHECKING:
    from mechexo.config import GrafanaSettings
    from mechexo.desk import Desk
    from mechexo.grafana.api import Api

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
    source = dashboards.DashboardSource(desk.settings.grafana, desk.root).source
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


def named_dashboard(desk: Desk, name: str) -> str:
    """The uid of a dashboard that a person names by its uid or its title.

    Raises:
        NotFoundError: several are called so, or none is that we know.
    """
    known = standing(desk).listed
    if any(each.uid == name for each in known):
        return name
    called = [each for each in known if each.title.casefold() == name.strip().casefold()]
    if len(called) > 1:
        uids = ", ".join(f"{each.uid} (in {each.folder or 'no folder'})" for each in called)
        raise NotFoundError(
            f"{len(called)} dashboards are called {name!r}; name one by uid: {uids}"
        )
    if called:
        return called[0].uid
    # One that is filtered out of the list, or new, can be named by its uid.
    if dashboards.is_uid(name):
        return name
    titles = [each.title for each in known]
    hint = close_names(name, titles) if titles else "see: mechexo grafana dashboards --refresh"
    raise NotFoundError(f"no dashboard is called {name!r}; {hint}")


def panels(desk: Desk, uid: str) -> DashboardPanels:
    """Asks for the panels of a dashboard.

    Raises:
        MechexoError: there is no good answer; the text says why.
    """
    from mechexo.grafana import rendering

    return rendering.panels(_api(desk, desk.settings.grafana.timeout.total_seconds()), uid)


def named_panel(desk: Desk, uid: str, name: str) -> int:
    """The number of a panel that a person names by its number or its title.

    Raises:
        NotFoundError: there is none, or there are several.
        MechexoError: the dashboard could not be read.
    """
    if name.isascii() and name.isdigit():
        return int(name[:9])
    found = panels(desk, uid)
    called = [each for each in found.panels if each.title.casefold() == name.strip().casefold()]
    if len(called) == 1:
        return called[0].id
    if called:
        numbers = ", ".join(str(each.id) for each in called)
        raise NotFoundError(
            f"{len(called)} panels are called {name!r}; name one by number: {numbers}"
        )
    known = [f"{each.title} ({each.id})" for each in found.panels]
    hint = close_names(name, known) if known else "it has none"
    raise NotFoundError(f"{found.title} has no panel {name!r}; {hint}")


def picture(
    desk: Desk,
    uid: str,
    panel_id: int,
    *,
    start: datetime,
    end: datetime,
    width: int = 1000,
    height: int = 500,
) -> Picture:
    """Has Grafana's renderer draw a panel, `width` by `height` pixels, from `start` to `end`.

    Raises:
        MechexoError: there is no picture; the text says why.
    """
    from mechexo.grafana import rendering

    api = _api(desk, desk.settings.grafana.render_timeout.total_seconds())
    light = desk.settings.console.theme.endswith("light")
    frame = rendering.Frame(width, height, start, end, desk.settings.desk.zone, light)
    return rendering.draw(api, uid, panel_id, frame)


def _api(desk: Desk, within_s: float) -> Api:
    from mechexo.grafana.api import Api

    return Api.of(require(desk), desk.root, desk.clock.now(), within_s)


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
