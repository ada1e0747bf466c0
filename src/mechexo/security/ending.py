"""Which tokens that somebody sends with end soon, or have ended. A face shows it in time: once a
token has ended, whatever its sender says is refused.

Loads little: `mechexo status` asks at each call.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.security import records
from mechexo.times import format_duration

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.security.values import Token

SOON = timedelta(days=14)
LATELY = timedelta(days=30)
"""A token that nobody has sent with for this long may end unnoticed."""


def ending(desk: Desk) -> tuple[tuple[Token, ...], tuple[int, ...]]:
    """The tokens that end within `SOON` or have ended, and were in use up to now, or to their end;
    oldest first. One that is revoked is not among them: somebody decided that. And the ids of
    those whose row cannot be read: nobody who sends with one of them is let in."""
    now = desk.clock.now()
    found, unreadable = records.standing(desk.state)
    return tuple(token for token in found if is_ending(token, now)), unreadable


def is_ending(token: Token, now: datetime) -> bool:
    """Whether somebody relies on a token that ends soon or has ended."""
    if token.revoked_at or token.expires_at is None or token.last_used_at is None:
        return False
    in_use = min(now, token.expires_at) - token.last_used_at <= LATELY
    return in_use and token.expires_at - now <= SOON


def words(token: Token, now: datetime) -> str:
    """When it ends, or how long ago it did and what that does."""
    assert token.expires_at is not None
    if token.expires_at > now:
        return f"expires in {format_duration(token.expires_at - now)}"
    ago = format_duration(now - token.expires_at)
    return f"expired {ago} ago: what is sent with it is refused"


def mending(token: Token) -> str:
    """What to do about it."""
    scopes = " ".join(f"--scope {scope}" for scope in token.scopes)
    return (
        f"mechexo access token create NEW {scopes}, give that to the sender, then "
        f"mechexo access token revoke {token.name}"
    )
