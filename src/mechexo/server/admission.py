"""Who a request comes from, and whether it may: the token it shows, its scope, its rate."""

from __future__ import annotations

import asyncio
import base64
import binascii
import threading
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.security import operations as security
from mechexo.security.values import Scope, TokenRefusedError
from mechexo.server.answers import RequestError
from mechexo.server.limits import RateLimit

if TYPE_CHECKING:
    from starlette.requests import Request

    from mechexo.desk import Desk
    from mechexo.security.values import Token

SAID_AGAIN_S = 300.0
"""How long a token that counts no more is passed over once an alert has said that it is shown:
who sends with it a thousand times a second shall not write to the disk as often."""


class Admission:
    """Lets requests in by their tokens, and remembers when each token was used last."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._rate = RateLimit(desk.settings.server.per_minute)
        self._lock = threading.Lock()
        self._used: dict[int, datetime] = {}
        self._acting: dict[tuple[str, Scope], Desk] = {}
        self._found: dict[str, tuple[Token, str] | None] = {}
        """What was looked up in this round of the loop, by handle."""
        self._spent_said_s: dict[int, float] = {}
        """When an alert last said of a token that it is shown though it counts no more, by id."""

    def admit(self, request: Request, scope: Scope) -> Desk:
        """The desk as the request's token acts on it.

        Raises:
            TokenRefusedError, NotAllowedError: it shows no token that counts for this.
            RequestError: the token has made too many requests (429).
        """
        token = security.authenticate(self._desk, shown_token(request), scope, self._look)
        self._count(token)
        if (acting := self._acting.get((token.name, scope))) is None:
            acting = security.acting_as(self._desk, token, scope)
            self._acting[token.name, scope] = acting
        return acting

    def begin_saying(self, spent: Token) -> bool:
        """Whether an alert is to say now that this token, which counts no more, is shown."""
        now_s = self._desk.clock.monotonic_s()
        with self._lock:
            said_s = self._spent_said_s.get(spent.id)
            if said_s is not None and now_s - said_s < SAID_AGAIN_S:
                return False
            self._spent_said_s[spent.id] = now_s
        return True

    def could_not_say(self, spent: Token) -> None:
        """The alert was not stored: the next request is to say it."""
        with self._lock:
            self._spent_said_s.pop(spent.id, None)

    def take_used(self) -> dict[int, datetime]:
        """The tokens, by id, that were used since this was last asked, and when."""
        with self._lock:
            used, self._used = self._used, {}
        return used

    def _look(self, desk: Desk, handle: str) -> tuple[Token, str] | None:
        """As `security.stored`, once for all requests that are answered in one round of the loop.

        In a storm a look takes as long as to read an alert. The others of its round had come before
        it was taken: one that is sent when a token has been revoked is read in a later round.
        """
        if not self._found:
            asyncio.get_running_loop().call_soon(self._found.clear)
        if handle not in self._found:
            self._found[handle] = security.stored(desk, handle)
        return self._found[handle]

    def _count(self, token: Token) -> None:
        with self._lock:
            self._used[token.id] = self._desk.clock.now()
            wait_s = self._rate.wait_s(token.id, self._desk.clock.monotonic_s())
        if wait_s:
            per_minute = self._desk.settings.server.per_minute
            raise RequestError(
                429,
                f"the token {token.name} made more than {per_minute} requests a minute "
                "([server] per_minute)",
                retry_after_s=wait_s,
            )


def shown_token(request: Request) -> str:
    """The token in the request's head: `Authorization: Bearer TOKEN`, or the password of basic
    authentication for what can send no other.

    Raises:
        TokenRefusedError: there is none.
    """
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    match scheme.lower():
        case "bearer":
            return rest.strip()
        case "basic":
            try:
                pair = base64.b64decode(rest.strip(), validate=True).decode()
            except (binascii.Error, ValueError):
                raise TokenRefusedError("the basic authentication cannot be read") from None
            return pair.partition(":")[2]
    raise TokenRefusedError(
        "this needs a token: send Authorization: Bearer TOKEN "
        "(made by: mechexo access token create)"
    )
