"""What comes over a connection: whole requests in any pieces, and what is none."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from mechexo.server.protocol import HEAD_BYTES, IS_WHOLE, protocol

REFUSED = b'{"error": "Invalid HTTP request received."}\n'
LIMIT_S = 60.0


@dataclass
class Echo:
    """An application that answers with what it was sent; `/slow` waits to be let go."""

    go: asyncio.Event = field(default_factory=asyncio.Event)
    seen: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen.append(scope)
        body, more = b"", scope["path"] != "/early"
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message["body"], message["more_body"]
        if scope["path"] == "/slow":
            await self.go.wait()
        said = f"{scope['method']} {scope['path']} ".encode() + body
        head = [(b"content-length", str(len(said)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": said, "more_body": False})


@contextlib.asynccontextmanager
async def listening(
    app: Echo, kind: Callable[..., asyncio.Protocol] | None = None, head_timeout_s: float = LIMIT_S
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server that speaks our protocol, or another."""
    made = kind or protocol(head_timeout_s)
    config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()

    def connected() -> asyncio.Protocol:
        return made(config=config, server_state=state, app_state={})

    server = await loop.create_server(connected, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()
        for each in tuple(state.connections):
            each.transport.close()
        for task in tuple(state.tasks):
            task.cancel()


def request(path: str, body: bytes = b"", *heads: bytes) -> bytes:
    length = b"content-length: %d" % len(body)
    lines = [f"POST {path} HTTP/1.1".encode(), b"host: x", length, *heads, b"", b""]
    return b"\r\n".join(lines) + body


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The status and body of the next answer."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT_S)
    lines = head.lower().split(b"\r\n")
    length = next(line for line in lines if line.startswith(b"content-length:"))
    return int(head.split()[1]), await reader.readexactly(int(length.partition(b":")[2]))


async def ended(reader: asyncio.StreamReader) -> bool:
    with contextlib.suppress(ConnectionResetError):
        return await asyncio.wait_for(reader.read(), LIMIT_S) == b""
    return True


BODIES = st.lists(
    st.sampled_from([b"", b"{}", b"POST / HTTP/1.1\r\n\r\n", b"x" * 40_000]), max_size=6
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(BODIES, st.lists(st.integers(1, 60_000), max_size=12), st.booleans())
def test_however_requests_are_cut_in_pieces_each_has_its_answer_in_its_turn(
    bodies: list[bytes], cuts: list[int], early: bool
) -> None:
    sent = b"".join(request(f"/{number}", body) for number, body in enumerate(bodies))

    async def ask() -> list[tuple[int, bytes]]:
        async with listening(Echo()) as (reader, writer):
            rest = sent
            for cut in cuts:
                writer.write(rest[:cut])
                rest = rest[cut:]
                await asyncio.sleep(0)
                if early:
                    await writer.drain()
            writer.write(rest)
            return [await answer(reader) for _ in bodies]

    wanted = [(200, f"POST /{number} ".encode() + body) for number, body in enumerate(bodies)]
    assert asyncio.run(ask()) == wanted


async def test_many_requests_at_once_are_answered_in_order() -> None:
    app = Echo()
    async with listening(app) as (reader, writer):
        writer.write(request("/slow") + b"".join(request(f"/{n}") for n in range(3000)))
        await writer.drain()
        while not app.seen:
            await asyncio.sleep(0.01)
        app.go.set()
        assert await answer(reader) == (200, b"POST /slow ")
        for number in range(3000):
            assert await answer(reader) == (200, f"POST /{number} ".encode())


async def test_a_request_is_whole_when_its_body_is_there_to_its_end_and_not_before() -> None:
    app = Echo()
    whole, cut = request("/first", b"{}"), request("/second", b"0123456789")
    async with listening(app) as (reader, writer):
        writer.write(whole + cut[:-4])
        assert await answer(reader) == (200, b"POST /first {}")
        while len(app.seen) < 2:
            await asyncio.sleep(0.01)
        assert [IS_WHOLE in scope for scope in app.seen] == [True, False]
        writer.write(cut[-4:])
        assert await answer(reader) == (200, b"POST /second 0123456789")
        assert all(scope[IS_WHOLE] for scope in app.seen)


async def test_what_is_no_http_does_not_take_the_answer_of_what_came_before_it() -> None:
    app = Echo()
    async with listening(app) as (reader, writer):
        writer.write(request("/slow") + b"\x16\x03\x01 hello\r\n\r\n")
        while not app.seen:
            await asyncio.sleep(0.01)
        app.go.set()
        assert await answer(reader) == (200, b"POST /slow ")
        assert await answer(reader) == (400, REFUSED)
        assert await ended(reader)


async def test_a_body_that_breaks_off_behind_another_request_is_refused_after_it() -> None:
    app = Echo()
    chunked = b"POST /x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    async with listening(app) as (reader, writer):
        writer.write(request("/slow") + chunked + b"zz\r\n")
        while not app.seen:
            await asyncio.sleep(0.01)
        app.go.set()
        assert await answer(reader) == (200, b"POST /slow ")
        assert await answer(reader) == (400, REFUSED)
        assert await ended(reader)
    assert [scope["path"] for scope in app.seen] == ["/slow"]


LINE = b"POST / HTTP/1.1\r\n"
STRANGE = {
    "no host": LINE + b"content-length: 0\r\n\r\n",
    "two hosts": LINE + b"host: a\r\nhost: b\r\ncontent-length: 0\r\n\r\n",
    "two lengths": LINE + b"host: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
    "a length that is none": LINE + b"host: x\r\ncontent-length: +1\r\n\r\na",
    "a negative length": LINE + b"host: x\r\ncontent-length: -1\r\n\r\na",
    "a length beyond all": LINE + b"host: x\r\ncontent-length: " + b"9" * 30 + b"\r\n\r\na",
    "an unknown coding": LINE + b"host: x\r\ntransfer-encoding: gzip\r\n\r\n",
    "a space before the colon": LINE + b"host: x\r\nname : y\r\n\r\n",
    "a NUL in a head": LINE + b"host: x\r\nname: a\0b\r\n\r\n",
    "a head without a name": LINE + b"host: x\r\n: y\r\n\r\n",
    "a broken piece": LINE + b"host: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcdefg\r\n",
    "another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a tunnel": b"CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n",
    "noise": b"\x16\x03\x01\0\0\r\n\r\n",
}


@pytest.mark.parametrize("sent", STRANGE.values(), ids=STRANGE)
async def test_what_is_no_request_is_refused_and_the_connection_closed(sent: bytes) -> None:
    async with listening(Echo()) as (reader, writer):
        writer.write(sent)
        assert await answer(reader) == (400, REFUSED)
        assert await ended(reader)


@pytest.mark.parametrize(
    "sent",
    [
        LINE + b"host: x\r\n" + b"a: b\r\n" * HEAD_BYTES,
        LINE + b"host: x\r\na: " + b"b" * 4 * HEAD_BYTES,
        b"POST /" + b"a" * 4 * HEAD_BYTES,
        b"\r\n" * 4 * HEAD_BYTES,
        LINE + b"host: x\r\ntransfer-encoding: chunked\r\n\r\n1;" + b"a" * 4 * HEAD_BYTES,
        LINE
        + b"host: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nend: "
        + b"a" * 4 * HEAD_BYTES,
    ],
    ids=["many lines", "a long line", "a long path", "empty lines", "a piece's words", "an end"],
)
async def test_more_than_a_head_may_hold_is_refused(sent: bytes) -> None:
    said = b""
    async with listening(Echo()) as (reader, writer):
        writer.write(sent)
        # The rest of it lies unread when the connection is closed: the answer may be lost.
        with contextlib.suppress(ConnectionResetError):
            said = await asyncio.wait_for(reader.read(), LIMIT_S)
    assert not said or said.startswith(b"HTTP/1.1 400 ")


async def test_a_body_in_pieces_is_put_together_and_what_follows_it_is_no_head() -> None:
    app = Echo()
    async with listening(app) as (reader, writer):
        heads = b"host: x\r\ntransfer-encoding: chunked\r\n"
        writer.write(LINE + heads + b"\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nauthorization: b\r\n\r\n")
        assert await answer(reader) == (200, b"POST / abcde")
        writer.write(request("/next"))
        assert await answer(reader) == (200, b"POST /next ")
    assert b"authorization" not in dict(app.seen[0]["headers"])


async def test_heads_are_lower_case_without_the_space_around_them() -> None:
    app = Echo()
    async with listening(app) as (reader, writer):
        writer.write(request("/a%20b?c=d", b"", b"Name:  \t value \t ", b"Empty:"))
        await answer(reader)
    (scope,) = app.seen
    assert dict(scope["headers"]) | {b"name": b"value", b"empty": b""} == dict(scope["headers"])
    assert (scope["path"], scope["query_string"]) == ("/a b", b"c=d")


async def test_one_that_would_rather_speak_another_protocol_is_answered_in_this_one() -> None:
    async with listening(Echo()) as (reader, writer):
        writer.write(
            b"GET /a HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
            b"GET /b HTTP/1.1\r\nhost: x\r\n\r\n"
        )
        assert await answer(reader) == (200, b"GET /a ")
        assert await ended(reader)


async def test_an_old_client_is_answered_and_let_go() -> None:
    async with listening(Echo()) as (reader, writer):
        writer.write(b"GET /a HTTP/1.0\r\n\r\n")
        assert await answer(reader) == (200, b"GET /a ")
        assert await ended(reader)


async def test_who_asks_before_sending_is_told_to() -> None:
    async with listening(Echo()) as (reader, writer):
        writer.write(request("/a", b"", b"expect: 100-continue").replace(b": 0", b": 2"))
        told = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT_S)
        assert told.startswith(b"HTTP/1.1 100 ")
        writer.write(b"ab")
        assert await answer(reader) == (200, b"POST /a ab")


async def test_an_answer_before_the_body_leaves_the_connection_whole() -> None:
    async with listening(Echo()) as (reader, writer):
        writer.write(request("/early", b"x" * 100_000)[:-50_000])
        assert await answer(reader) == (200, b"POST /early ")
        writer.write(b"x" * 50_000 + request("/next"))
        assert await answer(reader) == (200, b"POST /next ")


@pytest.mark.parametrize(
    "sent",
    [b"", b"POST / HT", request("/a") + b"POST / HT"],
    ids=["nothing", "half a head", "half a second head"],
)
async def test_who_does_not_go_on_is_let_go(sent: bytes) -> None:
    async with listening(Echo(), head_timeout_s=0.2) as (reader, writer):
        writer.write(sent)
        if b"\r\n\r\n" in sent:
            await answer(reader)
        assert await ended(reader)


async def test_a_client_that_ends_its_side_is_let_go() -> None:
    async with listening(Echo()) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab")
        writer.write_eof()
        assert await ended(reader)


HEADS = st.sampled_from(
    [
        *(b"a: b", b"Host: y", b"content-length: 3", b"content-length: x", b"connection: close"),
        *(b"transfer-encoding: chunked", b"a : b", b"a: \x01", b"\xff: a", b"expect: other"),
        b" folded",
    ]
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(HEADS, max_size=3), st.sampled_from([b"abc", b"3\r\nabc\r\n0\r\n\r\n", b""]))
def test_what_the_parser_in_python_refuses_is_never_taken(heads: list[bytes], body: bytes) -> None:
    """h11 is the oracle. llhttp may be stricter."""
    sent = b"\r\n".join([b"POST /a HTTP/1.1", b"host: x", *heads, b"", body])

    async def ask(kind: Callable[..., asyncio.Protocol] | None) -> tuple[int, bytes]:
        async with listening(Echo(), kind) as (reader, writer):
            writer.write(sent)
            writer.write_eof()
            try:
                return await answer(reader)
            except (asyncio.IncompleteReadError, StopIteration):
                return 0, b""

    ours = asyncio.run(ask(None))
    if ours[0] == 200:
        assert ours == asyncio.run(ask(H11Protocol))
