"""A run of `ingest`: what stands in the store, what the run did, and how that is put on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from mechexo.actor import Role
from mechexo.errors import UnreachableError
from mechexo.times import from_iso_z, iso_z
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.costs.ingest_reading import Reader
    from mechexo.costs.store import DayFacts, TickStore
    from mechexo.costs.store_ledger import Entry
    from mechexo.desk import Desk

ACTION = "costs.ingest"


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What a run did to the store."""

    store: Path
    source: str
    zone: str
    written: tuple[DayFacts, ...]
    """Days made (anew), oldest first."""
    unchanged: tuple[date, ...]
    """Days that stand as they were made, as their source does."""
    kept: tuple[date, ...]
    """Days that stand although the source no longer has all or any of their files."""
    removed: tuple[date, ...]
    """Days of another zone that a rebuild took away."""
    mended: Mapping[date, str]
    """Days among `written` whose files were damaged or gone, each with what was wrong."""
    left_out: Mapping[date, str]
    """Days that could not be made, or mended, each with the reason."""
    unreadable: int
    """Rows of the source without a symbol, a readable time or a readable price."""

    @property
    def rows(self) -> int:
        """Rows written."""
        return sum(facts.rows for facts in self.written)


@dataclass(slots=True)
class Run:
    """A run under way."""

    store: TickStore
    reader: Reader
    entries: dict[date, Entry] = field(default_factory=dict)
    """What stands in the store."""
    damaged: dict[date, str] = field(default_factory=dict)
    """What should stand there and does not, each with what is wrong."""
    listed: dict[date, Entry] = field(default_factory=dict)
    """What the ledger says. A damaged day stays in it, so that the next run knows it too."""
    written: list[DayFacts] = field(default_factory=list)
    unchanged: list[date] = field(default_factory=list)
    kept: list[date] = field(default_factory=list)
    removed: list[date] = field(default_factory=list)
    mended: dict[date, str] = field(default_factory=dict)
    left_out: dict[date, str] = field(default_factory=dict)
    unreadable: int = 0

    def wrote(self, facts: DayFacts) -> None:
        """A day's file was written: puts it on the ledger."""
        from mechexo.costs.store_ledger import entry_of

        day = facts.day
        self.entries[day] = entry_of(self.store.path(day), facts)
        if day in self.damaged:
            self.mended[day] = self.damaged.pop(day)
        self.written.append(facts)
        self.write_ledger()

    def lost(self, day: date) -> None:
        """A damaged day that the source has not: told with its cure. One whose file is gone as
        well leaves the ledger, and the audit log has it."""
        from mechexo.costs.store_cures import rebuild_of

        path = self.store.path(day)
        why = f"{self.damaged[day]}, and the source has nothing of that day: put its quotes back "
        if path.exists():
            self.left_out[day] = f"{why}and run {rebuild_of(day)}, or do without it and remove it"
        else:
            self.left_out[day] = f"{why}and run mechexo costs ingest, or do without it"
            del self.damaged[day]

    def write_ledger(self) -> None:
        """Writes the ledger when it says something else now."""
        from mechexo.costs.store_ledger import write_ledger

        broken = {day: entry for day, entry in self.listed.items() if day in self.damaged}
        now = broken | self.entries
        if now != self.listed:
            write_ledger(self.store, now)
            self.listed = now

    def note(self, **facts: object) -> None:
        """Writes down something about the source for the runs to come."""
        from mechexo.costs.store import SCHEMA

        self.store.write("sources.json", {**self.store.sources(), "schema": SCHEMA, **facts})

    def report(self, source: str) -> IngestReport:
        """What the run did, each day's part in order."""
        return IngestReport(
            store=self.store.folder,
            source=source,
            zone=self.reader.zone,
            written=tuple(sorted(self.written, key=lambda facts: facts.day)),
            unchanged=tuple(sorted(self.unchanged)),
            kept=tuple(sorted(self.kept)),
            removed=tuple(sorted(self.removed)),
            mended=dict(sorted(self.mended.items())),
            left_out=dict(sorted(self.left_out.items())),
            unreadable=self.unreadable,
        )


def look_at(run: Run, desk: Desk, *, rebuild: bool, whole: bool) -> str | None:
    """Reads what stands in the store, and notes that a run begins. A whole rebuild takes away what
    it cannot build upon: days of another zone, and days whose symbol table is damaged.

    Returns:
        When a run began that never came to its end; None when each did.

    Raises:
        ConfigError: the store is of another zone.
        UnreachableError: the symbol table or what is known of the source is damaged.
    """
    from mechexo.costs.store import check_zone
    from mechexo.costs.store_checking import Standing, look_over

    store = run.store
    began = _began(store, rebuild=rebuild)
    run.listed = _listed(store)
    try:
        store.symbols()
        found = look_over(store, run.listed, began)
        store.symbols(entry.facts for entry in found.entries.values())
    except UnreachableError:
        if not (rebuild and whole):
            raise
        for left in [*store.day_files().values(), *store.folder.glob("*.json")]:
            left.unlink()
        run.listed, began, found = {}, None, Standing({}, {})
    run.entries, run.damaged = dict(found.entries), dict(found.damaged)
    if not (rebuild and whole):
        check_zone(store, (entry.facts for entry in run.entries.values()), run.reader.zone)
    for day, entry in list(run.entries.items()):
        if entry.facts.zone != run.reader.zone:
            store.path(day).unlink()
            del run.entries[day]
            run.removed.append(day)
    run.note(began=began or iso_z(desk.clock.now()))
    run.write_ledger()
    return began


def audit(run: Run, desk: Desk, report: IngestReport, began: str | None, reason: str) -> None:
    """Puts what a run did into the audit log."""
    cut_off = _of_a_run_cut_off(run, began)
    with desk.operation(ACTION, str(report.store), needs=Role.OPERATOR, reason=reason) as operation:
        operation.unchanged = not (report.written or report.removed or report.left_out or cut_off)
        operation.after = {
            "source": report.source,
            "days": [facts.day.isoformat() for facts in report.written],
            "rows": report.rows,
            "removed": [day.isoformat() for day in report.removed],
        }
        for what, days in (
            ("of a run that was cut off", cut_off),
            ("whose files were damaged or gone", report.mended),
            ("left out", report.left_out),
        ):
            if days:
                operation.details[what] = [day.isoformat() for day in days]


def _began(store: TickStore, *, rebuild: bool) -> str | None:
    """When a run began that never came to its end. A rebuild does without a damaged record."""
    try:
        began = store.sources().get("began")
    except UnreachableError:
        if not rebuild:
            raise
        (store.folder / "sources.json").unlink()
        return None
    return None if began is None else str(began)


def _listed(store: TickStore) -> dict[date, Entry]:
    """The ledger. A damaged one is as good as none: every file is read then."""
    from mechexo.costs.store_ledger import ledger_of

    try:
        return ledger_of(store)
    except UnreachableError:
        (store.folder / "manifest.json").unlink()
        return {}


def _of_a_run_cut_off(run: Run, began: str | None) -> Sequence[date]:
    """The days that a killed run wrote and could not put on record."""
    if began is None:
        return ()
    own = {facts.day for facts in run.written}
    return tuple(
        day
        for day, entry in run.entries.items()
        if day not in own and entry.facts.ingested_at >= from_iso_z(began)
    )
