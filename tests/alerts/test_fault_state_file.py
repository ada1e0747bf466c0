"""The state file fails while alerts come in and go out: what was acknowledged is there, and what
may have gone out already says so when it goes out again."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from conftest import MakeDesk
from mechexo.alerts import operations as alerts
from mechexo.alerts.channels.process import Answer, Outgoing, SendingProcess
from mechexo.alerts.values import Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import BusyError, StateError
from support.failing_servers import failing_http
from support.program import command, environment, mechexo, one_line
from support.serving import until
from support.sinks import Sink
from support.small_disk import FILLER, fill

pytestmark = pytest.mark.slow

LEASE_IS_OVER = timedelta(seconds=16)
LONGEST_S = 60.0


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as made:
        yield made


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    """What happens after a message was leased and before it leaves."""
    happens: list[Callable[[], object]] = []
    send = SendingProcess.send

    def sending(self: SendingProcess, message: Outgoing, until_s: float, **how: object) -> Answer:
        if happens:
            thread = threading.Thread(target=happens.pop())
            thread.start()
            thread.join(LONGEST_S)
        return send(self, message, until_s, **how)

    monkeypatch.setattr(SendingProcess, "send", sending)
    return happens


def trouble(key: str, severity: str = "critical") -> Observation:
    return Observation(key, True, severity, "trouble", f"about {key}", "test")


def hook(url: str) -> str:
    return f'[channels.hook]\nurl = "{url}"\ntimeout = "10s"\n'


def on(disk: Path, rest: str) -> str:
    """A configuration whose state file lies on that disk."""
    return f'state = "{disk}/state.db"\n{rest}'


def marks(titles: list[str]) -> list[bool]:
    return [title.endswith("(resend)") for title in titles]


def take_in_until_it_fails(desk: Desk, severity: str = "info") -> tuple[set[str], StateError]:
    """The keys of the alerts that were acknowledged, and what was said of the next one."""
    taken: set[str] = set()
    for number in range(10_000):
        try:
            alerts.observe(desk, [trouble(f"{severity}-{number}", severity)])
        except StateError as error:
            return taken, error
        taken.add(f"{severity}-{number}")
    raise AssertionError("the disk takes everything")


def test_a_full_disk_loses_nothing_that_was_acknowledged_and_refuses_the_rest(
    make_desk: MakeDesk, small_disk: Path, sink: Sink
) -> None:
    desk = make_desk(on(small_disk, hook(sink.url)))
    fill(small_disk, but_bytes=300_000)
    taken, error = take_in_until_it_fails(desk, "low")
    assert "disk is full, nothing was written; free space" in str(error)
    assert {alert.key for alert in alerts.list_alerts(desk)} == taken
    (small_disk / FILLER).unlink()
    alerts.observe(desk, [trouble("after")])
    alerts.deliver_due(desk)
    assert [each["message"].splitlines()[0] for each in sink.got] == ["about after"]
    assert {alert.key for alert in alerts.list_alerts(desk)} == taken | {"after"}


def test_a_disk_that_fills_while_a_message_leaves_costs_one_marked_copy(
    make_desk: MakeDesk,
    small_disk: Path,
    sink: Sink,
    clock: VirtualClock,
    meanwhile: list[Callable[[], object]],
) -> None:
    desk = make_desk(on(small_disk, hook(sink.url)))
    alerts.observe(desk, [trouble("one")])

    def fills() -> None:
        fill(small_disk)
        take_in_until_it_fails(desk)

    meanwhile.append(fills)
    with pytest.raises(StateError, match="disk is full"):
        alerts.deliver_due(desk)
    (small_disk / FILLER).unlink()
    assert alerts.deliver_due(desk) == (), "not before the lease is over"
    clock.advance(LEASE_IS_OVER)
    (delivery,) = alerts.deliver_due(desk)
    assert (delivery.state, delivery.attempts) == ("sent", 2)
    assert marks([each["title"] for each in sink.got]) == [False, True]
    assert [e.kind for e in alerts.timeline(desk, 1)] == ["opened", "paged", "lost", "sent"]


def test_a_state_file_that_another_program_locks_while_a_message_leaves_costs_one_marked_copy(
    make_desk: MakeDesk,
    sink: Sink,
    clock: VirtualClock,
    meanwhile: list[Callable[[], object]],
) -> None:
    desk = make_desk(hook(sink.url))
    alerts.observe(desk, [trouble("one")])
    locked = sqlite3.connect(desk.state.path, isolation_level=None, check_same_thread=False)
    with closing(locked):
        meanwhile.append(lambda: locked.execute("BEGIN IMMEDIATE"))
        with pytest.raises(BusyError, match="locked"):
            alerts.deliver_due(desk)
        # Whoever raises an alert now hears that it was not taken.
        done = mechexo(
            *("alerts", "raise", "--key", "two", "--severity", "high"),
            *("--name", "x", "--summary", "y"),
            config=desk.config_path,
        )
        assert done.returncode == BusyError.exit_code
        one_line(done, "locked")
    assert [alert.key for alert in alerts.list_alerts(desk)] == ["one"]
    clock.advance(LEASE_IS_OVER)
    (delivery,) = alerts.deliver_due(desk)
    assert (delivery.state, delivery.attempts) == ("sent", 2)
    assert marks([each["title"] for each in sink.got]) == [False, True]


@contextmanager
def read_only(disk: Path) -> Iterator[None]:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)


def test_nothing_leaves_that_could_not_be_written_down_on_a_read_only_disk(
    make_desk: MakeDesk, small_disk: Path, sink: Sink
) -> None:
    desk = make_desk(on(small_disk, hook(sink.url)))
    alerts.observe(desk, [trouble("one")])
    # A file that is open for writing keeps a disk from becoming read-only.
    desk.state.close()
    with read_only(small_disk):
        for attempt in (
            lambda: alerts.observe(desk, [trouble("two")]),
            lambda: alerts.acknowledge(desk, 1),
            lambda: alerts.deliver_due(desk),
        ):
            with pytest.raises(StateError) as caught:
                attempt()
            assert str(small_disk) in str(caught.value)
            desk.state.close()
        assert sink.got == []
    assert [each.state for each in alerts.deliver_due(desk)] == ["sent"]
    assert [alert.key for alert in alerts.list_alerts(desk)] == ["one"]
    assert marks([each["title"] for each in sink.got]) == [False]


def test_a_tick_that_is_terminated_while_it_sends_leaves_nobody_behind_and_its_message_is_sent(
    make_desk: MakeDesk, tmp_path: Path
) -> None:
    mark = f"mechexo-test-{os.getpid()}-{tmp_path.name}"
    with failing_http("taken, then nothing") as (url, server):
        assert server is not None
        desk = make_desk(hook(url))
        alerts.observe(desk, [trouble("one")])
        ticking = subprocess.Popen(
            command("tick", config=desk.config_path), env=environment({"MARK": mark})
        )
        until(lambda: server.titles, "the message")
        ticking.send_signal(signal.SIGTERM)
        assert ticking.wait(LONGEST_S) == -signal.SIGTERM
        until(lambda: not marked(mark), "the end of the sending process")
    with Sink() as sink:
        desk = make_desk(hook(sink.url))
        later = Desk.open(
            desk.config_path,
            clock=VirtualClock(datetime.now(UTC) + LEASE_IS_OVER),
            actor=desk.actor,
        )
        assert "sent" in {each.state for each in alerts.deliver_due(later) if each.alert_id == 1}
        pages = [each["title"] for each in sink.got if "trouble" in each["title"]]
        assert marks(pages) == [True]
    assert desk.state.rows("PRAGMA integrity_check")[0][0] == "ok"


def marked(mark: str) -> list[str]:
    """The processes that were started with this in their environment."""
    found = []
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            if process.name.isdigit() and mark.encode() in (process / "environ").read_bytes():
                found.append(process.name)
    return found
