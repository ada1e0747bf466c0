"""How what changed looks for people and in JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mechexo.rollback.diffing import shown_path
from mechexo.times import in_zone

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.rollback.happenings import Happening
    from mechexo.rollback.ranking import Suspect
    from mechexo.what_changed import WhatChanged

COLUMNS = (">suspect", "when", "kind", "what", "?who", "?files")
SUSPECTS_SHOWN = 3
SUSPECTS_IN_JSON = 20
FILES_SHOWN = 3
UNKNOWN = "? UNKNOWN"


def body(found: WhatChanged, limit: int) -> dict[str, object]:
    """The parts of the JSON document beside the commits: the number of the `alert`, `rows` with the
    sources that could not be read first, and `suspects`."""
    unread = [
        {
            **{"at": None, "kind": "unknown" if gap.unknown else "note", "what": gap.reason},
            **{"source": gap.source, "rank": None},
        }
        for gap in found.gaps
    ]
    rows = [
        {
            **_as_table(row.happening),
            "rank": row.suspect.rank if row.suspect else None,
            "score": row.suspect.score if row.suspect else None,
            "reasons": row.suspect.reasons if row.suspect else [],
        }
        for row in found.rows[:limit]
    ]
    suspects = [
        {
            **_as_table(each.happening),
            **{"rank": each.rank, "score": each.score, "reasons": each.reasons},
        }
        for each in found.suspects[:SUSPECTS_IN_JSON]
    ]
    alert = found.alert.id if found.alert else None
    return {"alert": alert, "rows": [*unread, *rows], "suspects": suspects}


def rows(found: WhatChanged, limit: int) -> Iterator[tuple[object, ...]]:
    """The time line as cells; the alert's own start stands where it belongs."""
    own = f"alert:{found.alert.id}" if found.alert else ""
    for row in found.rows[:limit]:
        each = row.happening
        yield (
            *(row.suspect.rank if row.suspect else None, each.at),
            "THIS ALERT" if each.key == own else each.kind.word,
            *(each.what, each.who or None, _files(each) or None),
        )


def _files(each: Happening) -> str:
    more = len(each.paths) - FILES_SHOWN
    shown = ", ".join(map(shown_path, each.paths[:FILES_SHOWN]))
    return f"{shown} (+{more})" if more > 0 else shown


def suspect_lines(desk: Desk, found: WhatChanged, width: int) -> Iterator[str]:
    """The likeliest suspects, each with its reasons row by row and the command that plans its
    rollback."""
    if not found.suspects:
        yield "Suspects: none"
        yield ""
        return
    shown = found.suspects[:SUSPECTS_SHOWN]
    first = found.first
    if first is not None and first not in shown:
        shown = (*shown, first)
    yield f"Suspects, likeliest first ({len(shown)} of {len(found.suspects)})"
    for each in shown:
        yield ""
        yield from _suspect(desk, each, width)
    yield ""


def _suspect(desk: Desk, each: Suspect, width: int) -> Iterator[str]:
    what = each.happening
    head = f"{in_zone(what.at, desk.zone, named=False)} {what.kind.word}: {what.what}"
    who = f" ({what.who})" if what.who else ""
    yield from _wrapped(f"{each.rank:>3}  ", f"{head}{who}", width)
    for reason in each.reasons:
        yield from _wrapped(f"     {reason.points:>4}  ", reason.why, width)
    yield from _wrapped(f"     {each.score:>4}  ", "points in all", width)
    if what.remedy is not None and what.remedy.command:
        yield f"     {what.remedy.command}"
        if what.partly:
            yield from _wrapped("     ", what.partly, width)
    elif what.no_remedy:
        yield from _wrapped("     ", f"no rollback: {what.no_remedy}", width)


def gap_lines(found: WhatChanged) -> Iterator[str]:
    """What could not be read, or is not listed."""
    for gap in found.gaps:
        sign = UNKNOWN if gap.unknown else "  note"
        yield f"{sign} {gap.source}: {gap.reason}"


def _wrapped(begin: str, text: str, width: int) -> Iterator[str]:
    parts = textwrap.wrap(text, max(20, width - len(begin)), break_on_hyphens=False) or [""]
    yield begin + parts[0]
    for part in parts[1:]:
        yield " " * len(begin) + part


def _as_table(each: Happening) -> dict[str, object]:
    return {
        **{"at": each.at, "kind": each.kind, "what": each.what, "who": each.who or None},
        **{"paths": list(map(shown_path, each.paths)), "flows": each.flows, "flags": each.flags},
        **{"commit": each.commit or None, "files": each.size},
        "command": each.remedy.command if each.remedy else None,
        "no_rollback": each.no_remedy or None,
        "covers": each.remedy.covers if each.remedy else None,
    }
