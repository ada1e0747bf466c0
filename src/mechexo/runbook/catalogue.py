"""The entries by their cards, for looking things up among very many without reading them all.

From `INDEXED_FROM` files on, the words of each file are kept in the user's cache folder, by its
path, time and size. That index is a help and no more: missing, damaged or not writable, everything
is read, and the answer is the same.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mechexo import __version__
from mechexo.files import write_whole
from mechexo.runbook.extending import SHIPPED
from mechexo.runbook.folder import Source, list_markdown
from mechexo.runbook.library import (
    over,
    own_folder,
    read_entry,
    read_library,
    shipped_folder,
    shown,
)
from mechexo.runbook.lookup import Card, card_of, search_cards
from mechexo.runbook.values import Entry, Found
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.config.models import Settings

INDEXED_FROM = 100
KEPT_AT_MOST = 8
_READING = (
    *("catalogue.py", "display.py", "extending.py", "front_matter.py", "harmless.py"),
    *("lookup.py", "outline.py", "parse.py", "variables.py"),
)

_Variables = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A card for each entry, and the way to the entry itself."""

    cards: tuple[Card, ...]
    entry: Callable[[str], Entry]
    """The entry of an id that has a card."""

    def search(self, query: str, limit: int | None = None) -> tuple[Found, ...]:
        """The best `limit` entries for some words (`search_cards`), all of them without."""
        hits = search_cards(self.cards, query)[:limit]
        return tuple(Found(self.entry(hit.found.id), hit.score, hit.why) for hit in hits)


@dataclass(frozen=True, slots=True)
class _Row:
    """What is kept of one file."""

    mtime_ns: int
    size: int
    plain: bool
    """Whether it stands for itself: it has no problems and extends nothing."""
    card: Card


def read_catalogue(settings: Settings | None = None, root: Path | None = None) -> Catalogue:
    """The catalogue of a desk's entries; arguments as of `read_library`."""
    if settings is None or not settings.runbook.folder:
        return _of_entries(read_library(settings, root).entries)
    folder = own_folder(settings, root)
    try:
        own = list_markdown(folder)
    except OSError:
        # The library has an entry that says so.
        return _of_entries(read_library(settings, root).entries)
    if len(own) < INDEXED_FROM:
        return _of_entries(read_library(settings, root).entries)
    variables = tuple(sorted(settings.runbook.variables.items()))
    return _indexed(tuple(own), str(folder.absolute()), variables)


def _of_entries(entries: Sequence[Entry]) -> Catalogue:
    by_id = {entry.id: entry for entry in entries}
    return Catalogue(tuple(card_of(entry) for entry in entries), by_id.__getitem__)


@lru_cache(maxsize=1)
def _indexed(own: tuple[Source, ...], folder: str, variables: _Variables) -> Catalogue:
    place = _place(folder, variables)
    kept = _load(place)
    shipped = list_markdown(shipped_folder())
    rows: dict[str, _Row] = {}
    by_id: dict[str, list[tuple[Source, str]]] = {}
    for source, origin in (
        *((each, SHIPPED) for each in shipped),
        *((each, str(each.path)) for each in own),
    ):
        path = str(source.path)
        row = kept.get(path)
        if row is None or (row.mtime_ns, row.size) != (source.mtime_ns, source.size):
            row = _row(source, origin, variables)
        rows[path] = row
        by_id.setdefault(row.card.id, []).append((source, origin))
    if rows != kept:
        _save(place, rows)

    def entry(entry_id: str) -> Entry:
        found: Entry | None = None
        for source, origin in by_id[entry_id]:
            read = read_entry(source, origin)
            found = read if origin == SHIPPED else over(read, found)
        assert found is not None
        return shown(found, variables)

    def card(entry_id: str, files: Sequence[tuple[Source, str]]) -> Card:
        row = rows[str(files[-1][0].path)]
        overrides = len(files) == 1 or (len(files) == 2 and files[0][1] == SHIPPED)
        return row.card if row.plain and overrides else card_of(entry(entry_id))

    return Catalogue(tuple(card(name, files) for name, files in sorted(by_id.items())), entry)


def _row(source: Source, origin: str, variables: _Variables) -> _Row:
    entry = read_entry(source, origin)
    plain = not (entry.problems or entry.extends)
    return _Row(source.mtime_ns, source.size, plain, card_of(shown(entry, variables)))


def _place(folder: str, variables: _Variables) -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    # How entries are read counts too: a checkout changes without a new version.
    files = [Path(__file__).with_name(name).stat() for name in _READING]
    shape = [(each.st_mtime_ns, each.st_size) for each in files]
    key = json.dumps([__version__, shape, folder, variables])
    return base / "mechexo" / f"runbook-{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"


def _load(place: Path) -> dict[str, _Row]:
    """What was kept; nothing when it cannot be read or is not what we wrote."""
    try:
        with place.open("rb") as file:
            if os.fstat(file.fileno()).st_uid != os.getuid():
                return {}
            return dict(_rows(json.load(file)))
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _rows(document: Any) -> Iterable[tuple[str, _Row]]:
    for path, (mtime_ns, size, plain, names, lists) in document.items():
        entry_id, title, in_names, in_symptoms, text = (_text(each) for each in names)
        alerts, symptoms = (tuple(_text(one) for one in each) for each in lists)
        card = Card(entry_id, title, alerts, symptoms, in_names, in_symptoms, text)
        yield path, _Row(int(mtime_ns), int(size), plain is True, card)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _save(place: Path, rows: Mapping[str, _Row]) -> None:
    document = {
        path: [
            *(row.mtime_ns, row.size, row.plain),
            [row.card.id, row.card.title, row.card.names, row.card.symptom_words, row.card.text],
            [row.card.alerts, row.card.symptoms],
        ]
        for path, row in rows.items()
    }
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(place, json.dumps(document, ensure_ascii=False).encode(), mode=0o600)
        kept = sorted(place.parent.glob("runbook-*.json"), key=lambda each: each.stat().st_mtime)
        for old in kept[:-KEPT_AT_MOST]:
            old.unlink(missing_ok=True)
    except (OSError, ValueError):
        # A cache that cannot be written: the next one reads everything again.
        return
