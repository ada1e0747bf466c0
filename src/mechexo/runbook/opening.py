"""Opening one entry by its id without reading the others: at night, when all else is slow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mechexo.runbook.extending import SHIPPED
from mechexo.runbook.folder import Source, list_markdown
from mechexo.runbook.front_matter import LARGEST_CHARACTERS
from mechexo.runbook.library import over, own_folder, read_entry, shipped_folder, shown

if TYPE_CHECKING:
    from mechexo.config.models import Settings
    from mechexo.runbook.values import Entry


def open_directly(settings: Settings | None, root: Path | None, entry_id: str) -> Entry | None:
    """The entry with exactly this id, as the library would have it; None when there is none, or
    when the whole library must say.

    Only files are read as entries that are called like the id or hold it.
    """
    wanted = entry_id.strip()
    if not wanted:
        return None
    try:
        files = [(each, SHIPPED) for each in list_markdown(shipped_folder())]
        if settings is not None and settings.runbook.folder:
            own = list_markdown(own_folder(settings, root))
            files += [(each, str(each.path)) for each in own]
    except OSError:
        return None
    found: Entry | None = None
    for source, origin in files:
        if _may_be(source, wanted):
            entry = read_entry(source, origin)
            if entry.id == wanted:
                found = entry if origin == SHIPPED else over(entry, found)
    if found is None:
        return None
    variables = settings.runbook.variables if settings is not None else {}
    return shown(found, tuple(sorted(variables.items())))


def _may_be(source: Source, wanted: str) -> bool:
    if source.path.stem == wanted or source.refused:
        return True
    try:
        descriptor = os.open(source.path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            head = os.read(descriptor, 4 * LARGEST_CHARACTERS).partition(b"\n---")[0]
        finally:
            os.close(descriptor)
    except OSError:
        return True
    # An escape of YAML could hide it.
    return wanted.encode() in head or b"\\" in head
