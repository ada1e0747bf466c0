"""The ledger of the tick store (`manifest.json`): what each day's file was when `ingest` left it.

For every day the size, the time of the last change and the SHA-256 of its file, and its facts. A
file that has the same size and time is taken for the same without being opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from hashlib import file_digest
from pathlib import Path
from typing import Any

from mechexo.costs.store import SCHEMA, DayFacts, TickStore, stamp
from mechexo.costs.store_cures import damaged
from mechexo.value_classes import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A day's file as `ingest` left it."""

    stamp: list[int]
    """Size in bytes and time of the last change in ns."""
    digest: str | None
    """SHA-256 of the file; None in a ledger of a version that kept none."""
    facts: DayFacts

    def as_record(self) -> dict[str, object]:
        """The entry as JSON knows it."""
        return {"file": self.stamp, "sha256": self.digest, "facts": self.facts.as_record()}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Entry:
        """Reads what `as_record` gave.

        Raises:
            KeyError, TypeError, ValueError: it is no such record.
        """
        facts = DayFacts.from_record(record["facts"])
        return cls([int(n) for n in record["file"]], record.get("sha256"), facts)


def entry_of(path: Path, facts: DayFacts) -> Entry:
    """The entry of a day's file as it is now.

    Raises:
        OSError: it cannot be read.
    """
    return Entry(stamp(path), digest_of(path), facts)


def digest_of(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def ledger_of(store: TickStore) -> dict[date, Entry]:
    """Every day's entry; nothing when there is no ledger.

    Raises:
        UnreachableError: the ledger is damaged.
    """
    listed = store.manifest()
    try:
        return {
            date.fromisoformat(day): Entry.from_record(record) for day, record in listed.items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise damaged(store.folder / "manifest.json", error) from error


def write_ledger(store: TickStore, entries: Mapping[date, Entry]) -> None:
    """Writes the ledger, whole.

    Raises:
        OSError: it cannot be written; what stood there stands there still.
    """
    records = {day.isoformat(): entry.as_record() for day, entry in sorted(entries.items())}
    store.write("manifest.json", {"schema": SCHEMA, "days": records})
