"""`mechexo costs ingest`: filling the tick store from the source of quotes.

Day by day, each whole or not at all: a run that is killed has lost the day that it was at. The
next one goes on there, as a day whose source did not change since is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from mechexo.actor import Role
from mechexo.costs.ingest_run import ACTION, IngestReport, Run, audit, look_at
from mechexo.costs.operations import exchange_zone
from mechexo.errors import UsageError

if TYPE_CHECKING:
    from mechexo.costs.ingest_reading import Reader, SourceFile
    from mechexo.costs.store import TickStore
    from mechexo.desk import Desk

DAYS_AT_ONCE = 24
"""How many days are sorted out in one pass over the source: each has a buffer of some megabytes."""

Told = Callable[[str], None]
"""Is told how far the run is, for whoever watches."""


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
        run = Run(store, reader)
        wanted = (first or date.min, last or date.max)
        began = look_at(run, desk, rebuild=rebuild, whole=wanted == (date.min, date.max))
        try:
            _fill(run, desk, wanted, rebuild, told)
        finally:
            report = run.report(address)
            audit(run, desk, report, began, reason)
            run.write_ledger()
            run.note(address=address, began=None)
    return report


def check(desk: Desk) -> tuple[str, ...]:
    """What is wrong with the store, a line each; nothing when it is whole. Reads every row."""
    from mechexo.costs.store import TickStore
    from mechexo.costs.store_checking import faults_of

    return faults_of(TickStore(desk.path(desk.settings.costs.store)))


def _fill(run: Run, desk: Desk, wanted: tuple[date, date], rebuild: bool, told: Told) -> None:
    if run.reader.holds_only_files():
        _from_files(run, desk, wanted, rebuild, told)
    else:
        _from_elsewhere(run, desk, wanted, rebuild, told)


def _from_files(run: Run, desk: Desk, wanted: tuple[date, date], rebuild: bool, told: Told) -> None:
    """From files, which can be told from changed ones: only what changed is read."""
    from mechexo.costs.ingest_reading import SourceFile
    from mechexo.costs.store_cures import rebuild_of

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
        there = run.entries.get(day)
        missing = [each.where for each in gone if day.isoformat() in each.days]
        if there is None and day in run.damaged and missing and not rebuild:
            run.left_out[day] = (
                f"{run.damaged[day]}, and the source no longer has {missing[0]} that it was made "
                f"of: put that back, or make the day of what is left with: {rebuild_of(day)}"
            )
        elif there is None or rebuild:
            todo[day] = mark
        elif there.facts.source == mark:
            run.unchanged.append(day)
        elif there.facts.source == _mark(run.reader, [*present, *gone], day):
            run.kept.append(day)
        else:
            todo[day] = mark
    held = {day for each in present for day in each.days}
    for day in sorted({*run.entries, *run.damaged}):
        if wanted[0] <= day <= wanted[1] and day.isoformat() not in held:
            _source_is_gone(run, day)
    days = sorted(todo)
    for place in range(0, len(days), DAYS_AT_ONCE):
        _round(run, desk, days[place : place + DAYS_AT_ONCE], present, todo, told)
    needed = {day.isoformat() for day in (*run.kept, *run.left_out)}
    _note_files(run, [*present, *(each for each in gone if needed & each.days.keys())])


def _round(
    run: Run,
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
    run: Run, desk: Desk, wanted: tuple[date, date], rebuild: bool, told: Told
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
            else:
                _source_is_gone(run, day)
        day += timedelta(days=1)


def _build(
    run: Run,
    desk: Desk,
    day: date,
    runs: Sequence[Path],
    work: Path,
    source: str | None,
    rebuild: bool = True,
) -> None:
    from mechexo.costs.ingest_building import build_day

    there = run.entries.get(day)
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
        as_before=None if rebuild or there is None else there.facts,
    )
    if facts is None:
        return
    if there is not None and facts is there.facts:
        run.unchanged.append(day)
        return
    run.wrote(facts)


def _source_is_gone(run: Run, day: date) -> None:
    """The source has nothing of a day."""
    if day in run.entries:
        run.kept.append(day)
    elif day in run.damaged:
        run.lost(day)


def _mark(reader: Reader, files: Sequence[SourceFile], day: date) -> str:
    """The digest of what a day is made of: its files, and how they are read."""
    holding = sorted(
        (each for each in files if day.isoformat() in each.days), key=lambda each: each.where
    )
    text = repr([reader.mark, *(each.mark for each in holding)])
    return f"files {sha256(text.encode()).hexdigest()[:32]}"


def _note_files(run: Run, files: Sequence[SourceFile]) -> None:
    """Writes down which file holds which days, so that an unchanged one is not read again."""
    run.note(reading=run.reader.mark, files=[each.as_record() for each in files])


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
