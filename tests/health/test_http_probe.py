"""The `http` kind against real servers, well and broken in every way we know."""

from __future__ import annotations

import socket
import ssl
import struct
import subprocess
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mechexo.health.values import Status

pytestmark = pytest.mark.slow

TOO_LATE = "no complete answer within 0.4 s"


def test_a_200_is_ok_and_its_value_is_the_latency(look_with, serve):
    outcome = look_with("http", url=serve("fine"))
    assert outcome.status == Status.OK
    assert outcome.unit == "ms"
    assert outcome.value > 0


def test_another_status_is_a_failure_that_names_both(look_with, serve):
    outcome = look_with("http", url=serve("down", 503))
    assert (outcome.status, outcome.detail) == (Status.CRITICAL, "answered 503, expected 200")


def test_a_redirect_is_not_followed(look_with, serve):
    url = serve("", 302, {"Location": "http://127.0.0.1:1/"})
    assert look_with("http", url=url).detail == "answered 302, expected 200"


def test_other_statuses_may_be_expected(look_with, serve):
    assert look_with("http", url=serve("", 401), expect_status=[401, 403]).status == Status.OK
    assert look_with("http", url=serve("", 401), expect_status=401).status == Status.OK


def test_a_refused_connection_is_a_failure(look_with, closed_port):
    outcome = look_with("http", url=f"http://127.0.0.1:{closed_port}/")
    assert (outcome.status, outcome.detail) == (Status.CRITICAL, "connection refused")


def test_a_name_that_cannot_be_resolved_is_unknown(look_with):
    outcome = look_with("http", url="http://gateway.invalid/")
    assert outcome.status == Status.UNKNOWN
    assert "cannot be resolved" in outcome.detail


def test_a_slow_answer_is_a_warning_or_a_failure(look_with, serve):
    url = serve("fine")
    assert look_with("http", url=url, warn_latency_ms=0.001).status == Status.WARNING
    slow = look_with("http", url=url, warn_latency_ms=0.001, critical_latency_ms=0.001)
    assert slow.status == Status.CRITICAL
    assert slow.detail.startswith("answered 200 in ")


def hang(connection: socket.socket, over: threading.Event) -> None:
    over.wait(10)


def drip(text: bytes):
    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(text)
        while not over.wait(0.05):
            connection.sendall(b"x")

    return talk


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(hang, id="hangs"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\nX-Slow: "), id="drips its headers"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"), id="drips its body"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\n\r\n"), id="drips a body without an end"),
    ],
)
def test_a_server_that_does_not_finish_in_time_is_a_failure(look_with, serve_raw, talk):
    outcome = look_with("http", url=f"http://127.0.0.1:{serve_raw(talk)}/", timeout_s=0.4)
    assert (outcome.status, outcome.detail) == (Status.CRITICAL, TOO_LATE)


def test_a_tls_handshake_that_hangs_is_a_failure(look_with, serve_raw):
    outcome = look_with("http", url=f"https://127.0.0.1:{serve_raw(hang)}/", timeout_s=0.4)
    assert (outcome.status, outcome.detail) == (Status.CRITICAL, TOO_LATE)


