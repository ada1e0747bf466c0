"""How annotations are written as JSON, found again, and tried again. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from mechexo.grafana.values import Wanted

MOST_REFUSALS = 48
"""An annotation that Grafana refused so often, over about two days, is given up."""
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
_NO_WORD = re.compile(r"[^A-Za-z0-9_-]+")


def wait_after(refusals: int) -> timedelta:
    """How long one that was refused so often is left alone: a minute, doubling, up to an hour."""
    doubled: timedelta = FIRST_WAIT * 2 ** min(max(refusals - 1, 0), 10)
    return min(doubled, LONGEST_WAIT)


def word(text: str, longest: int = 40) -> str:
    """A text as a part of a tag. Grafana takes a tag apart at its colons, and keeps 100 letters of
    either part."""
    return _NO_WORD.sub("-", text).strip("-")[:longest] or "unnamed"


def own_tag(desk_name: str, subject: str) -> str:
    """The tag that one annotation of one desk has and no other, such as
    `mechexo:desk-incident-12`."""
    return f"mechexo:{word(desk_name)}-{word(subject)}"


def as_json(wanted: Wanted) -> str:
    """The annotation as it is compared with what was written; the same for the same."""
    body = {
        "time": milliseconds(wanted.time),
        "timeEnd": None if wanted.time_end is None else milliseconds(wanted.time_end),
        "text": wanted.text,
        "tags": list(wanted.tags),
    }
    return json.dumps(body, ensure_ascii=False, sort_keys=True)


def milliseconds(moment: datetime) -> int:
    """A moment as Grafana counts it: milliseconds since 1970 in UTC."""
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))


def new_body(wanted: str, dashboard_uid: str) -> dict[str, Any]:
    """What makes the annotation: `POST /api/annotations`. One that goes on has no end yet."""
    body: dict[str, Any] = json.loads(wanted)
    if body["timeEnd"] is None:
        del body["timeEnd"]
    return body | ({"dashboardUID": dashboard_uid} if dashboard_uid else {})


def changed_body(wanted: str) -> dict[str, Any]:
    """What changes it: `PATCH /api/annotations/ID`. Grafana leaves alone what is empty or zero, so
    that one which goes on again ends where it began."""
    body: dict[str, Any] = json.loads(wanted)
    return body | {"timeEnd": body["timeEnd"] or body["time"]}


def goes_on(wanted: str) -> bool:
    """Whether the annotation has no end yet."""
    return json.loads(wanted)["timeEnd"] is None


def found_among(listed: Sequence[Mapping[str, Any]], tag: str, wanted: str) -> int | None:
    """The number of the annotation with this tag that begins when ours does; of two the older.

    Not the tag alone: a desk whose state file was made anew counts from one again.
    """
    begins = json.loads(wanted)["time"]
    numbers = [
        each["id"]
        for each in listed
        if isinstance(each.get("id"), int)
        and each.get("time") == begins
        and isinstance(each.get("tags"), list)
        and tag in each["tags"]
    ]
    return min(numbers, default=None)
