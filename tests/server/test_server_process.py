"""The real program: its address, its end, its neighbours, and clients that behave badly."""

from __future__ import annotations

import fcntl
import itertools
import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from mechexo import tick_log
from mechexo.actor import current_actor
from mechexo.alerts import operations as alerts
from mechexo.clock import SystemClock
from mechexo.desk import Desk
from mechexo.security import operations as security
from support.program import mechexo, one_line
from support.serving import Server, alert, token, until

pytestmark = pytest.mark.slow

MakeDesk = Callable[..., Desk]
WELL = '[probes.m]\nkind="host"\nmetric="memory_pct"\n'
MAILBOX = '[channels.box]\nurl="file://box.jsonl"\n[quiet_hours]\nenabled = false\n'


@pytest.fixture
def make_real(make_desk: MakeDesk) -> MakeDesk:
    """A desk on the machine's own clock, as the process has it."""

    def make(toml: str = "", **more: str) -> Desk:
        path = make_desk(toml, **more).config_path
        return Desk.open(path, clock=SystemClock(), actor=current_actor())

    return make


@contextmanager
def held(desk: Desk) -> Iterator[None]:
    with Path(f"{desk.state.path}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def messages(desk: Desk) -> list[dict[str, object]]:
    box = desk.root / "box.jsonl"
    return [json.loads(line) for line in box.read_text().splitlines()] if box.exists() else []


def test_it_says_where_it_listens_watches_pages_and_ends_well(make_real: MakeDesk) -> None:
    desk = make_real(WELL + MAILBOX)
    shown = token(desk)
    with Server(desk.config_path) as server, server.client(shown) as client:
        assert server.address.startswith("http://127.0.0.1:")
        until(lambda: client.get("/healthz").status_code == 200, "a good tick")
        assert client.get("/readyz").json()["reasons"] == []
        answer = client.post("/api/v1/alerts", json=alert("a", severity="critical"))
        number = answer.json()["alerts"][0]["id"]
        until(lambda: any(m["alert_id"] == number for m in messages(desk)), "the page")
        assert server.terminate() == 0
    assert server.errors == []
    assert alerts.get_alert(desk, number).pages == 1
    (used,) = security.list_tokens(desk)
    assert used.last_used_at is not None
    written = b"".join(file.read_bytes() for file in desk.root.rglob("*") if file.is_file())
    assert shown.split("_", 2)[2].encode() not in written


def test_a_port_in_use_is_exit_5(desk: Desk) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = mechexo("serve", "--port", port, config=desk.config_path)
    assert done.returncode == 5
    assert "it is in use; is mechexo serve running already?" in done.stderr.splitlines()[-1]


def test_a_host_that_is_not_known_is_exit_5(desk: Desk) -> None:
    token(desk)
    done = mechexo("serve", "--host", "no.such.host.invalid", config=desk.config_path)
    assert done.returncode == 5
    one_line(done, "the host 'no.such.host.invalid' is not known")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_beyond_this_machine_it_does_not_listen_without_a_token(desk: Desk, host: str) -> None:
    done = mechexo("serve", "--host", host, "--port", 0, config=desk.config_path)
    assert done.returncode == 2
    assert "can be reached from other machines, and no token is in use" in done.stderr


def test_with_a_token_it_does(make_real: MakeDesk) -> None:
    desk = make_real()
    token(desk)
    with Server(desk.config_path, "--host", "0.0.0.0") as server:
        assert httpx.get(f"{server.address}/livez").status_code == 200


def test_an_interrupt_ends_it_well_too(desk: Desk) -> None:
    with Server(desk.config_path) as server:
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(60) == 0


def test_without_a_token_it_says_that_it_takes_nothing(desk: Desk) -> None:
    with Server(desk.config_path) as server:
        assert httpx.post(f"{server.address}/api/v1/alerts", json=alert("a")).status_code == 401
    assert "no token is in use" in server.errors[0]
    assert server.errors[1] == (
        "mechexo: [channels]: none is configured: nobody is told of anything; "
        "add a table like [channels.mail]\n"
    )


def test_what_was_accepted_before_the_end_is_answered_and_there(make_real: MakeDesk) -> None:
    desk = make_real()
    shown = token(desk)
    with Server(desk.config_path) as server, server.client(shown) as client:
        client.get("/livez")
        with ThreadPoolExecutor(8) as pool, held(desk):
            answers = [
                pool.submit(client.post, "/api/v1/alerts", json=alert(str(number)))
                for number in range(8)
            ]
            text = "mechexo_ingest_waiting"
            until(lambda: f"{text} 0.0" not in client.get("/metrics").text, "waiting requests")
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)  # the signal is on its way while the disk still does not answer
        codes = [answer.result().status_code for answer in answers]
        assert server.process.wait(60) == 0
    assert codes == [200] * 8
    assert len(alerts.list_alerts(desk)) == 8


