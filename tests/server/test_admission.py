"""Who may: tokens, scopes, rates; and what is open without one."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mechexo.alerts import operations as alerts
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.security import operations as security
from mechexo.security.values import Token
from mechexo.server.answers import RequestError
from mechexo.server.limits import BURST_S, RateLimit
from support.application import Application
from support.serving import alert, bearer, token

pytestmark = pytest.mark.slow

Make = Callable[..., Application]

NEEDED = (
    ("GET", "/api/v1/status", "read"),
    ("GET", "/api/v1/alerts", "read"),
    ("GET", "/api/v1/costs", "read"),
    ("POST", "/api/v1/alerts", "alerts"),
    ("POST", "/hooks/alertmanager", "alerts"),
    ("POST", "/hooks/grafana", "alerts"),
    ("GET", "/ping/backup", "ping"),
    ("POST", "/ping/backup", "ping"),
    ("POST", "/ping/backup/fail", "ping"),
)
OPEN = ("/livez", "/readyz", "/healthz", "/metrics")


async def test_each_path_wants_its_scope(application: Make) -> None:
    app = application()
    for name in ("read", "alerts", "ping"):
        client = app.client(name, name=name)
        for method, path, scope in NEEDED:
            answer = await client.request(method, path)
            if name == scope:
                assert answer.status_code not in (401, 403), path
            else:
                assert answer.status_code == 403, path
                assert f"needs the scope {scope}" in answer.json()["error"]


async def test_without_a_token_nothing_is_taken_or_told(application: Make) -> None:
    client = application().anonymous()
    for method, path, _ in NEEDED:
        answer = await client.request(method, path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert "this needs a token" in answer.json()["error"]


async def test_health_and_metrics_are_open_unless_they_are_closed(
    make_desk: Callable[..., object], application: Make
) -> None:
    app = application()
    for path in OPEN:
        assert (await app.anonymous().get(path)).status_code in (200, 503)
    closed = application("[server]\nopen_reading = false")
    for path in OPEN:
        assert (await closed.anonymous().get(path)).status_code == 401
        reader = closed.client("read", name=f"r{path[1:]}")
        assert (await reader.get(path)).status_code in (200, 503)


async def test_what_can_send_no_other_head_shows_it_as_a_password(application: Make) -> None:
    app = application()
    pair = base64.b64encode(f"anybody:{token(app.desk)}".encode()).decode()
    client = app.anonymous({"authorization": f"Basic {pair}"})
    assert (await client.post("/api/v1/alerts", json=alert("a"))).status_code == 200


async def test_what_is_no_token_is_refused(application: Make) -> None:
    client = application().anonymous()
    for shown in ("Bearer", "Bearer ", "Basic", "Basic !", "Basic /w==", "Digest x", "\xff"):
        heads = [(b"authorization", shown.encode("latin-1"))]
        answer = await client.get("/api/v1/alerts", headers=heads)
        assert answer.status_code == 401, shown


async def test_a_revoked_token_is_refused_at_the_next_request(application: Make) -> None:
    app = application()
    client = app.client()
    assert (await client.post("/api/v1/alerts", json=alert("a"))).status_code == 200
    security.revoke_token(app.desk, "test")
    answer = await client.post("/api/v1/alerts", json=alert("a"))
    assert answer.status_code == 401
    assert "was revoked" in answer.json()["error"]


PATHS = ("/hooks/alertmanager", "/hooks/grafana", "/api/v1/alerts")


@pytest.mark.parametrize("path", PATHS)
async def test_what_an_expired_token_still_sends_is_an_alert_for_its_sender_tells_nobody(
    application: Make, clock: VirtualClock, path: str
) -> None:
    app = application()
    made = security.create_token(app.desk, "am", ("alerts",), expires_in=timedelta(days=365))
    clock.advance(timedelta(days=365))
    answer = await app.anonymous(bearer(made.text)).post(path, json={})
    assert answer.status_code == 401
    (lost,) = alerts.list_alerts(app.desk)
    assert (lost.key, lost.severity) == ("serve/refused/token/token:am", "critical")
    assert "its alerts are lost: the token am expired at 2027-03-02" in lost.summary


async def test_a_revoked_token_says_it_once_in_a_while_however_often_it_is_shown(
    application: Make, clock: VirtualClock
) -> None:
    app = application()
    client = app.client()
    security.revoke_token(app.desk, "test")
    for _ in range(20):
        for path in PATHS:
            assert (await client.post(path, json={})).status_code == 401
    (lost,) = alerts.list_alerts(app.desk)
    assert (lost.count, lost.labels["told_by"]) == (1, "token:test")
    alerts.resolve(app.desk, lost.id, reason="the sender has another")
    clock.advance(timedelta(minutes=5))
    await client.post(PATHS[0], json={})
    assert len(alerts.list_alerts(app.desk)) == 1, "the sender was not mended"


async def test_what_was_never_let_in_to_send_alerts_raises_none(application: Make) -> None:
    app = application()
    reader, known = app.client("read", name="reader"), token(app.desk)
    security.revoke_token(app.desk, "reader")
    forged = known[:-1] + ("a" if known[-1] != "a" else "b")
    for client in (reader, app.anonymous(bearer(forged)), app.anonymous()):
        for path in PATHS:
            assert (await client.post(path, json={})).status_code == 401
    assert alerts.list_alerts(app.desk) == ()


async def test_where_the_refusal_cannot_be_stored_the_sender_comes_again(
    application: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = application()
    client = app.client()
    security.revoke_token(app.desk, "test")
    submit = app.serving.ingest.submit

    def full(*_: object, **__: object) -> object:
        raise RequestError(429, "full", retry_after_s=2)

    monkeypatch.setattr(app.serving.ingest, "submit", full)
    assert (await client.post("/hooks/grafana", json={})).status_code == 503
    monkeypatch.setattr(app.serving.ingest, "submit", submit)
    assert (await client.post("/hooks/grafana", json={})).status_code == 401
    assert len(alerts.list_alerts(app.desk)) == 1


async def test_a_check_in_is_audited_as_its_tokens(application: Make) -> None:
    app = application('[probes.backup]\nkind="heartbeat"\nevery_expected="1d"')
    await app.client("ping", name="cron").get("/ping/backup")
    entry = app.desk.audit_entries()[-1]
    assert (entry.action, entry.target, entry.who) == ("flows.ping", "backup", "token:cron")
    assert '"role":"responder"' in entry.payload


async def test_more_requests_than_allowed_are_told_when_to_come(
    application: Make, clock: VirtualClock
) -> None:
    app = application("[server]\nper_minute = 6")
    client, other = app.client("read"), app.client("read", name="other")
    assert (await client.get("/api/v1/alerts")).status_code == 200
    answer = await client.get("/api/v1/alerts")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "10"
    assert "more than 6 requests a minute" in answer.json()["error"]
    assert (await other.get("/api/v1/alerts")).status_code == 200
    clock.advance(timedelta(seconds=10))
    assert (await client.get("/api/v1/alerts")).status_code == 200


async def test_a_hook_is_told_503_for_it_would_take_429_for_the_last_word(
    application: Make,
) -> None:
    client = application("[server]\nper_minute = 6").client()
    await client.get("/api/v1/alerts")
    answer = await client.post("/hooks/alertmanager", json={})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")


@example(per_minute=1, gaps=[1.7472066202986287, 1.0728069861621283, 0.0])
@given(
    per_minute=st.integers(1, 600),
    gaps=st.lists(st.floats(0, 20), min_size=1, max_size=60),
)
def test_no_window_holds_more_than_the_rate_and_the_burst(
    per_minute: int, gaps: list[float]
) -> None:
    limit, now_s = RateLimit(per_minute), 0.0
    let_in: list[float] = []
    for gap in gaps:
        now_s += gap
        wait_s = limit.wait_s(1, now_s)
        if wait_s == 0:
            let_in.append(now_s)
        else:
            # Whoever comes when told is let in.
            now_s += wait_s
            assert limit.wait_s(1, now_s) == 0
            let_in.append(now_s)
    per_s = per_minute / 60
    burst = max(per_s * BURST_S, 1.0)
    for first, start in enumerate(let_in):
        for last in range(first, len(let_in)):
            allowed = burst + per_s * (let_in[last] - start)
            assert last - first + 1 <= allowed + 1e-6


def test_tokens_do_not_share_their_rate() -> None:
    limit = RateLimit(6)
    assert [limit.wait_s(number, 0.0) for number in (1, 2, 1, 2)] == [0, 0, 10, 10]


async def test_the_last_use_of_a_token_is_remembered(application: Make, clock: object) -> None:
    app = application()
    await app.anonymous(bearer(token(app.desk))).get("/api/v1/alerts")
    (used,) = app.serving.admission.take_used().items()
    assert used == (security.list_tokens(app.desk)[0].id, app.desk.clock.now())
    assert app.serving.admission.take_used() == {}


async def test_requests_of_one_moment_look_their_token_up_once_and_later_ones_again(
    application: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = application()
    client = app.client()
    looked_up: list[str] = []
    stored = security.stored

    def counted(desk: Desk, handle: str) -> tuple[Token, str] | None:
        looked_up.append(handle)
        return stored(desk, handle)

    monkeypatch.setattr(security, "stored", counted)
    answers = await asyncio.gather(*(client.get("/api/v1/alerts") for _ in range(5)))
    assert {each.status_code for each in answers} == {200}
    assert len(looked_up) == 1
    security.revoke_token(app.desk, "test")
    assert (await client.get("/api/v1/alerts")).status_code == 401
    assert len(looked_up) == 2
