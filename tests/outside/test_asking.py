"""Many systems outside asked at once: real servers, of which some hang and one answers garbage."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import UnreachableError
from mechexo.fetching import fetch
from mechexo.outside import (
    Answer,
    HeldError,
    Question,
    Reading,
    Source,
    Standing,
    ask_all,
    readings,
)
from support.failing_servers import Server

EVERY = timedelta(minutes=1)


@dataclass
class Asked:
    """A source whose answer the test gives."""

    name: str
    answer: Callable[[Question], Answer]
    budget: str = ""
    every: timedelta = EVERY
    timeout_s: float = 5.0
    questions: list[Question] = field(default_factory=list)

    @property
    def source(self) -> Source:
        timeout = timedelta(seconds=self.timeout_s)
        return Source(self.name, self.every, timeout, self.ask, self.budget)

    def ask(self, question: Question) -> Answer:
        self.questions.append(question)
        return self.answer(question)


def good(_: Question) -> Answer:
    return Answer("fine")


def bad(_: Question) -> Answer:
    raise UnreachableError("it is down")


def ask(
    desk: Desk, *sources: Asked, deadline_s: float = 30.0, force: bool = False
) -> list[Reading]:
    found = ask_all(
        desk.state,
        desk.clock,
        [source.source for source in sources],
        prefix="t:",
        deadline_s=deadline_s,
        tick=EVERY,
        force=force,
    )
    return [found[source.name] for source in sources]


def over_http(name: str, url: str, timeout_s: float) -> Source:
    """A source behind a real server: its answer must be the word `fine`."""

    def ask(question: Question) -> Answer:
        answer = fetch(url, timeout_s=question.within_s, max_body_bytes=1000)
        if answer.body != b"fine":
            raise UnreachableError(f"the answer is garbage: {answer.body[:10]!r}")
        return Answer("fine")

    return Source(name, EVERY, timedelta(seconds=timeout_s), ask)


def talking(body: bytes) -> Callable[[Server, socket.socket], None]:
    def talk(server: Server, connection: socket.socket) -> None:
        connection.recv(65_536)
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode() + body)
        connection.close()

    return talk


def silent(server: Server, connection: socket.socket) -> None:
    connection.recv(65_536)
    server.requests += 1


@pytest.mark.slow
def test_two_that_hang_and_one_that_talks_garbage_do_not_slow_the_other_seven(desk: Desk) -> None:
    with (
        Server(silent) as hanging,
        Server(talking(b"\x00garbage")) as wild,
        Server(talking(b"fine")) as well,
    ):
        # The hanging ones may take ten times as long as the whole look has.
        sources = [over_http(f"t:hangs{n}", f"http://{hanging.address}/", 300.0) for n in (1, 2)]
        sources += [over_http("t:wild", f"http://{wild.address}/", 30.0)]
        sources += [over_http(f"t:well{n}", f"http://{well.address}/", 30.0) for n in range(7)]
        found = ask_all(desk.state, desk.clock, sources, prefix="t:", deadline_s=6.0, tick=EVERY)
    assert [found[f"t:well{n}"].value for n in range(7)] == ["fine"] * 7
    assert all(found[f"t:well{n}"].why == "" for n in range(7))
    assert found["t:wild"].why == r"the answer is garbage: b'\x00garbage'"
    for n in (1, 2):
        assert found[f"t:hangs{n}"].why.startswith("no ")
        assert found[f"t:hangs{n}"].value is None


@pytest.fixture
def stuck() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_a_question_that_still_hangs_is_not_asked_a_second_time(
    desk: Desk, stuck: threading.Event
) -> None:
    def hang(_: Question) -> Answer:
        stuck.wait(60)
        return Answer("late")

    source = Asked("t:a", hang, timeout_s=0.05)
    (first,) = ask(desk, source, deadline_s=0.1)
    (second,) = ask(desk, source, deadline_s=0.1, force=True)
    assert first.why == "no answer within 0.05 s"
    assert second.why == "the question before this one still hangs"
    assert len(source.questions) == 1


def test_a_failure_keeps_the_last_good_value_with_its_moment(
    desk: Desk, clock: VirtualClock
) -> None:
    good_at = clock.now()
    ask(desk, Asked("t:a", good))
    clock.advance(EVERY)
    (after,) = ask(desk, Asked("t:a", bad))
    assert (after.value, after.good_at, after.asked_at) == ("fine", good_at, clock.now())
    assert (after.why, after.failures) == ("it is down", 1)


def test_a_source_that_fails_again_and_again_is_left_alone_and_then_tried_once(
    desk: Desk, clock: VirtualClock
) -> None:
    source = Asked("t:a", bad)
    for _ in range(3):
        clock.advance(EVERY)
        (found,) = ask(desk, source)
    assert (found.standing, found.until) == (Standing.OPEN, clock.now() + timedelta(minutes=1))
    ask(desk, source)
    assert len(source.questions) == 3
    clock.advance(EVERY)
    (waiting,) = readings(desk.state, clock, [("t:a", "")], prefix="t:").values()
    assert waiting.standing is Standing.HALF_OPEN
    source.answer = good
    (well,) = ask(desk, source)
    assert (well.standing, well.why, well.failures) == (Standing.CLOSED, "", 0)


def test_a_person_may_ask_one_that_is_left_alone_but_not_one_that_asked_for_it(
    desk: Desk, clock: VirtualClock
) -> None:
    failing = Asked("t:a", bad)
    for _ in range(4):
        ask(desk, failing, force=True)
    assert len(failing.questions) == 4

    def busy(question: Question) -> Answer:
        raise HeldError("too many requests", question.now + timedelta(hours=1))

    held = Asked("t:b", busy)
    ask(desk, held, force=True)
    (found,) = ask(desk, held, force=True)
    assert (len(held.questions), found.standing, found.failures) == (1, Standing.HELD, 0)


def test_it_is_asked_no_more_often_than_every(desk: Desk, clock: VirtualClock) -> None:
    source = Asked("t:a", good, every=timedelta(minutes=5))
    for _ in range(11):
        ask(desk, source)
        clock.advance(EVERY)
    assert len(source.questions) == 3


def test_the_last_good_value_comes_with_the_next_question(desk: Desk, clock: VirtualClock) -> None:
    source = Asked("t:a", good)
    ask(desk, source)
    clock.advance(EVERY)
    ask(desk, source)
    assert [each.before for each in source.questions] == [None, "fine"]


@pytest.mark.parametrize("error", [KeyError("x"), SystemExit(3), RecursionError("deep")])
def test_whatever_a_source_raises_is_its_own_reason(desk: Desk, error: BaseException) -> None:
    def broken(_: Question) -> Answer:
        raise error

    found, other = ask(desk, Asked("t:a", broken), Asked("t:b", good))
    assert found.why.startswith(type(error).__name__)
    assert other.value == "fine"


def test_words_of_a_source_cannot_steer_the_terminal_and_are_never_empty(desk: Desk) -> None:
    def evil(_: Question) -> Answer:
        raise UnreachableError("\x1b[2Ja\nb" + "x" * 10_000)

    def mute(_: Question) -> Answer:
        raise UnreachableError("")

    first, second = ask(desk, Asked("t:a", evil), Asked("t:b", mute))
    assert first.why.isprintable()
    assert len(first.why) == 400
    assert second.why == "it failed and said nothing"


def test_a_value_too_long_to_keep_is_a_failure(desk: Desk) -> None:
    (found,) = ask(desk, Asked("t:a", lambda _: Answer("x" * 1_000_001)))
    assert (found.value, found.why) == (
        None,
        "its answer is too long to keep: 1,000,001 characters",
    )


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("fine", "it answered with str, not with an Answer of text"),
        (Answer(b"fine"), "it answered with Answer, not with an Answer of text"),  # type: ignore[arg-type]
        (Answer("\ud800"), "its answer is no text that can be kept"),
        (
            Answer("fine", datetime(2026, 3, 2)),  # noqa: DTZ001 - what is to be refused
            "it asks to be left alone until a moment without a zone",
        ),
    ],
)
def test_an_answer_that_cannot_be_kept_harms_nobody_else(
    desk: Desk, answer: Answer, why: str
) -> None:
    found, other = ask(desk, Asked("t:a", lambda _: answer), Asked("t:b", good))
    assert (found.why, found.value, other.value) == (why, None, "fine")


def test_a_year_of_asking_leaves_one_row_for_each_source(desk: Desk, clock: VirtualClock) -> None:
    ask(desk, Asked("t:gone", good))
    for _ in range(365):
        clock.advance(timedelta(days=1))
        ask(desk, Asked("t:a", good), Asked("t:b", bad))
    rows = desk.state.rows("SELECT name FROM outside_source ORDER BY name")
    assert [row["name"] for row in rows] == ["t:a", "t:b"]


def test_a_row_that_cannot_be_read_is_said_and_asked_anew(desk: Desk) -> None:
    ask(desk, Asked("t:a", good))
    desk.state.close()
    with sqlite3.connect(desk.state.path) as direct:
        direct.execute("UPDATE outside_source SET asked_at = 'soon'")
    (found,) = readings(desk.state, desk.clock, [("t:a", "")], prefix="t:").values()
    assert (found.why, found.value) == ("what was kept of it cannot be read", None)
    (mended,) = ask(desk, Asked("t:a", good))
    assert (mended.why, mended.value) == ("", "fine")


def test_what_another_process_learnt_meanwhile_counts_once(desk: Desk) -> None:
    def bad_beside(question: Question) -> Answer:
        other = Asked("t:a", bad)
        # Of another desk's name, as a question of another process is.
        threading.current_thread().name = "elsewhere"
        ask(desk, other, force=True)
        return bad(question)

    (found,) = ask(desk, Asked("t:a", bad_beside), force=True)
    assert found.failures == 1
