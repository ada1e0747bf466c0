"""The `tcp` kind against real sockets."""

from __future__ import annotations

import socket

from mechexo.health.values import Status


def test_a_port_that_accepts_connections_is_ok(look_with, serve_raw):
    port = serve_raw(lambda connection, over: None)
    outcome = look_with("tcp", host="127.0.0.1", port=port)
    assert outcome.status == Status.OK
    assert outcome.unit == "ms"


def test_a_refused_connection_is_a_failure(look_with, closed_port):
    outcome = look_with("tcp", host="127.0.0.1", port=closed_port)
    assert outcome.status == Status.CRITICAL
    assert outcome.detail == f"127.0.0.1:{closed_port}: connection refused"


def test_a_port_whose_queue_is_full_is_a_failure_in_time(look_with):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        outcome = look_with("tcp", host="127.0.0.1", port=port, timeout_s=0.3)
        for each in waiting:
            each.close()
    assert outcome.status == Status.CRITICAL
    assert outcome.detail == f"127.0.0.1:{port}: no answer within 0.3 s"


def test_a_name_that_cannot_be_resolved_is_unknown(look_with):
    outcome = look_with("tcp", host="gateway.invalid", port=80)
    assert outcome.status == Status.UNKNOWN
    assert outcome.detail.startswith("gateway.invalid cannot be resolved")


def test_a_slow_connection_is_told(look_with, serve_raw):
    port = serve_raw(lambda connection, over: None)
    outcome = look_with("tcp", host="127.0.0.1", port=port, critical_latency_ms=0.0001)
    assert outcome.status == Status.CRITICAL
    assert "above 0.0001" in outcome.detail
