"""What the security wing says: tokens, their scopes, and why one is refused."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from enum import StrEnum

from mechexo.actor import Role
from mechexo.errors import NotAllowedError
from mechexo.value_classes import dataclass


class Scope(StrEnum):
    """What a token may be used for."""

    READ = "read"
    """Reading the status, the alerts, the costs and the metrics."""
    ALERTS = "alerts"
    """Firing and resolving alerts."""
    PING = "ping"
    """Checking jobs in."""

    @property
    def role(self) -> Role:
        """The role in which a request of this scope acts."""
        return Role.VIEWER if self is Scope.READ else Role.RESPONDER


class TokenRefusedError(NotAllowedError):
    """What was shown is no token that counts."""


class UnreadableTokenError(TokenRefusedError):
    """The row of a token in the state file is damaged: it opens nothing any more."""

    def __init__(self, number: int) -> None:
        super().__init__(
            f"the token with the number {number} cannot be read in the state file and counts no "
            f"more; take it out with: mechexo access token revoke {number}, and make another one"
        )


@dataclass(frozen=True, slots=True)
class Token:
    """A token as stored. Its secret is not: only a digest of it is."""

    id: int
    name: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    """To the minute or so: noted now and then, not at every request."""
    revoked_at: datetime | None = None
    revoked_by: str | None = None


class TokenSpentError(TokenRefusedError):
    """What was shown is a token of the desk that counts no more: revoked or expired."""

    def __init__(self, text: str, token: Token) -> None:
        super().__init__(text)
        self.token = token


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token just made, with the text that its bearer shows: told this once."""

    token: Token
    text: str = field(repr=False)
