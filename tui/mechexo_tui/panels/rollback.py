"""What can be rolled back, to when, and what was: the lists of the rollback screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mechexo.rollback.choosing import ALL_FLAGS, Target
from mechexo.rollback.diffing import shown_path
from mechexo.times import format_duration
from mechexo.value_classes import dataclass
from mechexo_tui.panels.words import fits
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import Line, Row, Span, harmless, wrapped
from mechexo_tui.widgets.table import Column, Table, natural

if TYPE_CHECKING:
    from mechexo.rollback.choosing import Moment
    from mechexo.rollback.values import Plan, Run
    from mechexo_tui.widgets.format import Look

TARGETS = (
    Column("kind", 6),
    Column("what", 40, grows=True),
    Column("changed", 9, right=True),
    Column("last change", 30, drop=2),
    Column("by", 14, drop=1),
)
WHAT = 1
MOMENTS = (
    Column("ago", 7, right=True),
    Column("since", 11, right=True),
    Column("the state after", 20, grows=True),
    Column("by", 14, drop=1),
    Column("files", 28, drop=2),
)
STATE_AFTER = 2
RECORDS = (
    Column("plan", 8),
    Column("how it stands", 17),
    Column("made", 11, right=True),
    Column("what", 20, grows=True),
    Column("back to", 11, right=True, drop=2),
    Column("by", 12, drop=1),
)
RECORD_WHAT = 3


@dataclass(frozen=True, slots=True)
class Record:
    """A plan that was made, and how it was applied."""

    plan: Plan
    run: Run | None = None

    @property
    def key(self) -> str:
        """What the row stands for."""
        return f"plan:{self.plan.id}"


def records_of(plans: Sequence[Plan], runs: Sequence[Run]) -> tuple[Record, ...]:
    """Plans with how they were applied, newest first. A way back that a rollback made for itself
    is told of with that rollback, until it is applied."""
    by_id = {run.id: run for run in runs}
    return tuple(
        Record(plan, by_id.get(plan.id)) for plan in plans if not plan.undoes or plan.id in by_id
    )


def alarm_lines(records: Sequence[Record], look: Look) -> list[Line]:
    """The rollbacks that did not come to an end, loudly."""
    lines: list[Line] = []
    for each in records:
        if each.run is not None and each.run.state in ("needs a person", "under way"):
            sign, style = shown_as.rollback_state(each.run.state, look.glyphs)
            said = f"  {each.plan.id}, {harmless(each.plan.target)}: open it below"
            lines.append(((" ", ""), (sign, style), (said, "bold")))
    return lines


def kept_targets(targets: Sequence[Target], words: str) -> list[Target]:
    """The targets with a filter's words."""
    return [each for each in targets if fits(f"{each.kind} {name_of(each)}", words)]


def kept_records(records: Sequence[Record], words: str) -> list[Record]:
    """The plans with a filter's words."""
    return [
        each
        for each in records
        if fits(
            f"{each.plan.id} {each.plan.target} {each.plan.made_by} "
            f"{each.run.state if each.run else ''}",
            words,
        )
    ]


def name_of(target: Target) -> str:
    """What a target is called."""
    if target.kind == "flags" and target.name == ALL_FLAGS:
        return "all flags together"
    return shown_path(target.name)


def target_rows(targets: Sequence[Target], look: Look) -> list[Row]:
    """The targets, with a line of titles."""
    cells = [_target_cells(each, look) for each in targets]
    table = _table(TARGETS, cells, WHAT, look)
    rows = [Row(table.head())]
    return rows + [
        Row(table.row(each), target.key) for target, each in zip(targets, cells, strict=True)
    ]


def _target_cells(target: Target, look: Look) -> tuple[Span | str, ...]:
    last = target.moments[0] if target.moments else None
    return (
        (target.kind, "dim"),
        (name_of(target), "bold"),
        shown_as.age(target.changed_at, look),
        (harmless(last.what) if last else look.glyphs.missing, "dim"),
        (harmless(last.who) if last else "", "dim"),
    )


