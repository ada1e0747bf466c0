"""What can be read over HTTP, as the bodies of documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.alerts.values import OPEN, AlertState, Observation
from mechexo.errors import UsageError
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.costs.saved import SavedCost
    from mechexo.desk import Desk
    from mechexo.server.ingest import Taken

MOST_ALERTS = 10_000


@dataclass(frozen=True, slots=True)
class AlertsWanted:
    """Which alerts somebody asked for."""

    states: tuple[AlertState, ...] = OPEN
    limit: int = MOST_ALERTS


def status(desk: Desk) -> tuple[datetime, dict[str, object]]:
    """The moment and the body of `mechexo.status/1`."""
    from mechexo.desk_status import read_status, status_document

    found = read_status(desk)
    return found.at, status_document(found)


def alerts_wanted(query: Mapping[str, str]) -> AlertsWanted:
    """Reads `?all=1&limit=N`.

    Raises:
        UsageError: another word, or a value that cannot be.
    """
    for name in query:
        if name not in ("all", "limit"):
            raise UsageError(f"the parameter {name!r} is not known; known: all, limit")
    if query.get("all", "0") not in ("0", "1"):
        raise UsageError("all: expected 0 or 1")
    limit = query.get("limit", str(MOST_ALERTS))
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:6]) <= MOST_ALERTS):
        raise UsageError(f"limit: expected a whole number from 1 to {MOST_ALERTS}")
    states = tuple(AlertState) if query.get("all") == "1" else OPEN
    return AlertsWanted(states, int(limit))


def alerts(desk: Desk, wanted: AlertsWanted) -> dict[str, object]:
    """The body of `mechexo.alerts/1`, worst first, and what cannot be read."""
    from mechexo.alerts import operations

    found, damaged = operations.list_with_damage(desk, states=wanted.states, limit=wanted.limit)
    return {"alerts": found, "damaged": damaged}


def saved_costs(desk: Desk) -> dict[str, object]:
    """The body of `mechexo.costs/1`, of the newest day that was saved: nothing is computed for it.

    What only a computation gives (the fills' coverage, markouts) is not in it. Everything is None,
    or empty, when nothing was saved yet.
    """
    from mechexo.costs.newest import GROUPINGS, newest_saved

    found = newest_saved(desk)
    if found is None:
        nothing = dict.fromkeys(("from", "to", "currency", "totals", "computed_at"))
        return {**nothing, "by": {name: [] for name in ("day", *GROUPINGS)}}
    total = found.total
    return {
        "from": total.day,
        "to": total.day,
        "zone": total.zone,
        "currency": total.currency,
        "quote_rule": total.quote_rule,
        "totals": _figures(total),
        "by": {
            "day": [_figures(total)],
            **{name: [_figures(each) for each in rows] for name, rows in found.groups.items()},
        },
        "computed_at": total.computed_at,
        "provenance": {
            "parameters_digest": total.parameters,
            "data_digest": total.data,
            "version": total.version,
        },
    }


def _figures(saved: SavedCost) -> dict[str, object]:
    figures = asdict(saved.row)
    key = figures.pop("key")
    if not saved.row.priced:
        figures["notional"] = None
    return {**key, **figures}


def taken(said: Sequence[Observation], found: Sequence[Taken]) -> list[dict[str, object]]:
    """What became of each alert of a request. Our own remarks are left out when nothing came of
    them: that a message was whole is no news."""
    return [
        {
            "key": each.key,
            "id": each.alert_id,
            "state": each.state,
            "severity": each.severity,
            "count": each.count,
        }
        for observation, each in zip(said, found, strict=True)
        if each.alert_id is not None or observation.source != "serve"
    ]
