"""What a change of a flag needs, and when it is refused: the same for every database. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from mechexo.errors import ConflictError, NotFoundError, UsageError, close_names
from mechexo.rollback.flags.values import FlagChange, FlagValue, Scalar, moved, same


def not_tracked() -> UsageError:
    """The refusal where no history is kept."""
    return UsageError("flags are not tracked yet; begin with: mechexo flags track")


def refuse_unless_as_was(change: FlagChange, now: Sequence[Scalar], version: int) -> None:
    """Refuses a change of a flag that is not what it was when the change was decided; `now` are
    the values of its rows.

    Raises:
        ConflictError: its text says what moved.
    """
    if len(now) != 1:
        said = "is there twice" if now else "is not there any more"
        raise ConflictError(f"the flag {change.key} {said}; nothing was changed")
    if not same(now[0], change.old.value) or version != change.old.version:
        raise ConflictError(moved(change, now[0], version))


def chosen(
    key: str,
    now: Sequence[Scalar],
    version: int,
    choose: Callable[[FlagValue], FlagChange],
    known: Callable[[], Iterable[object]],
) -> tuple[FlagChange, ...]:
    """The change of each row of a flag, as `choose` decides.

    Raises:
        NotFoundError: there is no row; `known` names the flags there are.
    """
    if not now:
        names = [str(name) for name in known()]
        raise NotFoundError(f"there is no flag {key!r}; {close_names(key, names)}")
    return tuple(choose(FlagValue(key, value, version)) for value in now)


def to_be_set(changes: Sequence[FlagChange]) -> FlagChange | None:
    """The change that all rows of a key get, since they cannot be told apart: the last one's; None
    when each holds what it should."""
    if all(same(change.old.value, change.new) for change in changes):
        return None
    return changes[-1]
