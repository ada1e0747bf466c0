"""Importing a broker's file: what a person or a job can ask for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import ModuleType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mechexo.actor import Role
from mechexo.costs.imports.checking import Checked, checked
from mechexo.costs.imports.content import Content
from mechexo.costs.imports.formats import recognised
from mechexo.costs.imports.keeping import Staged, planned
from mechexo.costs.imports.rows import REPLACES
from mechexo.costs.imports.values import LISTED, Changes, FileImport, Options, Parsed
from mechexo.costs.interrupts import interrupts_told
from mechexo.costs.sources.columns import FILL_COLUMNS
from mechexo.costs.sources.imported import fills_folder
from mechexo.desk import Desk
from mechexo.errors import UsageError

ACTION = "costs.import"
_NOT_TOLD = ("correction", REPLACES)


def import_file(
    desk: Desk,
    path: Path,
    *,
    format_name: str | None = None,
    zone: str | None = None,
    dry_run: bool = False,
    reason: str = "",
) -> FileImport:
    """Takes a broker's file in: all of its fills or, when anything fails, none.

    Fills are upserted by their id; those that the file takes back or corrects leave. With
    `dry_run` it only says what would happen, which every role may ask.

    Raises:
        NotAllowedError: only an operator may import.
        UsageError: the file is of no known format, torn or empty; its times are local and neither
            `zone` nor `[costs] naive_zone` says where; a live desk was given no reason.
        UnreachableError: a file cannot be read or written.
        BusyError: another import takes too long.
    """
    if not dry_run:
        desk.require(ACTION, path.name, Role.OPERATOR)
    with interrupts_told():
        content = Content.of(path)
        options = _options(desk, zone)
        module = recognised(content, options, format_name)
        parsed: Parsed = module.read(content, options)
        if not parsed.rows:
            raise UsageError(f"{path} holds nothing that the format {module.NAME} knows")
        found = checked(parsed)
        folder = fills_folder(desk.path(desk.settings.costs.folder))
        with planned(folder, found.fills, parsed.taken_back, dry_run=dry_run) as (plan, staged):
            answer = _answer(content, module, parsed, found, plan.changes, dry_run=dry_run)
            if not dry_run:
                _put(desk, answer, staged, reason)
    return answer


def _put(desk: Desk, answer: FileImport, staged: Staged, reason: str) -> None:
    target = answer.path.name
    with desk.operation(ACTION, target, needs=Role.OPERATOR, reason=reason) as operation:
        operation.after = _audited(answer)
        operation.unchanged = not staged.files
        staged.take_places()


def _options(desk: Desk, zone: str | None) -> Options:
    settings = desk.settings.costs
    name = zone or settings.naive_zone
    try:
        found = ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"--zone {name}: no such zone; write one like Europe/Berlin") from None
    return Options(found, settings.currency, settings.fill_columns, settings.tags)


def _answer(
    content: Content,
    module: ModuleType,
    parsed: Parsed,
    found: Checked,
    changes: Changes,
    *,
    dry_run: bool,
) -> FileImport:
    fills = found.fills
    further = [name for name in fills.columns if name not in (*FILL_COLUMNS.needed, *_NOT_TOLD)]
    counts = {name: len(fills) - fills[name].null_count() for name in further}
    times = fills["ts"]
    reasons = Counter(each.reason for each in found.rejected)
    return FileImport(
        path=content.path,
        format=module.NAME,
        title=module.TITLE,
        digest=content.digest,
        rows=parsed.rows,
        fills=len(fills),
        taken_back=len(parsed.taken_back),
        first_at=times[0] if len(times) else None,
        last_at=times[-1] if len(times) else None,
        symbols=tuple(fills["symbol"].unique().sort()),
        currencies=tuple(fills["currency"].drop_nulls().unique().sort()),
        filled={name: count for name, count in counts.items() if count},
        lacking=tuple(name for name, count in counts.items() if not count),
        no_fills=dict(sorted(parsed.no_fills.items())),
        reasons=dict(reasons.most_common()),
        rejected=found.rejected[:LISTED],
        repeated=found.repeated,
        corrected=found.corrected,
        notes=parsed.notes,
        changes=changes,
        dry_run=dry_run,
    )


def _audited(answer: FileImport) -> dict[str, object]:
    changes = answer.changes
    return {
        "format": answer.format,
        "sha256": answer.digest,
        "rows": answer.rows,
        "fills": answer.fills,
        "taken_back": answer.taken_back,
        "repeated": answer.repeated,
        "corrected": answer.corrected,
        "no_fills": sum(answer.no_fills.values()),
        "rejected": sum(answer.reasons.values()),
        "added": changes.added,
        "replaced": changes.replaced,
        "reused": changes.reused,
        "removed": changes.removed,
        "days": [day.isoformat() for day in changes.days],
    }