def reset(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(4096)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_a_reset_connection_is_a_failure(look_with, serve_raw):
    outcome = look_with("http", url=f"http://127.0.0.1:{serve_raw(reset)}/")
    assert (outcome.status, outcome.detail) == (Status.CRITICAL, "the connection was reset")


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"\x00\xff\x1b[31mSSH-2.0-garbage\r\n\r\n", id="garbage"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", id="half a body"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_an_answer_that_is_no_http_is_a_failure(look_with, serve_raw, said):
    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(4096)
        connection.sendall(said)

    outcome = look_with("http", url=f"http://127.0.0.1:{serve_raw(talk)}/")
    assert outcome.status == Status.CRITICAL
    assert outcome.detail.isprintable()


def test_a_json_path_must_have_the_expected_value(look_with, serve):
    url = serve('{"status": "up", "checks": [{"ok": true}, {"ok": false}]}')
    assert look_with("http", url=url, json_path="$.status", expect="up").status == Status.OK
    outcome = look_with("http", url=url, json_path="$.checks[*].ok", expect=True)
    assert outcome.status == Status.CRITICAL
    assert outcome.detail == "$.checks[*].ok is [true, false], expected true"


def test_json_one_is_not_true(look_with, serve):
    outcome = look_with("http", url=serve('{"ok": 1}'), json_path="$.ok", expect=True)
    assert outcome.status == Status.CRITICAL


def test_a_json_path_that_finds_nothing_is_a_failure(look_with, serve):
    outcome = look_with("http", url=serve("{}"), json_path="$.status", expect="up")
    assert (outcome.status, outcome.detail) == (
        Status.CRITICAL,
        "the answer has nothing at $.status",
    )


@pytest.mark.parametrize("body", ["{", "", "<html>", "[" * 100_000, b"\xff\xfe\xfa"])
def test_an_answer_that_is_no_json_is_a_failure(look_with, serve, body):
    outcome = look_with("http", url=serve(body), json_path="$.status", expect="up")
    assert outcome.status == Status.CRITICAL
    assert outcome.detail.startswith("the answer is not JSON")


def test_numbers_at_the_path_are_held_to_the_limits_and_the_worst_counts(look_with, serve):
    url = serve('{"lag": [1, 9, 4]}')
    outcome = look_with("http", url=url, json_path="$.lag[*]", critical_above=5, unit="s")
    assert outcome.status == Status.CRITICAL
    assert (outcome.value, outcome.unit) == (9.0, "s")


@pytest.mark.parametrize(
    ("expect", "limit", "status", "detail"),
    [
        (9, 10, Status.OK, "$.lag is 9 s"),
        (9, 5, Status.CRITICAL, "$.lag is 9 s, above 5"),
        (8, 10, Status.CRITICAL, "$.lag is 9, expected 8"),
        (8, 5, Status.CRITICAL, "$.lag is 9, expected 8"),
    ],
)
def test_what_is_expected_and_the_limits_are_both_judged(
    look_with, serve, expect, limit, status, detail
):
    outcome = look_with(
        "http",
        url=serve('{"lag": 9}'),
        json_path="$.lag",
        expect=expect,
        critical_above=limit,
        unit="s",
    )
    assert (outcome.status, outcome.detail) == (status, detail)


@pytest.mark.parametrize("value", ["null", '"9"', "true", "NaN"])
def test_what_is_no_number_is_unknown_under_limits(look_with, serve, value):
    url = serve(f'{{"lag": {value}}}')
    outcome = look_with("http", url=url, json_path="$.lag", critical_above=5)
    assert outcome.status == Status.UNKNOWN


def test_an_answer_past_the_cap_is_not_read_to_its_end(look_with, serve):
    url = serve("[" + "1," * 100_000 + "1]")
    outcome = look_with("http", url=url, json_path="$[0]", expect=1, max_body_bytes=1000)
    assert outcome.status == Status.UNKNOWN
    assert "max_body_bytes (1,000)" in outcome.detail
    assert look_with("http", url=url, max_body_bytes=1000).status == Status.OK


def test_secrets_are_resolved_when_used_and_never_shown(look_with, serve, monkeypatch, tmp_path):
    monkeypatch.setenv("GATEWAY_TOKEN", "s3cr3t/väl")
    (tmp_path / "key").write_text("hunter2\n")
    url = serve('{"echo": "hunter2"}')
    outcome = look_with(
        "http",
        url=url + "/?t=${env:GATEWAY_TOKEN}",
        headers={"X-Key": "${file:key}"},
        json_path="$.echo",
        expect="something else",
    )
    path, headers = serve.requests[0]
    assert headers["X-Key"] == "hunter2"
    assert "s3cr3t" in path
    assert "hunter2" not in outcome.detail
    assert "hunter2" not in str(outcome.value)
    assert "***" in outcome.detail


def test_a_reference_that_cannot_be_resolved_is_unknown_and_named(look_with):
    outcome = look_with("http", url="http://127.0.0.1/${env:NO_SUCH_VARIABLE}")
    assert outcome.status == Status.UNKNOWN
    assert "NO_SUCH_VARIABLE" in outcome.detail


def test_an_answer_cannot_steer_the_terminal(look_with, serve):
    url = serve('{"s": "\\u001b[2Jcleared\\n\\n\\u202e"}')
    outcome = look_with("http", url=url, json_path="$.s", expect="up")
    assert outcome.detail.isprintable()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 with ten days left, and its key, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    both = folder / "both.pem"
    subprocess.run(
        (
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 10 "
            "-subj /CN=gateway -addext subjectAltName=IP:127.0.0.1 "
            f"-keyout {folder}/key.pem -out {folder}/certificate.pem"
        ).split(),
        check=True,
        capture_output=True,
    )
    both.write_text((folder / "key.pem").read_text() + (folder / "certificate.pem").read_text())
    return both


@pytest.fixture
def secure_port(serve_raw, certificate: Path) -> int:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def talk(connection: socket.socket, over: threading.Event) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            request = secured.recv(4096)
            secured.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsec")
            while b"GET /drip" in request and not over.wait(0.05):
                pass
            secured.sendall(b"ure")

    return serve_raw(talk)


@pytest.mark.parametrize(
    ("warn_days", "critical_days", "status"),
    [(5, 1, Status.OK), (14, 3, Status.WARNING), (30, 20, Status.CRITICAL)],
)
def test_a_certificate_that_ends_soon_is_told(
    look_with, secure_port, certificate, warn_days, critical_days, status
):
    outcome = look_with(
        "http",
        now=datetime.now(UTC),
        url=f"https://127.0.0.1:{secure_port}/",
        ca_file=str(certificate),
        tls_warn_days=warn_days,
        tls_critical_days=critical_days,
    )
    assert outcome.status == status
    if status != Status.OK:
        assert outcome.detail.startswith("the certificate lasts ")
        assert outcome.value == pytest.approx(10, abs=0.1)


def test_a_certificate_that_nobody_vouches_for_is_refused(look_with, secure_port):
    outcome = look_with("http", url=f"https://127.0.0.1:{secure_port}/")
    assert outcome.status == Status.CRITICAL
    assert outcome.detail.startswith("the certificate is refused: self")


def test_a_body_that_stops_inside_tls_is_a_failure(look_with, secure_port, certificate):
    outcome = look_with(
        "http",
        url=f"https://127.0.0.1:{secure_port}/drip",
        ca_file=str(certificate),
        timeout_s=0.4,
    )
    assert (outcome.status, outcome.detail) == (Status.CRITICAL, TOO_LATE)


def test_a_missing_ca_file_is_unknown(look_with):
    outcome = look_with("http", url="https://127.0.0.1:1/", ca_file="nowhere.pem")
    assert outcome.status == Status.UNKNOWN
    assert "nowhere.pem cannot be read" in outcome.detail
