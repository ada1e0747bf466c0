"""Whether what sends us alerts, or reads us, will still be let in: its token's end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mechexo.doctor.findings import Finding, doubtful, wrong
from mechexo.security import ending

if TYPE_CHECKING:
    from mechexo.desk import Desk


def tokens(desk: Desk) -> Iterator[Finding]:
    """The tokens in use that end soon, have ended, or cannot be read."""
    now = desk.clock.now()
    tokens_ending, unreadable = ending.ending(desk)
    for number in unreadable:
        said = f"the token with the number {number} cannot be read, and opens nothing any more"
        mending = f"mechexo access token revoke {number}, then create one and give it to the sender"
        yield wrong("tokens", said, mending)
    for token in tokens_ending:
        has_ended = token.expires_at is not None and token.expires_at <= now
        judged = wrong if has_ended else doubtful
        said = f"the token {token.name} ({', '.join(token.scopes)}) {ending.words(token, now)}"
        yield judged("tokens", said, ending.mending(token))
