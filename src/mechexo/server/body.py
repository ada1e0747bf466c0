"""Reading what a client sends: no more than allowed, no longer than allowed."""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request

from mechexo.server.answers import JSON, RequestError
from mechexo.server.protocol import IS_WHOLE

_READ_ON_BYTES = 32 * 1024 * 1024
"""So much of a body that is too large is read and dropped: a client that is cut off in the middle
of sending sees a broken connection and not the reason."""


async def read_body(request: Request, *, limit_bytes: int, timeout_s: float) -> bytes:
    """The body of the request.

    Raises:
        RequestError: it is larger (413), took longer (408), is packed (415), or the client went.
    """
    packed = request.headers.get("content-encoding", "identity").strip().lower()
    if packed not in ("", "identity"):
        raise RequestError(415, f"content-encoding {packed} is not taken; send it as it is")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit_bytes:
        asked = request.headers.get("expect", "").lower() == "100-continue"
        if asked or int(declared) > _READ_ON_BYTES:
            raise _too_large(limit_bytes)
    read = bytearray()
    size = 0
    try:
        # A timer takes longer than all the rest of reading what is there.
        async with asyncio.timeout(None if request.scope.get(IS_WHOLE) else timeout_s):
            more = True
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                chunk, more = message.get("body", b""), message.get("more_body", False)
                size += len(chunk)
                if size <= limit_bytes:
                    read += chunk
                elif size > _READ_ON_BYTES:
                    break
                else:
                    read.clear()
    except TimeoutError:
        if size <= limit_bytes:
            raise RequestError(
                408, f"the request was not there after {timeout_s:g} s ([server] request_timeout)"
            ) from None
    except ClientDisconnect:
        raise RequestError(400, "the client went away in the middle of its request") from None
    if size > limit_bytes:
        raise _too_large(limit_bytes)
    return bytes(read)


def _too_large(limit_bytes: int) -> RequestError:
    return RequestError(
        413, f"the body is larger than {limit_bytes} bytes ([server] body_limit_kb)"
    )


def check_json(request: Request) -> None:
    """Refuses a body that says it is something else than JSON in UTF-8.

    Raises:
        RequestError: it does (415).
    """
    said = request.headers.get("content-type")
    if said is None:
        return
    kind, _, rest = said.partition(";")
    kind, parameters = kind.strip().lower(), rest.lower().replace('"', "").replace(" ", "")
    if kind != JSON and not (kind.startswith("application/") and kind.endswith("+json")):
        raise RequestError(415, f"content-type {kind or 'nothing'} is not taken; send {JSON}")
    charsets = [part for part in parameters.split(";") if part.startswith("charset=")]
    if charsets not in ([], ["charset=utf-8"]):
        raise RequestError(415, f"{charsets[0]} is not taken; send UTF-8")