def test_two_on_one_file_are_as_one(make_real: MakeDesk) -> None:
    desk = make_real(MAILBOX + '[refresh]\ntick = "2s"\n' + WELL)
    shown = token(desk)
    with (
        Server(desk.config_path) as one,
        Server(desk.config_path) as other,
        one.client(shown) as first,
        other.client(shown) as second,
    ):
        for number in range(30):
            client = first if number % 2 else second
            said = alert(str(number // 2), severity="critical")
            assert client.post("/api/v1/alerts", json=said).status_code == 200
        until(lambda: len(messages(desk)) >= 15, "the pages")
        since = desk.clock.now()
        until(lambda: _ticks(desk, since) >= 3, "more ticks")
        for client in (first, second):
            assert client.get("/readyz").json()["reasons"] == []
    told = [message["alert_id"] for message in messages(desk)]
    assert len(told) == len(set(told)) == 15
    assert [each.count for each in alerts.list_alerts(desk)] == [2] * 15
    found = tick_log.between(desk.state, since, desk.clock.now())
    gaps = [(b.at - a.at).total_seconds() for a, b in itertools.pairwise(found)]
    # No more ticks than one server makes: they are never closer than its interval.
    assert all(gap > 1.5 for gap in gaps), gaps


def _ticks(desk: Desk, since: object) -> int:
    return len(tick_log.between(desk.state, since, desk.clock.now()))  # type: ignore[arg-type]


def test_a_tick_that_hangs_stops_neither_alerts_nor_pages(make_real: MakeDesk) -> None:
    with socket.socket() as silent:
        # A server that accepts and never answers.
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        desk = make_real(
            MAILBOX
            + f'[probes.silent]\nkind="http"\nurl="http://127.0.0.1:{port}/"\ntimeout="5s"\n'
        )
        shown = token(desk)
        with Server(desk.config_path) as server, server.client(shown) as client:
            connection, _ = silent.accept()
            assert client.post("/api/v1/alerts", json=alert("a")).status_code == 200
            until(lambda: messages(desk), "the page")
            ticked = tick_log.last(desk.state)
            connection.close()
    assert ticked is None, "the page went out while the tick still looked"


def test_a_disk_that_does_not_answer_is_503_with_when_to_come(make_real: MakeDesk) -> None:
    desk = make_real()
    shown = token(desk)
    with Server(desk.config_path) as server, server.client(shown) as client:
        with held(desk):
            answer = client.post("/api/v1/alerts", json=alert("a"))
            assert client.get("/livez").status_code == 200
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert "another process has been writing" in answer.json()["error"]
        assert client.post("/api/v1/alerts", json=alert("a")).status_code == 200


def test_ten_megabytes_are_refused_with_the_reason_and_the_server_lives(
    make_real: MakeDesk,
) -> None:
    desk = make_real()
    shown = token(desk)
    heads = {"content-type": "application/json"}

    def in_pieces() -> Iterator[bytes]:
        for _ in range(160):
            yield b"x" * 65_536

    with Server(desk.config_path) as server, server.client(shown) as client:
        for content in (b"x" * 10_485_760, in_pieces()):
            answer = client.post("/api/v1/alerts", content=content, headers=heads)
            assert answer.status_code == 413
            assert "larger than 1048576 bytes" in answer.json()["error"]
        assert client.post("/api/v1/alerts", json=alert("a")).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        (b"",),
        (b"POST /api/v1/alerts HTTP/1.1\r\nhost: x\r\n",),
        (b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n", b"GET /livez HT"),
    ],
    ids=["nothing", "half a head", "half a second head"],
)
def test_a_client_that_does_not_finish_its_head_is_let_go(
    desk: Desk, sent: tuple[bytes, ...]
) -> None:
    text = desk.config_path.read_text() + '[server]\nrequest_timeout = "1s"\n'
    desk.config_path.write_text(text)
    with Server(desk.config_path) as server, _connected(server) as client:
        for part in sent[:-1]:
            client.sendall(part)
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
        client.sendall(sent[-1])
        until(lambda: _drained(client), "the end of the connection")


def test_a_client_that_does_not_finish_its_body_is_408(make_real: MakeDesk) -> None:
    desk = make_real('[server]\nrequest_timeout = "1s"\n')
    shown = token(desk)
    with Server(desk.config_path) as server, _connected(server) as client:
        head = f"POST /api/v1/alerts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {shown}\r\n"
        client.sendall(f"{head}content-length: 10\r\n\r\n{{".encode())
        said = _until_the_end(client)
        assert said.startswith(b"HTTP/1.1 408")
        assert b"the request was not there after 1 s" in said


def test_what_is_no_http_is_one_line_of_json(desk: Desk) -> None:
    with Server(desk.config_path) as server, _connected(server) as client:
        client.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        said = _until_the_end(client)
        assert said.startswith(b"HTTP/1.1 400")
        assert said.partition(b"\r\n\r\n")[2] == b'{"error": "Invalid HTTP request received."}\n'


@contextmanager
def _connected(server: Server) -> Iterator[socket.socket]:
    host, _, port = server.address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as client:
        yield client


def _until_the_end(client: socket.socket) -> bytes:
    """All that the server says before it closes the connection."""
    return b"".join(iter(lambda: client.recv(4096), b""))


def _drained(client: socket.socket) -> bool:
    try:
        return client.recv(4096) == b""
    except ConnectionResetError:
        return True


def test_it_tells_systemd_and_the_watchdog_while_its_loop_advances(
    make_real: MakeDesk, tmp_path: Path
) -> None:
    desk = make_real()
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        told = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "4000000"}
        with Server(desk.config_path, env=told) as server:
            while heard.count(b"WATCHDOG=1") < 3:
                heard.append(manager.recv(200))
            server.process.send_signal(signal.SIGTERM)
            while b"STOPPING=1" not in heard:
                heard.append(manager.recv(200))
    assert b"READY=1\nSTATUS=accepts requests" in heard


