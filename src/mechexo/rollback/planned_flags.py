"""The flags of a plan: what each was then, whether the way back adds risk, when it would be set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mechexo.rollback import run_records
from mechexo.rollback.values import PlannedFlag

if TYPE_CHECKING:
    from mechexo.desk import Desk


@dataclass(frozen=True, slots=True)
class FlagPart:
    """The flags of a plan that would change, and why some cannot be judged."""

    planned: tuple[PlannedFlag, ...] = ()
    conflicts: tuple[str, ...] = ()

    def assumed(self) -> list[object]:
        """What the plan rests on of its flags, in a form that JSON can hold."""
        return [asdict(flag) for flag in self.planned]


def set_flags(desk: Desk, flags: Sequence[PlannedFlag], run_id: str) -> None:
    """Sets flags, all or none.

    Raises:
        ConflictError: one of them was changed since the plan was made.
    """
    raise NotImplementedError


def set_flags_back(desk: Desk, flags: Sequence[Mapping[str, Any]], run_id: str) -> None:
    """Sets the flags of a run that did not come to its end back; those that were not set stay.

    Raises:
        ConflictError: one has a third value.
    """
    if flags:
        raise NotImplementedError


def no_flags() -> FlagPart:
    """Of a plan that is about files only."""
    return FlagPart()


def flag_part(
    desk: Desk,
    names: Sequence[str] | None = None,
    *,
    at: datetime | None = None,
    undo_of: str = "",
    rearm_of: str = "",
) -> FlagPart:
    """The flags that a plan would set."""
    if undo_of and not run_records.recorded(desk.state, undo_of)["flags"]:
        return no_flags()
    raise NotImplementedError