def moment_rows(target: Target, look: Look) -> tuple[Line, list[Row]]:
    """The titles, and the states of a target, the one of now first."""
    cells = [_moment_cells(at, each, look) for at, each in enumerate(target.moments)]
    table = _table(MOMENTS, cells, STATE_AFTER, look)
    rows = [Row(table.row(each), f"moment:{at}") for at, each in enumerate(cells)]
    return table.head(), rows


def _moment_cells(at: int, moment: Moment, look: Look) -> tuple[Span | str, ...]:
    glyphs = look.glyphs
    what, style = harmless(moment.what), ""
    if at == 0:
        what, style = f"{glyphs.live} now: {what}", "dim"
    elif moment.how == "before":
        what = f"{glyphs.closed} {what}"
    elif moment.how != "commit":
        what = f"{moment.how}: {what}"
    first = shown_as.age(moment.since, look) if moment.since else ""
    since = shown_as.moment(moment.since, look) if moment.since else ""
    return (
        (first, ""),
        (since, "dim"),
        (what, style),
        (harmless(moment.who), "dim"),
        (", ".join(moment.paths), "dim"),
    )


def record_rows(records: Sequence[Record], look: Look) -> list[Row]:
    """The plans, with a line of titles."""
    cells = [_record_cells(each, look) for each in records]
    table = _table(RECORDS, cells, RECORD_WHAT, look)
    rows = [Row(table.head())]
    return rows + [
        Row(table.row(each), record.key) for record, each in zip(records, cells, strict=True)
    ]


def _record_cells(record: Record, look: Look) -> tuple[Span | str, ...]:
    plan = record.plan
    return (
        (plan.id, "dim"),
        record_standing(record, look),
        (shown_as.moment(plan.made_at, look), "dim"),
        harmless(plan.target),
        ("" if plan.undoes else shown_as.moment(plan.to, look), "dim"),
        (record.run.actor if record.run else plan.made_by, "dim"),
    )


def record_standing(record: Record, look: Look) -> Span:
    """How a plan stands, as glyph and word."""
    plan, glyphs = record.plan, look.glyphs
    if record.run is not None:
        return shown_as.rollback_state(record.run.state, glyphs)
    if plan.expires_at is None or look.now > plan.expires_at:
        return f"{glyphs.missing} expired", "dim"
    if plan.held_back:
        return f"{glyphs.critical} guard fails", "critical"
    if plan.empty:
        return f"{glyphs.missing} nothing to do", "dim"
    return f"{glyphs.ok} can be applied", "ok"


def record_lines(record: Record, look: Look) -> list[Line]:
    """A plan in a few lines, beside the list."""
    plan, run = record.plan, record.run
    facts: Mapping[str, str] = {
        "plan": f"{plan.id}, made {shown_as.exact(plan.made_at, look)}"
        + (f" by {plan.made_by}" if plan.made_by else ""),
        "what": plan.target,
        "back to": "what that rollback recorded" if plan.undoes else shown_as.exact(plan.to, look),
        "files": shown_as.count(len(plan.changes), "file"),
    }
    if run is not None:
        lasted = f", took {format_duration(run.ended_at - run.started_at)}" if run.ended_at else ""
        by = f"{shown_as.exact(run.started_at, look)} by {run.actor}{lasted}"
        facts = {**facts, "carried out": by, "reason": run.reason or look.glyphs.missing}
    sign, style = record_standing(record, look)
    lines: list[Line] = [((" ", ""), (sign, style)), ()]
    for name, value in facts.items():
        for place, text in enumerate(wrapped(harmless(value), look.width - 16)):
            lines.append(((f"   {'' if place else name:<12}", "dim"), (text, "")))
    keys: list[Span] = [("   enter", "key"), (" opens it", "")]
    if run is not None and run.state in ("applied", "redeploy failed"):
        keys += [("   u", "key"), (" takes it back", "")]
    return [*lines, (), tuple(keys)]


def _table(
    columns: Sequence[Column], cells: Sequence[Sequence[Span | str]], grows: int, look: Look
) -> Table:
    measured = natural(columns, cells) if cells else list(columns)
    measured[grows] = columns[grows]
    return Table.fitting(measured, look.width - 1, indent=1)
