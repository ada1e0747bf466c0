"""What every command starts from: the global options and the desk they lead to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mechexo.errors import UsageError
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mechexo.desk import Desk


@dataclass(slots=True)
class Invocation:
    """The global options of this run, and the state file that they led to."""

    config: Path | None = None
    state: Path | None = None


def open_desk(ctx: typer.Context) -> Desk:
    """The desk that the global options (or their defaults) name."""
    from mechexo.desk import Desk

    invocation = ctx.find_object(Invocation) or Invocation()
    desk = Desk.open(invocation.config)
    invocation.state = desk.state.path
    return desk


def unopened_desk(ctx: typer.Context) -> Desk:
    """The same desk, its state file not looked at: for what must not wait for it."""
    from mechexo.desk import Desk

    invocation = ctx.find_object(Invocation) or Invocation()
    desk = Desk.unopened(invocation.config)
    invocation.state = desk.state.path
    return desk


def command_group(help_text: str) -> typer.Typer:
    """The app of a command that has subcommands (also when it has only one)."""
    group = typer.Typer(
        rich_markup_mode=None, add_completion=False, no_args_is_help=True, help=help_text
    )

    @group.callback()
    def keep_a_group() -> None:
        """Without a callback Typer would turn a single subcommand into the command itself."""

    keep_a_group.__doc__ = help_text
    return group


def single_command() -> typer.Typer:
    """The app of a command without subcommands."""
    return typer.Typer(rich_markup_mode=None, add_completion=False)


def pairs(words: Iterable[str], option: str) -> dict[str, str]:
    """Reads the `name=value` words of an option.

    Raises:
        UsageError: a word is no such pair, or contradicts another.
    """
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"{option} {word!r} is not of the form name=value")
        if found.setdefault(name.strip(), value) != value:
            raise UsageError(f"{option} names {name.strip()} twice with different values")
    return found
