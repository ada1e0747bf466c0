"""The rules of tokens: what they look like, what is kept of them, whether one counts. Pure.

A token is `mechexo_<handle>_<secret>`. The handle finds its row; the digest of the whole text,
compared in constant time, decides. The secret has 256 bits from the system's generator, so that a
plain SHA-256 is enough: there is nothing to guess that a slow hash would protect.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime

from mechexo.errors import UsageError
from mechexo.security.values import Scope, Token
from mechexo.times import iso_z

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_TEXT = re.compile(r"mechexo_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")
NO_DIGEST = "0" * 64
"""Stands for a token that is not known, so that it takes as long to refuse as one that is."""


def compose(handle: str, secret: str) -> str:
    """The text that the bearer shows."""
    return f"mechexo_{handle}_{secret}"


def handle_of(text: str) -> str | None:
    """The handle in what was shown; None when it does not look like a token at all."""
    found = _TEXT.fullmatch(text)
    return found[1] if found else None


def digest(text: str) -> str:
    """What is stored of a token: SHA-256 of its whole text, as hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_same(shown: str, stored_digest: str) -> bool:
    """Whether the shown text is the token with this digest; takes as long either way."""
    return hmac.compare_digest(digest(shown).encode(), stored_digest.encode())


def why_spent(token: Token, now: datetime) -> str:
    """Why the token counts no more; "" while it does."""
    if token.revoked_at is not None:
        return f"the token {token.name} was revoked at {iso_z(token.revoked_at)}"
    if token.expires_at is not None and token.expires_at <= now:
        return f"the token {token.name} expired at {iso_z(token.expires_at)}"
    return ""


def check_name(name: str) -> str:
    """The name, if a token can have it.

    Raises:
        UsageError: it cannot.
    """
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a token; use up to 40 of a-z, 0-9, dot, dash and underscore, "
            "beginning with a letter or a digit"
        )
    return name


def read_scopes(names: tuple[str, ...]) -> tuple[Scope, ...]:
    """The scopes with these names, in the order of `Scope`.

    Raises:
        UsageError: there are none, or a name is no scope.
    """
    known = ", ".join(Scope)
    for name in names:
        if name not in list(Scope):
            raise UsageError(f"{name!r} is not a scope; use one or more of: {known}")
    if not names:
        raise UsageError(f"a token needs at least one scope: {known}")
    return tuple(scope for scope in Scope if scope in names)
