"""What a person or a screen can ask of the runbook. None of it touches the state file.

The functions that take a `Library` serve the command line, which must answer without a desk.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mechexo.errors import NotFoundError
from mechexo.runbook.catalogue import read_catalogue
from mechexo.runbook.library import Library, read_library
from mechexo.runbook.lookup import Named, all_for, entries_for, match_entry

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.runbook.values import Entry, Exported, Found

N = TypeVar("N", bound=Named)


def library(desk: Desk) -> Library:
    """The desk's entries, read afresh where a file changed."""
    return read_library(desk.settings, desk.root)


def entries(desk: Desk) -> tuple[Entry, ...]:
    """Every entry, worst severity first; one that cannot be read is there and says so."""
    return library(desk).entries


def entry(desk: Desk, entry_id: str) -> Entry:
    """One entry by its id.

    Raises:
        NotFoundError: there is none; the text lists close ids.
    """
    return find_entry(entries(desk), entry_id)


def search(
    desk: Desk, words: str | Sequence[str], *, limit: int | None = None
) -> tuple[Found, ...]:
    """Entries that fit the words, best first; at most `limit`."""
    query = words if isinstance(words, str) else " ".join(words)
    return read_catalogue(desk.settings, desk.root).search(query, limit)


def match(desk: Desk, alert_name: str, runbook_id: str = "") -> Entry | None:
    """The entry for an alert; None when none surely fits."""
    found = match_entry(entries(desk), alert_name, runbook_id)
    return found.entry if found else None


def unmistakable(desk: Desk, alert_names: Iterable[str]) -> dict[str, str]:
    """The ids of the entries for these alerts, by alert name; a name that none fits, or several
    fit alike, is not in it."""
    known = entries(desk)
    found = {name: entries_for(known, name) for name in alert_names}
    return {name: fits[0].entry.id for name, fits in found.items() if len(fits) == 1}


def export(desk: Desk, out: Path, *, format: str = "md") -> Exported:
    """Writes all entries as one markdown (`md`), one HTML page (`html`), the same
    printed (`pdf`), or a `folder`.

    Raises:
        UsageError: an unknown format, or `out` cannot take it.
        UnreachableError: it cannot be written, or nothing on this host makes PDF.
    """
    from mechexo.runbook.export import export_entries

    return export_entries(entries(desk), out, format)


def find_entry(known: Sequence[N], entry_id: str) -> N:
    """One of the entries, or of their cards, by its id in any case, or by an unmistakable beginning
    of it.

    Raises:
        NotFoundError: none, or several begin so.
    """
    wanted = entry_id.strip().lower().removesuffix(".md")
    by_id = {each.id.lower(): each for each in known}
    if wanted in by_id:
        return by_id[wanted]
    beginning = [each for name, each in by_id.items() if wanted and name.startswith(wanted)]
    if len(beginning) == 1:
        return beginning[0]
    if not beginning and (leading := all_for(known, wanted)):
        at = leading[0].found.id
        raise NotFoundError(
            f"no runbook entry {entry_id!r}; an alert of that name leads to {at}: "
            f"mechexo runbook show {at}"
        )
    import difflib

    close = [each.id for each in beginning] or difflib.get_close_matches(wanted, by_id, 3, 0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(sorted(by_id))}"
    raise NotFoundError(f"no runbook entry {entry_id!r}; {hint}")
