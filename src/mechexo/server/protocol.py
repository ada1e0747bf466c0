"""HTTP/1.1 with two things more than uvicorn's: a limit on how long the head of a request may take,
and errors as JSON."""

from __future__ import annotations

import asyncio
import json

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_BYTES = 32 * 1024


def protocol(head_timeout_s: float) -> type[H11Protocol]:
    """The protocol for connections whose heads must be there in time."""

    class Protocol(H11Protocol):
        """One connection."""

        _head_due: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._expect_head()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._under_way():
                self._head_is_there()
            elif self._head_due is None:
                # uvicorn waits for ever for the rest of a head that has begun.
                self._expect_head()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._head_is_there()

        def connection_lost(self, exc: Exception | None) -> None:
            self._head_is_there()
            super().connection_lost(exc)

        def send_400_response(self, msg: str) -> None:
            body = f"{json.dumps({'error': msg})}\n".encode()
            head = h11.Response(
                status_code=400,
                headers=[
                    (b"content-type", b"application/json"),
                    (b"content-length", str(len(body)).encode()),
                    (b"connection", b"close"),
                ],
                reason=b"Bad Request",
            )
            for event in (head, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
            self.transport.close()

        def _under_way(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _expect_head(self) -> None:
            self._head_due = self.loop.call_later(head_timeout_s, self._too_late)

        def _head_is_there(self) -> None:
            if self._head_due is not None:
                self._head_due.cancel()
                self._head_due = None

        def _too_late(self) -> None:
            self._head_due = None
            if not self._under_way() and not self.transport.is_closing():
                self.transport.close()

    return Protocol
