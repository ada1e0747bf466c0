"""What is written at one go is sent in one piece."""

from __future__ import annotations

import asyncio
import socket

from mechexo.server.gathering import GatheringTransport


class Sent(asyncio.Transport):
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: object) -> None:
        assert not self.closed
        self.pieces.append(bytes(data))  # type: ignore[call-overload]

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


async def test_writes_that_follow_each_other_are_one_piece_and_in_order() -> None:
    sent = Sent()
    transport = GatheringTransport(sent, asyncio.get_running_loop())
    transport.write(b"head ")
    transport.write(bytearray(b"body"))
    assert sent.pieces == []
    await asyncio.sleep(0)
    assert sent.pieces == [b"head body"]
    transport.write(b"next")
    await asyncio.sleep(0)
    assert sent.pieces == [b"head body", b"next"]


async def test_what_was_written_before_the_end_is_sent_before_it() -> None:
    sent = Sent()
    transport = GatheringTransport(sent, asyncio.get_running_loop())
    transport.write(b"last words")
    transport.close()
    assert (sent.pieces, sent.closed, transport.is_closing()) == ([b"last words"], True, True)
    await asyncio.sleep(0)
    assert sent.pieces == [b"last words"]


async def test_nothing_is_written_to_a_connection_that_has_gone() -> None:
    sent = Sent()
    transport = GatheringTransport(sent, asyncio.get_running_loop())
    transport.write(b"too late")
    sent.close()
    await asyncio.sleep(0)
    assert sent.pieces == []


async def test_an_answer_over_a_real_connection_arrives_whole() -> None:
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
    gathering = GatheringTransport(transport, loop)
    gathering.write(b"a")
    gathering.write(b"b")
    gathering.close()
    reader, writer = await asyncio.open_connection(sock=theirs)
    assert await reader.read() == b"ab"
    writer.close()
