"""`mechexo costs sources`: what costs are read from, and what they can be read from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import open_desk

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from mechexo.costs.sources.looking import KindLook, SourceLook


def sources(
    ctx: typer.Context,
    json_: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """What [costs] names as sources, whether each opens, and what it holds; what can be read.

    All rows of a source are counted, whatever their time.
    """
    from mechexo.costs.imports.formats import names
    from mechexo.costs.sources.looking import look_at_kinds, look_at_sources

    desk = open_desk(ctx)
    looks = look_at_sources(desk.settings.costs, desk.root)
    kinds, formats = look_at_kinds(), names()
    if json_:
        body = {
            "sources": looks,
            "kinds": kinds,
            "formats": [{"format": name, "what": what} for name, what in formats.items()],
        }
        render.json_document("costs_sources", desk.clock.now(), body)
    else:
        _print_sources(looks, desk.zone)
        _print_kinds(kinds)
        rows = list(formats.items())
        render.table("Formats of mechexo costs import", ("format", "what it is"), rows)
    if any(look.address and not look.opens for look in looks):
        raise typer.Exit(1)


def _print_sources(looks: tuple[SourceLook, ...], zone: ZoneInfo) -> None:
    from mechexo.costs.values import not_read

    rows = [
        (
            look.setting,
            look.address or None,
            _state(look),
            look.rows,
            _moment(look.first_at, zone),
            _moment(look.newest_at, zone),
        )
        for look in looks
    ]
    columns = ("source", "address", "state", ">rows", "first", "newest")
    render.table("Sources", columns, rows)
    for look in looks:
        if look.fault:
            render.text(f"✖ {look.setting}: {look.fault}")
        if look.unreadable:
            render.text(f"▲ {not_read(look.setting, look.unreadable)}")
        if look.opens:
            render.text(f"{look.setting} has {', '.join(look.columns)}")
            render.text(f"{look.setting} lacks {', '.join(look.lacking) or 'nothing'}")


def _state(look: SourceLook) -> str:
    if not look.address:
        return "not set"
    return "✔ opens" if look.opens else "✖ does not open"


def _print_kinds(kinds: tuple[KindLook, ...]) -> None:
    rows = [
        (f"{kind.scheme}://" if kind.scheme else "path", kind.what, kind.package, kind.fault)
        for kind in kinds
    ]
    render.table("What can be read", ("address", "what it is", "of", "fault"), rows)


def _moment(at: datetime | None, zone: ZoneInfo) -> str | None:
    from mechexo.times import in_zone

    return None if at is None else in_zone(at, zone)
