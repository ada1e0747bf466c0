"""The failures mechexo knows about: each says what is wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Collection


class MechexoError(Exception):
    """A known failure. Its text is one line for the user; `exit_code` is the command line's."""

    exit_code = 1


class UsageError(MechexoError):
    """The command's words do not fit together or cannot be read."""

    exit_code = 2


class ConfigError(MechexoError):
    """The configuration cannot be used: names file, table, key, value and what was expected."""

    exit_code = 2


class NotFoundError(MechexoError):
    """Something named by the user does not exist; the text lists close names."""

    exit_code = 2


class NewerStateError(MechexoError):
    """The state file was written by a newer mechexo."""

    exit_code = 2


class NotAllowedError(MechexoError):
    """The actor's role does not allow the operation, or it was not confirmed."""

    exit_code = 3


class ConflictError(MechexoError):
    """The world changed since it was looked at."""

    exit_code = 4


class BusyError(MechexoError):
    """Another process holds what this one needs."""

    exit_code = 4


class UnreachableError(MechexoError):
    """Something that this operation depends on could not be read or reached."""

    exit_code = 5


class StateError(UnreachableError):
    """The state file cannot be read or written."""


class OutputError(UnreachableError):
    """What was asked for was done, but its answer could not be written."""


def close_names(name: str, known: Collection[str]) -> str:
    """What to say of a name that does not exist: the names close to it, or else all there are."""
    if not known:
        return "none is known"
    import difflib

    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(known)}"
