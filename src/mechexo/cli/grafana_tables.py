"""How Grafana's dashboards and our annotations look in tables and documents."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.cli.render import Linked
from mechexo.grafana.words import annotating_words, dashboards_words, plain_text

if TYPE_CHECKING:
    from mechexo.grafana.values import Annotating, Dashboards, Noted

NOTE_MARKS = {
    "written": "● WRITTEN",
    "waiting": "… WAITING",
    "failing": "✖ FAILING",
    "gone": "– GONE",
    "given up": "✖ GIVEN UP",
}
NOTE_FIELDS = (
    *("subject", "state", "why", "annotation_id", "began_at", "ended_at", "written_at"),
    *("refusals", "next_at", "text", "tags"),
)

Columns = Sequence[str]
Rows = list[list[object]]


def dashboard_rows(found: Dashboards, *, written_out: bool) -> tuple[Columns, Rows]:
    """Dashboards for people; `written_out`: their addresses in a column instead of behind the
    titles."""
    columns = ["title", "folder", "?tags", "uid", *(["address"] if written_out else [])]
    rows: Rows = []
    for each in found.listed:
        title = each.title if written_out else Linked(each.title, each.link)
        row: list[object] = [title, each.folder or None, ", ".join(each.tags) or None, each.uid]
        rows.append([*row, *([each.link or None] if written_out else [])])
    return columns, rows


def dashboard_values(found: Dashboards) -> tuple[Columns, Rows]:
    """Dashboards for other programs."""
    columns = ("uid", "title", "folder", "folder_uid", "tags", "link")
    return columns, [
        [each.uid, each.title, each.folder, each.folder_uid, " ".join(each.tags), each.link]
        for each in found.listed
    ]


def dashboards_body(found: Dashboards, every: timedelta, now: datetime) -> dict[str, object]:
    """Dashboards as a document: the list, whether it is whole, and since when it is so. `every` is
    how often it is renewed."""
    return {
        **{"fresh": found.is_fresh(now, every), "observed_at": found.good_at},
        **{"asked_at": found.asked_at, "error": found.why, "cut": found.cut},
        "breaker": {
            **{"standing": found.standing, "until": found.until},
            "failures": found.failures,
        },
        "dashboards": found.listed,
    }


def remark(found: Dashboards, every: timedelta, now: datetime) -> str:
    """The line below the table: how far it can be believed."""
    mark = "● OK" if found.is_fresh(now, every) else "? UNKNOWN"
    return f"{mark}  {dashboards_words(found, now)}"


def note_rows(found: Annotating, limit: int) -> tuple[Columns, Rows]:
    """Annotations for people."""
    columns = ("what", "state", "began", "ended", "?written", "said", "why")
    rows: Rows = []
    for each in found.notes[:limit]:
        began, ended, text, _ = _wanted(each)
        mark = NOTE_MARKS[each.state]
        # The last part says where more is to be seen, which the first column does here.
        said = text.rpartition(" | ")[0]
        rows.append([each.subject, mark, began, ended, each.written_at, said, each.why or None])
    return columns, rows


def note_values(found: Annotating, limit: int) -> Rows:
    """Annotations for other programs, in the order of `NOTE_FIELDS`."""
    rows: Rows = []
    for each in found.notes[:limit]:
        began, ended, text, tags = _wanted(each)
        rows.append(
            [
                *(each.subject, each.state, each.why, each.annotation_id, began, ended),
                *(each.written_at, each.refusals),
                each.next_at if each.state in ("waiting", "failing") else None,
                *(text, " ".join(tags)),
            ]
        )
    return rows


def annotations_body(found: Annotating, limit: int) -> dict[str, object]:
    """Annotations as a document."""
    return {
        "behind": len(found.behind),
        "asked_at": found.asked_at,
        "error": found.why,
        "breaker": {
            **{"standing": found.standing, "until": found.until},
            "failures": found.failures,
        },
        "annotations": [
            dict(zip(NOTE_FIELDS, row, strict=True)) for row in note_values(found, limit)
        ],
    }


def annotations_remark(found: Annotating, now: datetime) -> str:
    """The line below the table."""
    mark = "✖ FAILING" if found.is_stuck else "… WAITING" if found.behind else "● OK"
    return f"{mark}  {annotating_words(found, now)}"


def _wanted(note: Noted) -> tuple[datetime, datetime | None, str, list[str]]:
    body = json.loads(note.wanted)
    ended = body["timeEnd"]
    return (
        _moment(body["time"]),
        None if ended is None else _moment(ended),
        plain_text(body["text"]),
        body["tags"],
    )


def _moment(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
