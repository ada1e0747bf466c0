"""An alert as a row of its table, and back; and what is known of a row that cannot be read."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from datetime import UTC
from operator import attrgetter
from typing import Any

from mechexo.alerts import cells
from mechexo.alerts.damage import Damaged, DamagedRowError
from mechexo.alerts.text import clean
from mechexo.alerts.values import SEVERITIES, Alert, AlertState
from mechexo.times import from_iso_z, iso_z

_COLUMNS = tuple(field.name for field in fields(Alert))
_STATES = {state.value: state for state in AlertState}
_SEVERITY_WORDS = frozenset(SEVERITIES)
_PAGED_WORDS = frozenset({*SEVERITIES, ""})
_NEEDED_MOMENT, _MOMENT = cells.moment, cells.optional(cells.moment)
CHECKS: Mapping[str, cells.Check] = {
    "key": cells.text,
    "severity": cells.one_of(*SEVERITIES),
    "state": cells.one_of(*_STATES),
    "name": cells.text,
    "summary": cells.text,
    "source": cells.text,
    "labels": cells.pairs,
    "runbook": cells.text,
    "count": cells.whole,
    "started_at": _NEEDED_MOMENT,
    "last_seen_at": _NEEDED_MOMENT,
    "acknowledged_by": cells.optional(cells.text),
    "acknowledged_at": _MOMENT,
    "resolved_at": _MOMENT,
    "level": cells.whole,
    "next_level_at": _MOMENT,
    "held_until": _MOMENT,
    "silenced_until": _MOMENT,
    "pages": cells.whole,
    "paged_severity": cells.one_of(*SEVERITIES, ""),
    "escalating_since": _MOMENT,
    "climbs": cells.whole,
    "remind_at": _MOMENT,
    "reminded": cells.whole,
    "flapping_until": _MOMENT,
    "suppressed_by": cells.optional(cells.whole),
    "began_at": _MOMENT,
    "over_seen_at": _MOMENT,
    "flaps": cells.optional(cells.one_of(*SEVERITIES, "")),
    "climbed": cells.text,
}
"""What each cell of a row must be, but for its id, which SQLite itself keeps."""
_MOMENTS = frozenset(name for name, check in CHECKS.items() if check in (_NEEDED_MOMENT, _MOMENT))
_PLACES_OF_MOMENTS = tuple(place for place, name in enumerate(_COLUMNS) if name in _MOMENTS)
_PLACE_OF_LABELS = _COLUMNS.index("labels")
_PLACE_OF_STATE = _COLUMNS.index("state")
_values_of = attrgetter(*_COLUMNS)
_read_labels = json.JSONDecoder().raw_decode
_write_labels = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode

SELECT = f"SELECT {', '.join(_COLUMNS)} FROM alert"  # noqa: S608
UPSERT = (
    f"INSERT INTO alert ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))}) "  # noqa: S608
    "ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name != "id")
)

_WORDS = ("key", "name", "summary", "source", "runbook", "climbed")
TEXTS = f"{' || '.join(_WORDS)} || labels || IFNULL(acknowledged_by, '')"
"""All that somebody else wrote into a row: no text where it is no UTF-8."""
_IN = ", ".join(f"'{severity}'" for severity in SEVERITIES)
_COUNTS = ("count", "level", "pages", "climbs", "reminded", "IFNULL(suppressed_by, 0)")
PLAINLY_SOUND = " AND ".join(
    [
        *(f"typeof({name}) = 'text'" for name in _WORDS),
        "typeof(IFNULL(acknowledged_by, '')) = 'text'",
        f"severity IN ({_IN}) AND paged_severity IN ({_IN}, '')",
        "state IN ('firing', 'acknowledged', 'resolved')",
        f"(flaps IS NULL OR flaps IN ({_IN}, ''))",
        # Behind each colon a text begins. One within a text is no harm: the row is taken apart.
        "typeof(labels) = 'text' AND labels NOT GLOB '*:[^\"]*' AND instr(labels, '\\u') = 0",
        "CASE WHEN json_valid(labels) THEN json_type(labels) = 'object' ELSE 0 END",
        *(
            f"typeof({name}) = 'integer' AND {name} BETWEEN 0 AND {cells.MOST - 1}"
            for name in _COUNTS
        ),
        *(
            plain if CHECKS[name] is _NEEDED_MOMENT else f"({name} IS NULL OR {plain})"
            for name in sorted(_MOMENTS)
            if (plain := cells.plain_moment(name))
        ),
    ]
)
"""The condition under which a row can surely be read; one that does not meet it is taken apart."""

MEND = "close it with: mechexo alerts resolve {}"


def row_of(alert: Alert) -> tuple[Any, ...]:
    """The cells of an alert, in the order of `SELECT`."""

    values: list[Any] = [*_values_of(alert)]
    for place in _PLACES_OF_MOMENTS:
        if values[place] is not None:
            values[place] = iso_z(values[place])
    values[_PLACE_OF_LABELS] = as_json(alert.labels)
    values[_PLACE_OF_STATE] = alert.state.value
    return tuple(values)


def as_json(value: Mapping[str, str]) -> str:
    """Labels or matchers as they are stored."""
    return _write_labels(dict(value))


def alert_of_row(row: sqlite3.Row) -> Alert:
    """A row of `SELECT`.

    Raises:
        DamagedRowError: it cannot be read.
    """
    # By position: a list of thousands of alerts shall be on the screen at once.
    values: list[Any] = [*row]
    try:
        for place in _PLACES_OF_MOMENTS:
            stored = values[place]
            if stored is not None:
                values[place] = found = from_iso_z(stored)
                if found.tzinfo is not UTC or not "1970" <= stored <= "9998":
                    raise _damaged(row)
        values[_PLACE_OF_LABELS] = _read_labels(values[_PLACE_OF_LABELS])[0]
        values[_PLACE_OF_STATE] = _STATES[values[_PLACE_OF_STATE]]
        alert = Alert(*values)
        if _is_sound(alert):
            return alert
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _damaged(row) from error
    raise _damaged(row)


def _is_sound(alert: Alert) -> bool:
    """Whether what was not made of another type has its own; a `TypeError` says no, too."""
    labels, known, cause = alert.labels, alert.acknowledged_by, alert.suppressed_by or 0
    words = (alert.key, alert.name, alert.summary, alert.source, alert.runbook, alert.climbed)
    "".join((*words, known or ""))
    cells.are_writable(labels)
    alert.started_at < alert.last_seen_at  # noqa: B015 - neither may be missing
    numbers = (alert.count, alert.level, alert.pages, alert.climbs, alert.reminded, cause)
    return (
        alert.severity in _SEVERITY_WORDS
        and alert.paged_severity in _PAGED_WORDS
        and (alert.flaps is None or alert.flaps in _PAGED_WORDS)
        and min(numbers) >= 0
        and type(sum(numbers)) is int
        and max(numbers) < cells.MOST
    )


def readable(rows: Iterable[sqlite3.Row]) -> tuple[list[Alert], list[Damaged]]:
    """The alerts in rows of `SELECT`, and what cannot be read: it hides no other."""
    found: list[Alert] = []
    damaged: list[Damaged] = []
    for row in rows:
        try:
            found.append(alert_of_row(row))
        except DamagedRowError as error:
            damaged.append(error.damaged)
    return found, damaged


def _damaged(row: sqlite3.Row) -> DamagedRowError:
    said = cells.problems(row, CHECKS) or "its cells do not fit together"
    key, name = (row[each] if isinstance(row[each], str) else "" for each in ("key", "name"))
    severity = row["severity"] if row["severity"] in _SEVERITY_WORDS else ""
    state = row["state"] if row["state"] in _STATES else ""
    number = int(row["id"])
    damaged = Damaged("alert", number, said, key, severity, state, clean(name), number)
    return DamagedRowError(damaged, MEND.format(number))


def salvaged(row: sqlite3.Row) -> Alert:
    """What can be read of a row of `SELECT`, damaged or not. For the rest stands what makes least
    light of it: it fires, it is critical, it began when anything of it did."""
    moments = [
        found for name in sorted(_MOMENTS) if (found := cells.moment_or_none(row[name])) is not None
    ]
    first = min(moments, default=cells.NO_MOMENT)
    instead: dict[str, Any] = {
        "key": f"damaged alert {row['id']}",
        "severity": "critical",
        "state": AlertState.FIRING,
        "name": f"damaged_alert_{row['id']}",
        "labels": "{}",
        "count": 1,
        "started_at": first,
        "last_seen_at": first,
        "level": 1,
        "pages": 1,
        "climbs": 0,
        "reminded": 0,
    }
    values: dict[str, Any] = {"id": int(row["id"])}
    for name, check in CHECKS.items():
        value = row[name]
        if check(value):
            blank = "" if check in (cells.text, CHECKS["paged_severity"]) else None
            value = instead.get(name, blank)
        values[name] = _read(name, value)
    return Alert(**values)


def _read(name: str, value: Any) -> Any:
    if name in _MOMENTS and isinstance(value, str):
        return from_iso_z(value)
    readers: dict[str, Callable[[Any], Any]] = {"labels": json.loads, "state": AlertState}
    return readers[name](value) if name in readers else value


def raw_cells(row: sqlite3.Row) -> dict[str, object]:
    """The damaged cells of a row as they stand there, for the audit log."""
    return cells.raw(row, CHECKS)
