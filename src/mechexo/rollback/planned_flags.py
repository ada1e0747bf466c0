"""The flags of a plan: what each was then, whether the way back adds risk, when it would be set.

What lowers the risk is set before any file, what does neither with the files. What adds risk, or of
which nobody has said what it does, is left to a plan of its own, the re-arm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mechexo.errors import NotFoundError, close_names
from mechexo.rollback import run_records
from mechexo.rollback.flags.direction import direction
from mechexo.rollback.flags.store import open_store
from mechexo.rollback.flags.values import (
    Direction,
    FlagChange,
    FlagValue,
    Scalar,
    from_written,
    guarded,
    kind,
    named_like_a_secret,
    same,
    shown,
    written,
)
from mechexo.rollback.restoring import NeedsPersonError
from mechexo.rollback.undoing import run_with
from mechexo.rollback.values import PlannedFlag, RunState
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.config.rollback import Safer
    from mechexo.desk import Desk

FIRST, AFTER, REARM = "first", "after", "re-arm"
_WHEN = {Direction.DOWN: FIRST, Direction.NEUTRAL: AFTER}


@dataclass(frozen=True, slots=True)
class FlagPart:
    """The flags of a plan that would change, and why some cannot be judged."""

    planned: tuple[PlannedFlag, ...] = ()
    conflicts: tuple[str, ...] = ()

    def assumed(self) -> list[dict[str, Any]]:
        """What the plan rests on of its flags, in a form that JSON can hold."""
        return [asdict(flag) for flag in self.planned]


def flags_at(desk: Desk, moment: datetime, names: Sequence[str] | None = None) -> FlagPart:
    """What would bring these flags, or all, back to what they were at a moment.

    Raises:
        UsageError: their history does not tell.
        NotFoundError: there never was a flag of a name.
        ConfigError, UnreachableError: their database cannot be used.
    """
    store = open_store(desk)
    now, then = {flag.key: flag for flag in store.read()}, store.at(moment)
    wanted = sorted({*now, *then.flags}) if names is None else list(names)
    planned, conflicts = [], []
    for key in wanted:
        is_now, was = now.get(key), then.of(key)
        if is_now is None and was is None:
            raise NotFoundError(f"there is no flag {key!r}; {close_names(key, now)}")
        if is_now is None or was is None:
            when = "now" if is_now is None else "then"
            conflicts.append(f"{key}: it is not known {when}")
        elif is_now.value is None or was.value is None:
            conflicts.append(f"{key}: it is NULL {'now' if is_now.value is None else 'then'}")
        elif kind(is_now.value) != kind(was.value):
            conflicts.append(f"{key}: it is {kind(is_now.value)} now, was {kind(was.value)}")
        elif not same(is_now.value, was.value) and named_like_a_secret(key):
            conflicts.append(f"{key}: it is named like a secret, which a rollback never shows")
        elif not same(is_now.value, was.value):
            planned.append(_planned(is_now, was.value, desk.settings.rollback.flags.safer))
    return FlagPart(tuple(planned), tuple(conflicts))


def flags_of_undo(desk: Desk, run_id: str) -> FlagPart:
    """What would bring the flags that a run set back to what they were before it."""
    recorded = [_recorded(each) for each in run_records.recorded(desk.state, run_id)["flags"]]
    return _from(desk, [flag for flag in recorded if flag.when != REARM], undo=True)


def flags_of_rearm(desk: Desk, run_id: str) -> FlagPart:
    """What would set the flags that a run left alone because that adds risk."""
    recorded = [_recorded(each) for each in run_records.recorded(desk.state, run_id)["flags"]]
    if run_with(desk, run_id).state is RunState.UNDONE:
        # Of a run that was undone, what it had lowered first is what stayed.
        return _from(desk, [_turned(flag) for flag in recorded if flag.when == FIRST], undo=False)
    return _from(desk, [flag for flag in recorded if flag.when == REARM], undo=False)


def set_flags(desk: Desk, flags: Sequence[PlannedFlag], run_id: str) -> None:
    """Sets flags, all or none.

    Raises:
        ConflictError: one of them was changed since the plan was made.
    """
    open_store(desk).change(
        [
            FlagChange(
                flag.name,
                FlagValue(flag.name, from_written(flag.old_written), flag.version),
                from_written(flag.new_written),
                Direction(flag.direction),
            )
            for flag in flags
        ],
        actor=_by(desk, run_id),
    )


def set_flags_back(
    desk: Desk, flags: Sequence[Mapping[str, Any]], run_id: str, *, only_look: bool
) -> None:
    """Sets the flags of a run that did not come to its end back; those that were not set stay.

    Raises:
        NeedsPersonError: one has a third value.
    """
    if not flags:
        return
    store = open_store(desk)
    now = {flag.key: flag for flag in store.read()}
    changes, foreign = [], []
    for each in flags:
        key, old, new = each["name"], from_written(each["old"]), from_written(each["new"])
        found = now.get(key)
        if found is not None and same(found.value, new):
            changes.append(FlagChange(key, found, old, Direction.NEUTRAL))
        elif found is None or not same(found.value, old):
            foreign.append(
                f"{key} is {'gone' if found is None else shown(guarded(key, found.value))}"
            )
    if foreign:
        raise NeedsPersonError(
            f"rollback {run_id} was cut off, and since then somebody changed a flag: "
            f"{', '.join(foreign)}; give it its old or its new value, then run: "
            "mechexo rollback recover"
        )
    if changes and not only_look:
        store.change(changes, actor=_by(desk, run_id))


def _from(desk: Desk, recorded: Sequence[PlannedFlag], *, undo: bool) -> FlagPart:
    if not recorded:
        return FlagPart()
    now = {flag.key: flag for flag in open_store(desk).read()}
    planned, conflicts = [], []
    for each in recorded:
        left, target = each.old_written, each.new_written
        if undo:
            left, target = target, left
        found = now.get(each.name)
        if found is None or not same(found.value, from_written(left)):
            conflicts.append(f"{each.name}: it was changed since")
            continue
        plan = _planned(found, from_written(target), desk.settings.rollback.flags.safer)
        # A re-arm is asked for by name: what adds risk is just what it sets.
        planned.append(plan if undo else _now(plan))
    return FlagPart(tuple(planned), tuple(conflicts))


def _planned(now: FlagValue, new: Scalar, safer: Mapping[str, Safer]) -> PlannedFlag:
    way = direction(now.value, new, safer.get(now.key))
    return PlannedFlag(
        name=now.key,
        old=shown(now.value),
        new=shown(new),
        direction=str(way),
        when=_WHEN.get(way, REARM),
        version=now.version,
        old_written=written(now.value),
        new_written=written(new),
    )


def _turned(flag: PlannedFlag) -> PlannedFlag:
    turned = {"old_written": flag.new_written, "new_written": flag.old_written}
    return PlannedFlag(**{**asdict(flag), **turned})


def _now(flag: PlannedFlag) -> PlannedFlag:
    return PlannedFlag(**{**asdict(flag), "when": AFTER})


def _recorded(document: Mapping[str, Any]) -> PlannedFlag:
    return PlannedFlag(**document)


def _by(desk: Desk, run_id: str) -> str:
    return f"{desk.actor.name} by rollback {run_id}"
