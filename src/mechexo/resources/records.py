"""The table of the samples: of bounded size, for each that is added the outlived ones go."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from mechexo.resources.values import Look, ProcessLook
from mechexo.state import State, Transaction
from mechexo.times import from_iso_z, iso_z

MOST_SAMPLES = 360
"""However long the history: no more samples than this are kept, for the console reads all of them
whenever the state file changes. Of a day that is one every four minutes."""


def keep(transaction: Transaction, look: Look, *, since: datetime) -> None:
    """Adds a look and drops what is older than `since`, what a clock that was set back left in the
    future, and what is more than may be kept."""
    text = _text(look)
    transaction.execute(
        "DELETE FROM resource_sample WHERE at < ? OR at > ?", (iso_z(since), iso_z(look.at))
    )
    transaction.execute(
        "INSERT OR REPLACE INTO resource_sample VALUES (?, ?)", (iso_z(look.at), text)
    )
    transaction.execute(
        "DELETE FROM resource_sample WHERE at <= "
        "(SELECT at FROM resource_sample ORDER BY at DESC LIMIT 1 OFFSET ?)",
        (MOST_SAMPLES,),
    )


def looks(state: State, *, since: datetime, until: datetime) -> tuple[Look, ...]:
    """The kept looks of a time, oldest first. One that cannot be read is left out: a gap."""
    rows = state.rows(
        "SELECT at, look FROM resource_sample WHERE at >= ? AND at <= ? ORDER BY at",
        (iso_z(since), iso_z(until)),
    )
    return tuple(look for row in rows if (look := _look(row["at"], row["look"])) is not None)


def newest_at(state: State) -> datetime | None:
    """When the newest kept look was; None when there is none."""
    row = state.row("SELECT max(at) FROM resource_sample")
    return from_iso_z(row[0]) if row is not None and row[0] is not None else None


def earliest_due(newest: datetime, history: timedelta) -> datetime:
    """When the next look is due at the earliest, for the whole history to fit."""
    # A tick never comes to the millisecond.
    return newest + history / MOST_SAMPLES * 0.9


def _text(look: Look) -> str:
    processes = {
        name: {
            "count": each.count,
            "rss_bytes": each.rss_bytes,
            "descriptors": each.descriptors,
            "threads": each.threads,
            "oldest_at_s": each.oldest_at_s,
            "cpu_s": dict(each.cpu_s),
        }
        for name, each in look.processes.items()
    }
    document = {
        "boot": look.boot,
        "gauges": dict(look.gauges),
        "counters": dict(look.counters),
        "processes": processes,
        "problems": dict(look.problems),
    }
    return json.dumps(document, separators=(",", ":"), allow_nan=False)


def _look(at: str, text: str) -> Look | None:
    try:
        document: dict[str, Any] = json.loads(text)
        return Look(
            at=from_iso_z(at),
            boot=str(document["boot"]),
            gauges=_numbers(document["gauges"]),
            counters=_numbers(document["counters"]),
            processes={name: _process(each) for name, each in document["processes"].items()},
            problems={name: str(why) for name, why in document["problems"].items()},
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _process(kept: dict[str, Any]) -> ProcessLook:
    return ProcessLook(**{**kept, "count": int(kept["count"]), "cpu_s": _numbers(kept["cpu_s"])})


def _numbers(kept: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in kept.items()}
