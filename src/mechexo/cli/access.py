"""`mechexo access`: API tokens for the HTTP endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render
from mechexo.cli.invocation import command_group, open_desk
from mechexo.cli.options import Json, Reason, Yes
from mechexo.times import in_zone, parse_duration

if TYPE_CHECKING:
    from mechexo.security.values import Token

app = command_group("API tokens for the HTTP endpoint.")
token = command_group("Make, list and revoke API tokens.")
app.add_typer(token, name="token")


@token.command("create")
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Whose token it is, like alertmanager.")],
    scope: Annotated[list[str], typer.Option(help="read, alerts or ping; may be repeated.")],
    expires: Annotated[str | None, typer.Option(help="How long it counts, like 90d.")] = None,
    reason: Reason = "",
    json_: Json = False,
    yes: Yes = False,
) -> None:
    """Make a token and print it: this once, for only a digest of it is kept."""
    from mechexo.security import operations

    desk = open_desk(ctx)
    lasts = parse_duration(expires) if expires else None
    made = operations.create_token(desk, name, tuple(scope), expires_in=lasts, reason=reason)
    if json_:
        body = {"token": {**_said(made.token), "text": made.text}}
        return render.json_document("token", desk.clock.now(), body)
    render.text(made.text)
    ends = made.token.expires_at
    until = "until it is revoked" if ends is None else f"until {in_zone(ends, desk.zone)}"
    return render.note(
        f"token {name} ({', '.join(made.token.scopes)}) counts {until}; it is not shown again"
    )


@token.command("list")
def list_(
    ctx: typer.Context,
    json_: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="CSV.")] = False,
) -> None:
    """All tokens, the revoked and the expired ones too."""
    from mechexo.security import operations
    from mechexo.security.tokens import why_spent
    from mechexo.security.values import UnreadableTokenError

    desk = open_desk(ctx)
    found, now = operations.list_tokens(desk), desk.clock.now()
    unread = [f"✖ {UnreadableTokenError(each)}" for each in operations.unreadable_tokens(desk)]
    if json_:
        said = [_said(each) for each in found]
        render.json_document("tokens", desk.clock.now(), {"tokens": said})
        return render.complain(unread)
    columns = ("name", "scopes", "created_at", "created_by", "expires_at", "last_used_at")
    rows = [
        (
            *(each.name, " ".join(each.scopes), each.created_at, each.created_by),
            *(each.expires_at, each.last_used_at),
        )
        for each in found
    ]
    if csv:
        ends = [(each.revoked_at, each.revoked_by) for each in found]
        both = [(*row, *end) for row, end in zip(rows, ends, strict=True)]
        render.csv_rows((*columns, "revoked_at", "revoked_by"), both)
        return render.complain(unread)
    titles = ("name", "scopes", "created", "?by", "expires", "last used", "counts")
    counts = ["no" if why_spent(each, now) else "yes" for each in found]
    shown = [(*row, word) for row, word in zip(rows, counts, strict=True)]
    render.table("API tokens", titles, shown, zone=desk.zone)
    return render.complain(unread)


@token.command("revoke")
def revoke(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(help="The token's name; of one that cannot be read its number.")
    ],
    reason: Reason = "",
    json_: Json = False,
    yes: Yes = False,
) -> None:
    """Make a token count no more, from the next request on."""
    from mechexo.security import operations

    desk = open_desk(ctx)
    for number in operations.unreadable_tokens(desk):
        if name == str(number):
            operations.revoke_unreadable_token(desk, number, reason=reason)
            if json_:
                body = {"token": {"id": number}}
                return render.json_document("token", desk.clock.now(), body)
            return render.text(f"the token with the number {number} counts no more")
    gone = operations.revoke_token(desk, name, reason=reason)
    if json_:
        return render.json_document("token", desk.clock.now(), {"token": _said(gone)})
    return render.text(f"token {name} counts no more")


def _said(token: Token) -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "scopes": token.scopes,
        "created_at": token.created_at,
        "created_by": token.created_by,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
        "revoked_at": token.revoked_at,
        "revoked_by": token.revoked_by,
    }
