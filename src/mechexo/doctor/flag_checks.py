"""The desk's flags: their database, their history, which way is safer, records that wait."""

from __future__ import annotations

from collections.abc import Iterator

from mechexo.desk import Desk
from mechexo.doctor.findings import Finding, doubtful, well, wrong
from mechexo.errors import MechexoError


def flags(desk: Desk) -> Iterator[Finding]:
    """Whether the flags can be read, are tracked, and each has a safer side."""
    settings = desk.settings.rollback
    named = {flag: name for name, flow in settings.flows.items() for flag in flow.flags}
    if not settings.flags.database:
        for flag, flow in named.items():
            detail = f"[rollback.flows.{flow}] names {flag}, and there is no database of flags"
            yield wrong("flags", detail, "set [rollback.flags] database, or take the flag out")
        return
    from mechexo.rollback.flags.operations import list_flags

    try:
        found = list_flags(desk)
    except MechexoError as error:
        yield wrong("flags", str(error), "correct [rollback.flags], or the database")
        return
    known = [flag.key for flag in found.flags]
    if found.tracked_since is None:
        detail = "no history of them is kept, so what they were at a moment is not known"
        yield doubtful("flags", detail, "mechexo flags track")
    else:
        yield well("flags", f"{len(known)} of them, tracked")
    unjudged = [flag.key for flag in found.flags if flag.safer is None]
    if unjudged:
        detail = f"of {', '.join(unjudged)} nothing says which value is safer: a rollback leaves "
        mend = 'add them to [rollback.flags.safer]: "off", "on", "lower", "higher" or "neutral"'
        yield doubtful("flags", f"{detail}them alone", mend)
    for flag in sorted({*named, *settings.flags.safer} - {*known}):
        where = f"rollback.flows.{named[flag]}" if flag in named else "rollback.flags.safer"
        detail = f"[{where}] names {flag}, which is no flag in {settings.flags.table}"
        yield wrong("flags", detail, f"correct the name; there are: {', '.join(known) or 'none'}")


def late_records(desk: Desk) -> Iterator[Finding]:
    """Whether records of halts still wait for the audit log."""
    from mechexo.rollback.flags import spool

    waiting = spool.waiting(desk)
    if waiting:
        number = "1 record waits" if len(waiting) == 1 else f"{len(waiting)} records wait"
        detail = f"{number} for the audit log, such as {waiting[0]}"
        yield doubtful("late records", detail, "mechexo tick merges them, once it can")
