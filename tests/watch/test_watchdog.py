"""The sign of life goes out only while mechexo does its work, and its address is never shown."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conftest import MakeDesk
from mechexo.alerts import operations as alerts
from mechexo.alerts.values import Observation
from mechexo.clock import VirtualClock
from mechexo.errors import ConfigError, UnreachableError
from mechexo.tick_log import Stage
from mechexo.watch import tick
from mechexo.watchdog import audit, give_sign

pytestmark = pytest.mark.slow

CANARY = "3f1c6a52-canary-7d1e"


class Outside:
    """A service that waits for signs of life."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.status = 200
        outside = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outside.heard.append(self.path)
                self.send_response(outside.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/{CANARY}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    made = Outside()
    monkeypatch.setenv("WATCHDOG", made.url)
    yield made
    made.close()


WATCHED = '[watchdog]\nurl = "${env:WATCHDOG}"\n'


def test_what_was_left_undone_keeps_the_sign_from_going_out() -> None:
    assert audit((), None, ()) == ()
    assert audit((), timedelta(seconds=60), ()) == ()
    assert audit((Stage("probes", False, "hung", 6.0),), None, ()) == (
        "could not do its probes: hung",
    )
    assert audit((), timedelta(seconds=61), ("nobody was told about alert 1",)) == (
        "a message has been due for 1m1s",
        "nobody was told about alert 1",
    )


def test_a_tick_that_did_its_work_gives_the_sign(make_desk: MakeDesk, outside: Outside) -> None:
    report = tick(make_desk(WATCHED))
    assert outside.heard == [f"/{CANARY}"]
    assert "watchdog" in {stage.name for stage in report.stages}


def test_a_desk_in_trouble_whose_watcher_works_gives_it_too(
    make_desk: MakeDesk, outside: Outside
) -> None:
    desk = make_desk(WATCHED + '[channels.box]\nurl = "file://box.jsonl"\n')
    alerts.observe(desk, [Observation("x", True, "critical", "x", "broken", "gateway")])
    report = tick(desk)
    assert not report.ops_ok
    assert len(outside.heard) == 1


def test_a_page_that_nobody_gets_keeps_it_from_going_out(
    make_desk: MakeDesk, outside: Outside, clock: VirtualClock
) -> None:
    desk = make_desk(WATCHED)
    alerts.observe(desk, [Observation("x", True, "critical", "x", "broken", "gateway")])
    report = tick(desk)
    assert outside.heard == []
    (stage,) = [each for each in report.stages if each.name == "watchdog"]
    assert not stage.ok
    assert "nobody was told about alert 1" in stage.detail


def test_an_answer_that_is_no_success_is_told_without_the_address(
    make_desk: MakeDesk, outside: Outside
) -> None:
    outside.status = 500
    desk = make_desk(WATCHED)
    with pytest.raises(UnreachableError, match="answered 500") as told:
        give_sign(desk, timeout_s=5)
    assert CANARY not in str(told.value)


def test_an_outside_that_is_gone_is_told_without_the_address(
    make_desk: MakeDesk, outside: Outside
) -> None:
    outside.close()
    with pytest.raises(UnreachableError) as told:
        give_sign(make_desk(WATCHED), timeout_s=5)
    assert CANARY not in str(told.value)


def test_an_address_in_plain_text_is_refused(make_desk: MakeDesk) -> None:
    with pytest.raises(ConfigError, match=r"\[watchdog\] url holds a secret"):
        make_desk('[watchdog]\nurl = "https://user:secret@hc.example/x"\n')
