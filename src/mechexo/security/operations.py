"""What can be asked of the security wing: making, listing, revoking and checking API tokens."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.actor import Actor, Role
from mechexo.errors import ConflictError, NotAllowedError, NotFoundError, UsageError, close_names
from mechexo.security import records, tokens
from mechexo.security.values import (
    NewToken,
    Scope,
    Token,
    TokenRefusedError,
    TokenSpentError,
)
from mechexo.times import in_zone, iso_z

if TYPE_CHECKING:
    from mechexo.desk import Desk

_SECRET_BYTES = 32

Look = Callable[["Desk", str], tuple[Token, str] | None]
"""Finds a token and its digest by its handle."""


def create_token(
    desk: Desk,
    name: str,
    scopes: tuple[str, ...],
    *,
    expires_in: timedelta | None = None,
    reason: str = "",
) -> NewToken:
    """Makes a token. Its text is in the answer and nowhere else: only a digest of it is stored.

    Raises:
        UsageError: the name, a scope or the time to its end cannot be used.
        ConflictError: a token of this name is in use.
        NotAllowedError: the role is below admin.
    """
    tokens.check_name(name)
    wanted, now = tokens.read_scopes(scopes), desk.clock.now()
    expires_at = _end(now, expires_in)
    text = tokens.compose(secrets.token_hex(4), secrets.token_urlsafe(_SECRET_BYTES))
    with desk.operation("access.token.create", name, needs=Role.ADMIN, reason=reason) as operation:
        if records.named(operation.transaction, name):
            raise ConflictError(
                f"there is a token {name} already; revoke it first, or choose another name"
            )
        made = records.insert(
            operation.transaction,
            handle=tokens.handle_of(text) or "",
            digest=tokens.digest(text),
            name=name,
            scopes=wanted,
            at=now,
            by=desk.actor.name,
            expires_at=expires_at,
        )
        operation.after = {
            "id": made.id,
            "scopes": list(wanted),
            "expires_at": None if expires_at is None else iso_z(expires_at),
        }
    return NewToken(made, text)


def list_tokens(desk: Desk) -> tuple[Token, ...]:
    """All tokens that can be read, the revoked and the expired ones too, oldest first."""
    return records.every(desk.state)


def unreadable_tokens(desk: Desk) -> tuple[int, ...]:
    """The numbers of the tokens whose rows cannot be read and that are not revoked."""
    return records.standing(desk.state)[1]


def revoke_token(desk: Desk, name: str, *, reason: str = "") -> Token:
    """Makes a token count no more, from the next request on.

    Raises:
        NotFoundError: no token of this name is in use.
        NotAllowedError: the role is below admin.
    """
    now = desk.clock.now()
    with desk.operation("access.token.revoke", name, needs=Role.ADMIN, reason=reason) as operation:
        found = records.named(operation.transaction, name)
        if found is None:
            raise NotFoundError(f"there is no token {name}{_missing(desk, name)}")
        records.revoke(operation.transaction, found.id, now, desk.actor.name)
        operation.before = {"id": found.id, "scopes": list(found.scopes)}
    return next(each for each in records.every(desk.state) if each.id == found.id)


def revoke_unreadable_token(desk: Desk, number: int, *, reason: str = "") -> None:
    """Takes a token that cannot be read out of what the desk is asked to mend.

    Raises:
        NotFoundError: no unrevoked token of this number is unreadable.
        NotAllowedError: the role is below admin.
    """
    now, name = desk.clock.now(), f"number {number}"
    with desk.operation("access.token.revoke", name, needs=Role.ADMIN, reason=reason) as operation:
        if number not in unreadable_tokens(desk):
            raise NotFoundError(f"there is no token with the number {number} that cannot be read")
        records.revoke(operation.transaction, number, now, desk.actor.name)
        operation.before = {"id": number}


def _missing(desk: Desk, name: str) -> str:
    """Why no token of this name can be revoked."""
    every = records.every(desk.state)
    was = [each for each in every if each.name == name and each.revoked_at]
    if was and (at := was[-1].revoked_at):
        by = was[-1].revoked_by
        return f" any more: {by} revoked it at {in_zone(at, desk.zone)}; nothing is left to do"
    known = sorted(each.name for each in every if not each.revoked_at)
    return f"; {close_names(name, known) if known else 'there is none'}"


def in_use(desk: Desk) -> tuple[Token, ...]:
    """The tokens that count now."""
    now = desk.clock.now()
    return tuple(each for each in records.every(desk.state) if not tokens.why_spent(each, now))


def stored(desk: Desk, handle: str) -> tuple[Token, str] | None:
    """The token with this handle, and its digest."""
    return records.by_handle(desk.state, handle)


def authenticate(desk: Desk, shown: str, scope: Scope, look: Look = stored) -> Token:
    """The token that was shown, if it counts and has the scope.

    Args:
        desk: whose tokens.
        shown: the text of it.
        scope: what it is wanted for.
        look: finds a token by its handle.

    Raises:
        TokenRefusedError: it is not known.
        TokenSpentError: it is revoked or expired.
        NotAllowedError: it lacks the scope.
    """
    handle = tokens.handle_of(shown)
    found = look(desk, handle) if handle else None
    # Compared also when there is nothing to compare with: how long it takes tells nothing.
    same = tokens.is_same(shown, found[1] if found else tokens.NO_DIGEST)
    if found is None or not same:
        raise TokenRefusedError("the token is not known; see: mechexo access token list")
    token = found[0]
    if why := tokens.why_spent(token, desk.clock.now()):
        raise TokenSpentError(why, token)
    if scope not in token.scopes:
        raise NotAllowedError(
            f"this needs the scope {scope}; the token {token.name} has {', '.join(token.scopes)}"
        )
    return token


def actor_name(token: Token) -> str:
    """Who acts when a request shows the token."""
    return f"token:{token.name}"


def acting_as(desk: Desk, token: Token, scope: Scope) -> Desk:
    """The desk as a request with this token and scope acts on it."""
    role = min(scope.role, Role.RESPONDER)
    return desk.acting_as(Actor(desk.actor.uid, actor_name(token), granted=role))


def note_used(desk: Desk, used: Mapping[int, datetime]) -> None:
    """Stores when tokens, by id, were used last. Bookkeeping, and so without an audit entry."""
    if used:
        with desk.state.write() as transaction:
            records.note_used(transaction, used)


def _end(now: datetime, expires_in: timedelta | None) -> datetime | None:
    if expires_in is None:
        return None
    if expires_in <= timedelta():
        raise UsageError("a token must last longer than no time")
    try:
        return now + expires_in
    except OverflowError:
        raise UsageError("a token cannot last that long") from None
