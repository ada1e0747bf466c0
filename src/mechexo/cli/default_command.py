"""A group of commands of which one is meant when none is named."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup


def group_with_default(help_text: str, default: str) -> typer.Typer:
    """The app of a command whose subcommand `default` may be left out, its options too."""

    class Group(TyperGroup):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
                args = [default, *args]
            return super().parse_args(ctx, args)

    group = typer.Typer(
        cls=Group,
        rich_markup_mode=None,
        add_completion=False,
        help=f"{help_text} Without a command: {default}.",
    )

    @group.callback()
    def keep_a_group() -> None:
        """Without a callback Typer would turn a single subcommand into the command itself."""

    keep_a_group.__doc__ = group.info.help
    return group
