"""HTTP/1.1 with more than uvicorn's: limits on how long the head of a request may take and how
large it may be, answers in the order of the requests whatever follows them, and errors as JSON.

The parser is in C (llhttp) and keeps nothing back: it tells at once all that the data holds. So it
is given small pieces, and none while a whole request still waits for its answer.
"""

from __future__ import annotations

import asyncio
import json

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mechexo.server.gathering import GatheringTransport

HEAD_BYTES = 32 * 1024
"""The most that may come without making a whole head, or a piece of a body."""
_PIECE_BYTES = 16 * 1024
IS_WHOLE = "mechexo.is_whole"
"""In the scope of a request whose body is there to its end: nothing of it has to be waited for."""
_NOT_HTTP = "Invalid HTTP request received."


def protocol(head_timeout_s: float) -> type[HttpToolsProtocol]:
    """The protocol for connections whose heads must be there in time."""

    class Protocol(HttpToolsProtocol):
        """One connection."""

        _head_due: asyncio.TimerHandle | None = None
        _in_head = False
        _unmade = 0
        """Bytes since the last whole head or piece of a body."""
        _owed = 0
        """Requests that have no whole answer yet."""
        _unread = b""
        """What came after a request that is not answered yet."""
        _is_deaf = False
        """What comes now cannot be understood any more."""
        _refusal = ""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(GatheringTransport(transport, self.loop))
            self._expect_head()

        def data_received(self, data: bytes) -> None:
            self._unset_keepalive_if_required()
            if self._unread:
                self._unread += data
                self.flow.pause_reading()
            elif not self._is_deaf:
                self._read(data)
            if self._owed:
                self._head_is_there()
            elif self._head_due is None and not self.transport.is_closing():
                # uvicorn waits for ever for the rest of a head that has begun.
                self._expect_head()

        def on_message_begin(self) -> None:
            self._in_head = True
            super().on_message_begin()

        def on_header(self, name: bytes, value: bytes) -> None:
            # What follows a body in pieces is no head.
            if self._in_head:
                super().on_header(name, value.rstrip(b" \t"))

        def on_headers_complete(self) -> None:
            version = self.parser.get_http_version()
            hosts = sum(name == b"host" for name, _ in self.headers)
            if version not in ("1.0", "1.1") or hosts > 1 or (version == "1.1" and not hosts):
                raise ValueError(_NOT_HTTP)
            super().on_headers_complete()
            self._in_head, self._unmade = False, 0
            self._owed += 1

        def on_body(self, body: bytes) -> None:
            self._unmade = 0
            super().on_body(body)

        def on_message_complete(self) -> None:
            super().on_message_complete()
            self.scope[IS_WHOLE] = True  # type: ignore[literal-required]

        def on_response_complete(self) -> None:
            self._owed -= 1
            super().on_response_complete()
            self._head_is_there()
            if self.transport.is_closing():
                return
            if self._refusal and not self._owed:
                self._unset_keepalive_if_required()
                self.send_400_response(self._refusal)
            elif self._unread and not self._holds_whole_request():
                unread, self._unread = self._unread, b""
                self.data_received(unread)
            elif self._in_head and not self._owed:
                self._expect_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._head_is_there()
            self._unread = b""
            super().connection_lost(exc)

        def send_400_response(self, msg: str) -> None:
            body = f"{json.dumps({'error': msg})}\n".encode()
            head = (
                "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
            self.transport.close()

        def _read(self, data: bytes) -> None:
            for start in range(0, len(data), _PIECE_BYTES):
                if self._is_deaf:
                    return
                if self._holds_whole_request():
                    self._unread = data[start:]
                    self.flow.pause_reading()
                    return
                self._parse(data[start : start + _PIECE_BYTES])

        def _parse(self, piece: bytes) -> None:
            self._unmade += len(piece)
            try:
                self.parser.feed_data(piece)
            except httptools.HttpParserUpgrade:
                # Answered as if it had not asked; what it says after that is no HTTP/1.1.
                self._is_deaf = True
                self.cycle.keep_alive = False
            except httptools.HttpParserError:
                self._refuse(_NOT_HTTP)
            else:
                if self._unmade > HEAD_BYTES:
                    self._refuse(_NOT_HTTP)

        def _holds_whole_request(self) -> bool:
            """Whether the newest request is there to its end, and not answered."""
            cycle = self.cycle
            return cycle is not None and not cycle.response_complete and not cycle.more_body

        def _refuse(self, why: str) -> None:
            """Says so when all that came before it is answered, and closes the connection."""
            self._is_deaf = True
            cycle = self.cycle
            if not self._in_head and cycle is not None and cycle.more_body:
                if self.pipeline and self.pipeline[0][0] is cycle:
                    self.pipeline.popleft()
                    self._owed -= 1
                elif cycle.response_started:
                    self.transport.close()
                    return
                else:
                    self.send_400_response(why)
                    return
            if self._owed:
                self._refusal = why
            else:
                self.send_400_response(why)

        def _expect_head(self) -> None:
            self._head_due = self.loop.call_later(head_timeout_s, self._too_late)

        def _head_is_there(self) -> None:
            if self._head_due is not None:
                self._head_due.cancel()
                self._head_due = None

        def _too_late(self) -> None:
            self._head_due = None
            if not self._owed and not self.transport.is_closing():
                self.transport.close()

    return Protocol
