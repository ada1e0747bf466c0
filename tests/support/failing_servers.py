"""Real servers on loopback, for HTTP and for mail, that fail in one chosen way each."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes
from email.header import decode_header, make_header
from typing import BinaryIO

from support.ending import Ended
from support.fake_service import nobody_accepts, nobody_listens

MAIL = "from=desk@example.com&to=you@example.com"
RETRY_AFTER_S = 120


class Server(Ended):
    """Talks to each connection in a thread of its own. `titles` are those of the messages that came
    in whole, whatever was answered."""

    def __init__(self, talk: Callable[[Server, socket.socket], None]) -> None:
        self.titles: list[str] = []
        self.requests = 0
        self._talk, self._open = talk, [socket.create_server(("127.0.0.1", 0), backlog=16)]
        self.address = f"127.0.0.1:{self._open[0].getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Server:
        return self

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._open[0].accept()
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # Clients of these tests end without saying goodbye.
        with suppress(OSError):
            self._talk(self, connection)

    def end(self) -> None:
        with suppress(OSError):
            self._open[0].shutdown(socket.SHUT_RDWR)
        for each in self._open:
            each.close()


@contextmanager
def failing_http(how: str) -> Iterator[tuple[str, Server | None]]:
    """The address of a channel that sends JSON to a server that fails so, and the server."""
    if how == "no such name":
        yield "json://desk-alerts.invalid/", None
    elif how == "refused":
        with nobody_listens() as url:
            yield url.replace("http", "json"), None
    elif how == "connecting hangs":
        with nobody_accepts() as url:
            yield url.replace("http", "json"), None
    else:
        scheme = "jsons" if how == "no TLS there" else "json"
        with Server(lambda server, connection: _http(server, connection, how)) as server:
            yield f"{scheme}://{server.address}/", server


@contextmanager
def failing_mail(how: str) -> Iterator[tuple[str, Server | None]]:
    """The same for a channel that sends mail."""
    plain = f"/?{MAIL}&mode=insecure"
    if how == "no such name":
        yield f"mailto://desk-alerts.invalid{plain}", None
    elif how == "refused":
        with nobody_listens() as url:
            yield url.replace("http", "mailto") + plain, None
    elif how == "connecting hangs":
        with nobody_accepts() as url:
            yield url.replace("http", "mailto") + plain, None
    else:
        with Server(lambda server, connection: _mail(server, connection, how)) as server:
            modes = {"no TLS there": "ssl", "no STARTTLS": "starttls"}
            mode = modes.get(how, "insecure")
            scheme = "mailto" if mode == "insecure" else "mailtos"
            yield f"{scheme}://{server.address}/?{MAIL}&mode={mode}", server


def _http(server: Server, connection: socket.socket, how: str) -> None:
    if how == "reading hangs":
        return
    if how == "no TLS there":
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        connection.close()
        return
    with connection.makefile("rb") as stream:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = stream.readline()
            if not line:
                return
            head += line
        found = re.search(rb"(?i)content-length: *(\d+)", head)
        body = stream.read(int(found[1]) if found else 0)
    server.titles.append(json.loads(body)["title"])
    server.requests += 1
    if how == "taken, then nothing":
        return
    if how in ("reset in the answer", "half an answer"):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
        if how == "reset in the answer":
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        _hang_up(connection, gently=how == "half an answer")
        return
    status = "200" if how == "500, then 200" and server.requests > 1 else how[:3]
    wait = f"Retry-After: {RETRY_AFTER_S}\r\n" if status == "429" else ""
    answer = f"HTTP/1.1 {status} Said\r\n{wait}Content-Length: 2\r\nConnection: close\r\n\r\n{{}}"
    connection.sendall(answer.encode())
    connection.close()


def _hang_up(connection: socket.socket, *, gently: bool) -> None:
    if gently:
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


_REFUSALS = {
    "421 at the door": ("greeting", b"421 too busy"),
    "450 for the reader": ("RCPT", b"450 mailbox busy"),
    "452 for the mail": ("END", b"452 no room"),
    "550 for the reader": ("RCPT", b"550 no such user"),
    "554 for the mail": ("END", b"554 refused by policy"),
}


def _mail(server: Server, connection: socket.socket, how: str) -> None:
    step, refusal = _REFUSALS.get(how, ("", b""))
    if how == "reading hangs":
        return
    with connection.makefile("rb") as stream:
        _line(connection, refusal if step == "greeting" else b"220 here")
        while line := stream.readline():
            word = line.split(b":")[0].split()[0].upper().decode("latin-1") if line.strip() else ""
            if word == step:
                _line(connection, refusal)
            elif word == "DATA":
                _line(connection, b"354 go on")
                if how == "reset in the mail":
                    stream.readline()
                    _hang_up(connection, gently=True)
                    return
                server.titles.append(_subject(stream))
                if how == "taken, then nothing":
                    return
                _line(connection, refusal if step == "END" else b"250 taken")
            elif word == "QUIT":
                _line(connection, b"221 bye")
                connection.close()
                return
            else:
                _line(connection, b"250 yes")


def _line(connection: socket.socket, text: bytes) -> None:
    connection.sendall(text + b"\r\n")


def _subject(stream: BinaryIO) -> str:
    lines = []
    while (line := stream.readline()).rstrip() != b"." and line:
        lines.append(line)
    return str(make_header(decode_header(str(message_from_bytes(b"".join(lines))["Subject"]))))
