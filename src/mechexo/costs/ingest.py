"""`mechexo costs ingest`: filling the tick store from the source of quotes.

Day by day, each whole or not at all: a run that is killed has lost the day that it was at. The
next one goes on there, as a day whose source did not change since is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from mechexo.actor import Role
from mechexo.costs.operations import exchange_zone
from mechexo.errors import UnreachableError, UsageError
from mechexo.times import from_iso_z, iso_z

if TYPE_CHECKING:
    from mechexo.costs.ingest_reading import Reader, SourceFile
    from mechexo.costs.store import DayFacts, TickStore
    from mechexo.desk import Desk

ACTION = "costs.ingest"
DAYS_AT_ONCE = 24
"""How many days are sorted out in one pass over the source: each has a buffer of some megabytes."""

Told = Callable[[str], None]
"""Is told how far the run is, for whoever watches."""


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
    left_out: Mapping[date, str]
    """Days that could not be made, each with the reason."""
    unreadable: int
    """Rows of the source without a symbol or a readable time."""

    @property
    def rows(self) -> int:
        """Rows written."""
        return sum(facts.rows for facts in self.written)


@dataclass(slots=True)
class _Run:
    """A run under way."""

    store: TickStore
    reader: Reader
    days: dict[date, DayFacts] = field(default_factory=dict)
    """What stands in the store."""
    written: list[DayFacts] = field(default_factory=list)
    unchanged: list[date] = field(default_factory=list)
    kept: list[date] = field(default_factory=list)
    removed: list[date] = field(default_factory=list)
    left_out: dict[date, str] = field(default_factory=dict)
    unreadable: int = 0


def ingest(
    desk: Desk,
    *,
    source: str | None = None,
    first: date | None = None,
    last: date | None = None,
    rebuild: bool = False,
    reason: str = "",
    told: Told = lambda _line: None,
) -> IngestReport:
    """Brings the tick store up to the source of quotes.

    Args:
        desk: whose store.
        source: a glob or an address as in `[costs] quotes`; without it that setting, or, when that
            is `store`, the source of the run before.
        first: the first exchange day to look at; None: whatever the source has.
        last: the last one, included.
        rebuild: make also those days anew whose source did not change.
        reason: for the audit log; needed on a live desk.
        told: is told how far the run is.

    Raises:
        NotAllowedError: the role is below operator.
        UsageError: the source is not known, or it is no files and the days are not named.
        ConfigError: the source does not fit its mapping; the store is of another zone.
        UnreachableError: the source cannot be read, or the store cannot be written.
        BusyError: another run fills the store.
    """
    from mechexo.costs.ingest_reading import Reader
    from mechexo.costs.sources.kinds import open_source
    from mechexo.costs.store import TickStore
    from mechexo.costs.store_writing import held, tidy, writing

    settings = desk.settings.costs
    store = TickStore(desk.path(settings.store))
    desk.require(ACTION, str(store.folder), Role.OPERATOR)
    if desk.is_live and not reason.strip():
        raise UsageError(f"{ACTION} on a live desk needs a reason: add --reason TEXT")
    if first is not None and last is not None and first > last:
        raise UsageError(f"the days from {first} to {last} are none: the last is before the first")
    with writing(store.folder), held(store.folder):
        address = _address(source or settings.quotes, store)
        zone = exchange_zone(desk).key
        reader = Reader(
            open_source(address, "quotes", desk.root),
            settings.quote_columns,
            settings.naive_zone,
            zone,
        )
        tidy(store)
        run = _Run(store, reader)
        wanted = (first or date.min, last or date.max)
        _look_at(run, whole_rebuild=rebuild and wanted == (date.min, date.max))
        began = _begun(run, desk)
        try:
            _fill(run, desk, wanted, rebuild, told)
        finally:
            report = _report(run, address, zone)
            _audit(desk, report, _of_a_run_cut_off(run, began), reason)
            _note(store, address=address, began=None)
    return report


def check(desk: Desk) -> tuple[str, ...]:
    """What is wrong with the store, a line each; nothing when it is whole. Reads every row."""
    from mechexo.costs.store import TickStore
    from mechexo.costs.store_checking import faults_of

    return faults_of(TickStore(desk.path(desk.settings.costs.store)))


def _fill(run: _Run, desk: Desk, wanted: tuple[date, date], rebuild: bool, told: Told) -> None:
    if run.reader.holds_only_files():
        _from_files(run, desk, wanted, rebuild, told)
    else:
        _from_elsewhere(run, desk, wanted, rebuild, told)


def _from_files(
    run: _Run, desk: Desk, wanted: tuple[date, date], rebuild: bool, told: Told
) -> None:
    """From files, which can be told from changed ones: only what changed is read."""
    from mechexo.costs.ingest_reading import SourceFile

    recorded = run.store.sources()
    same_reading = recorded.get("reading") == run.reader.mark
    known = {
        entry["where"]: SourceFile.from_record(entry)
        for entry in recorded.get("files", ())
        if same_reading
    }
    present = run.reader.survey(known, lambda where: told(f"looking at {Path(where).name}"))
    gone = [each for where, each in known.items() if where not in {f.where for f in present}]
    run.unreadable = sum(each.unreadable for each in present)
    _note_files(run, [*present, *gone])
    todo: dict[date, str] = {}
    for day in sorted({date.fromisoformat(day) for each in present for day in each.days}):
        if not wanted[0] <= day <= wanted[1]:
            continue
        mark = _mark(run.reader, present, day)
        there = run.days.get(day)
        if there is None or rebuild:
            todo[day] = mark
        elif there.source == mark:
            run.unchanged.append(day)
        elif there.source == _mark(run.reader, [*present, *gone], day):
            run.kept.append(day)
        else:
            todo[day] = mark
    held = {day for each in present for day in each.days}
    run.kept += [
        day for day in run.days if wanted[0] <= day <= wanted[1] and day.isoformat() not in held
    ]
    days = sorted(todo)
    for place in range(0, len(days), DAYS_AT_ONCE):
        _round(run, desk, days[place : place + DAYS_AT_ONCE], present, todo, told)
    needed = {day.isoformat() for day in run.kept}
    _note_files(run, [*present, *(each for each in gone if needed & each.days.keys())])


def _round(
    run: _Run,
    desk: Desk,
    days: Sequence[date],
    present: Sequence[SourceFile],
    marks: Mapping[date, str],
    told: Told,
) -> None:
    """Makes a few days in one pass over the files that hold them."""
    from mechexo.costs.ingest_reading import fingerprint, spilled
    from mechexo.costs.sources.protocol import Window
    from mechexo.costs.store import day_bounds
    from mechexo.costs.store_writing import work_folder

    names = {day.isoformat() for day in days}
    holding = [each for each in present if names & each.days.keys()]
    holders = {each.where for each in holding}
    zone = run.reader.zone
    window = Window(day_bounds(days[0], zone)[0], day_bounds(days[-1], zone)[1])
    told(f"reading {len(holding)} files for {days[0]} to {days[-1]}")
    with work_folder(run.store) as work:
        spill = spilled(run.reader, window, days, work / "runs", holders.__contains__)
        for each in holding:
            if list(fingerprint(Path(each.where))) != each.mark[1:]:
                for name in names & each.days.keys():
                    run.left_out[date.fromisoformat(name)] = f"{each.where} changed meanwhile"
        for number, day in enumerate(days, 1):
            if day not in run.left_out:
                told(f"{day}, day {number} of {len(days)}")
                _build(run, desk, day, spill.days[day], work, marks[day])


def _from_elsewhere(
    run: _Run, desk: Desk, wanted: tuple[date, date], rebuild: bool, told: Told
) -> None:
    """From a database or an object store: each day is read, and written when it differs."""
    from mechexo.costs.ingest_reading import spilled
    from mechexo.costs.sources.protocol import Window
    from mechexo.costs.store import day_bounds
    from mechexo.costs.store_writing import work_folder

    day, last = wanted
    if day == date.min or last == date.max:
        raise UsageError("the source is no files on this machine: say which days, --from and --to")
    while day <= last:
        told(f"{day}")
        with work_folder(run.store) as work:
            window = Window(*day_bounds(day, run.reader.zone))
            spill = spilled(run.reader, window, [day], work / "runs")
            run.unreadable += spill.without_symbol
            if day == wanted[0]:
                run.unreadable += spill.without_time
            if spill.days[day]:
                _build(run, desk, day, spill.days[day], work, None, rebuild)
            elif day in run.days:
                run.kept.append(day)
        day += timedelta(days=1)


def _build(
    run: _Run,
    desk: Desk,
    day: date,
    runs: Sequence[Path],
    work: Path,
    source: str | None,
    rebuild: bool = True,
) -> None:
    from mechexo.costs.ingest_building import build_day

    facts = build_day(
        run.store,
        day,
        runs,
        work,
        zone=run.reader.zone,
        source=source,
        at=desk.clock.now(),
        memory_mb=desk.settings.costs.memory_mb,
        naive_zone=run.reader.naive_zone,
        as_before=None if rebuild else run.days.get(day),
    )
    if facts is None:
        return
    if facts is run.days.get(day):
        run.unchanged.append(day)
        return
    run.days[day] = facts
    run.written.append(facts)
    run.store.write_manifest(run.days)


def _mark(reader: Reader, files: Sequence[SourceFile], day: date) -> str:
    """The digest of what a day is made of: its files, and how they are read."""
    holding = sorted(
        (each for each in files if day.isoformat() in each.days), key=lambda each: each.where
    )
    text = repr([reader.mark, *(each.mark for each in holding)])
    return f"files {sha256(text.encode()).hexdigest()[:32]}"


def _note_files(run: _Run, files: Sequence[SourceFile]) -> None:
    """Writes down which file holds which days, so that an unchanged one is not read again."""
    _note(run.store, reading=run.reader.mark, files=[each.as_record() for each in files])


def _note(store: TickStore, **facts: object) -> None:
    """Writes down something about the source for the runs to come."""
    from mechexo.costs.store import SCHEMA

    store.write("sources.json", {**store.sources(), "schema": SCHEMA, **facts})


def _address(named: str, store: TickStore) -> str:
    from mechexo.costs.store import STORE

    if named and named != STORE:
        return named
    before = store.sources().get("address")
    if not before:
        raise UsageError(
            'name the quotes that the store is made of: mechexo costs ingest "quotes/*.parquet"'
        )
    return str(before)


def _look_at(run: _Run, *, whole_rebuild: bool) -> None:
    """Reads what stands in the store. A whole rebuild takes away what it cannot build upon: days
    of another zone, a store that is damaged."""
    from mechexo.costs.store import check_zone

    store = run.store
    try:
        run.days = store.days()
        store.symbols(run.days.values())
    except UnreachableError:
        if not whole_rebuild:
            raise
        run.days = {}
        for left in [*store.days_folder.glob("*.parquet"), *store.folder.glob("*.json")]:
            left.unlink()
    if not whole_rebuild:
        check_zone(store, run.days.values(), run.reader.zone)
    for day, facts in list(run.days.items()):
        if facts.zone != run.reader.zone:
            store.path(day).unlink()
            del run.days[day]
            run.removed.append(day)


def _begun(run: _Run, desk: Desk) -> str | None:
    """Notes that a run begins; says when one began that never came to its end."""
    began = run.store.sources().get("began")
    _note(run.store, began=began or iso_z(desk.clock.now()))
    return began


def _of_a_run_cut_off(run: _Run, began: str | None) -> tuple[date, ...]:
    """The days that a killed run wrote and could not put on record."""
    if began is None:
        return ()
    own = {facts.day for facts in run.written}
    return tuple(
        day
        for day, facts in run.days.items()
        if day not in own and facts.ingested_at >= from_iso_z(began)
    )


def _report(run: _Run, address: str, zone: str) -> IngestReport:
    return IngestReport(
        store=run.store.folder,
        source=address,
        zone=zone,
        written=tuple(sorted(run.written, key=lambda facts: facts.day)),
        unchanged=tuple(sorted(run.unchanged)),
        kept=tuple(sorted(run.kept)),
        removed=tuple(sorted(run.removed)),
        left_out=dict(sorted(run.left_out.items())),
        unreadable=run.unreadable,
    )


def _audit(desk: Desk, report: IngestReport, cut_off: Sequence[date], reason: str) -> None:
    with desk.operation(ACTION, str(report.store), needs=Role.OPERATOR, reason=reason) as operation:
        operation.unchanged = not (report.written or report.removed or cut_off)
        operation.after = {
            "source": report.source,
            "days": [facts.day.isoformat() for facts in report.written],
            "rows": report.rows,
            "removed": [day.isoformat() for day in report.removed],
        }
        if cut_off:
            operation.details["of a run that was cut off"] = [day.isoformat() for day in cut_off]
