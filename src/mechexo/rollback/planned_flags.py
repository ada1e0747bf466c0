"""The flags of a plan: what each was then, whether the way back adds risk, when it would be set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

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
    raise NotImplementedError