def test_the_watchdog_hears_nothing_while_the_loop_hangs(
    make_real: MakeDesk, tmp_path: Path
) -> None:
    """The process still runs and answers; what does not advance is its loop."""
    desk = make_real()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        told = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "4000000"}
        with Server(desk.config_path, env=told) as server:
            while manager.recv(200) != b"WATCHDOG=1":
                pass
            with held(desk):
                # The pass waits for its turn at the file: silence, until it gives up.
                assert any(silence > 2.0 for silence in _silences(manager, 10))
                assert httpx.get(f"{server.address}/livez").status_code == 200


def _silences(manager: socket.socket, number: int) -> Iterator[float]:
    """The seconds between what is heard."""
    for _ in range(number):
        began = time.monotonic()
        manager.recv(200)
        yield time.monotonic() - began


def test_a_burst_of_many_clients_is_all_on_disk_and_answered_with_its_own(
    make_real: MakeDesk,
) -> None:
    desk = make_real()
    shown = token(desk)
    found: dict[str, int] = {}
    lock = threading.Lock()
    with Server(desk.config_path) as server:

        def client_of(part: int) -> None:
            with server.client(shown) as client:
                for number in range(20):
                    said = alert(f"{part}.{number}")
                    (taken,) = client.post("/api/v1/alerts", json=said).json()["alerts"]
                    with lock:
                        found[taken["key"]] = taken["id"]

        with ThreadPoolExecutor(16) as pool:
            list(pool.map(client_of, range(16)))
    stored = {each.key: each.id for each in alerts.list_alerts(desk)}
    assert stored == found
    assert len(stored) == 320
