"""Plots whose server answers badly, slowly or not at all; the server is a script of the test."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from conftest import MakeDesk
from mechexo.errors import ConfigError, NotFoundError
from mechexo.outside import Standing
from mechexo.resources import plot_operations
from mechexo.resources.plot_values import PlotStanding
from support.scripted_http import Request, scripted_http

SECRET = "s3cr3t-of-the-desk"
EMPTY = {"status": "success", "data": {"resultType": "matrix", "result": []}}


def one(make_desk: MakeDesk, url: str, more: str = "", plot: str = "") -> PlotStanding:
    desk = make_desk(
        f"[prometheus]\nurl = '{url}'\n{more}\n[resources.plots.p]\nquery = 'up'\n{plot}\n"
    )
    (found,) = plot_operations.look(desk, deadline_s=20.0, force=True)
    return found


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (503, {"status": "error", "errorType": "timeout", "error": "query timed out"},
         "Prometheus refused the query (503): timeout: query timed out"),
        (200, {"status": "error", "errorType": "execution", "error": "too many samples"},
         "Prometheus refused the query (200): execution: too many samples"),
        (502, "bad gateway", 'it answered 502, not as Prometheus does: "bad gateway"'),
        (200, {"status": "success", "data": {"resultType": "scalar", "result": [1, "1"]}},
         "is a scalar, not a matrix"),
        (200, [1, 2], "it answered 200, not as Prometheus does"),
    ],
)  # fmt: skip
def test_what_the_server_says_instead_of_an_answer_is_told(
    make_desk: MakeDesk, status: int, body: Any, said: str
) -> None:
    with scripted_http(lambda _: (status, body)) as server:
        found = one(make_desk, server.url)
    assert said in found.why
    assert (found.look, found.good_at) == (None, None)


def test_asked_too_often_it_is_left_alone(make_desk: MakeDesk) -> None:
    with scripted_http(lambda _: (429, {"status": "error"})) as server:
        found = one(make_desk, server.url)
    assert found.standing is Standing.HELD
    assert "asked too often" in found.why


def test_a_server_that_hangs_holds_up_no_other_plot(make_desk: MakeDesk) -> None:
    let_go = threading.Event()

    def answer(request: Request) -> tuple[int, Any]:
        if request.query["query"] == "slow":
            let_go.wait(60)
        return 200, EMPTY

    with scripted_http(answer) as server:
        desk = make_desk(
            f"[prometheus]\nurl = '{server.url}'\ntimeout = '1s'\n"
            "[resources.plots.slow]\nquery = 'slow'\n[resources.plots.quick]\nquery = 'quick'\n"
        )
        try:
            slow, quick = plot_operations.look(desk, deadline_s=20.0)
        finally:
            let_go.set()
    assert "within 1 s" in slow.why
    assert (quick.why, quick.look is not None) == ("", True)


def test_the_token_goes_to_the_shared_server_and_to_no_other(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_TOKEN", SECRET)
    headers = 'headers = { Authorization = "Bearer ${env:PROMETHEUS_TOKEN}" }'
    with (
        scripted_http(lambda _: (200, EMPTY)) as own,
        scripted_http(lambda _: (200, EMPTY)) as other,
    ):
        assert one(make_desk, own.url, headers).why == ""
        assert one(make_desk, own.url, headers, f"url = '{other.url}'").why == ""
    assert own.asked[0].headers["Authorization"] == f"Bearer {SECRET}"
    assert "Authorization" not in other.asked[0].headers


def test_a_secret_that_the_server_repeats_is_hidden(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_TOKEN", SECRET)
    headers = 'headers = { Authorization = "Bearer ${env:PROMETHEUS_TOKEN}" }'
    body = {"status": "error", "error": f"who is Bearer {SECRET}?"}
    with scripted_http(lambda _: (401, body)) as server:
        found = one(make_desk, server.url, headers)
    assert "who is" in found.why
    assert SECRET not in found.why


def test_a_token_that_is_not_set_is_told_and_nobody_is_asked(make_desk: MakeDesk) -> None:
    headers = 'headers = { Authorization = "Bearer ${env:NO_SUCH_TOKEN}" }'
    with scripted_http(lambda _: (200, EMPTY)) as server:
        found = one(make_desk, server.url, headers)
    assert "NO_SUCH_TOKEN" in found.why
    assert server.asked == []


def test_a_plot_of_another_query_than_before_shows_nothing_of_it(make_desk: MakeDesk) -> None:
    with scripted_http(lambda _: (200, EMPTY)) as server:
        assert one(make_desk, server.url).look is not None
        desk = make_desk(
            f"[prometheus]\nurl = '{server.url}'\n[resources.plots.p]\nquery = 'down'\n"
        )
        found = plot_operations.plot(desk, "p")
    assert (found.look, found.outdated) == (None, True)


def test_a_plot_nobody_configured_is_refused_with_close_names(make_desk: MakeDesk) -> None:
    desk = make_desk("[resources.plots.latency]\nquery = 'up'\nurl = 'http://127.0.0.1:9'\n")
    with pytest.raises(NotFoundError, match="did you mean latency"):
        plot_operations.plot(desk, "latencey")


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[resources.plots.p]\nquery = 'up'\n", "names no url, and neither does"),
        ("[resources.plots.p]\nquery = 'up'\nurl = 'prom:9090'\n", "is no address"),
        ("[prometheus]\nurl = 'http://a:b@h'\n", "in plain text"),
        ("[prometheus]\nurl = 'h:9090'\n", "is no address"),
        ("[resources.plots.p]\nquery = 'up'\nurl = 'http://h'\nrange = '5d'\nstep = '1s'\n",
         "432,001 points of each series"),
        ("[resources.plots.p]\nquery = 'up'\nurl = 'http://h'\nrange = '1m'\nstep = '5m'\n",
         "longer than its range"),
        ("[resources.processes.p]\n", "one of name, pid_file and pattern"),
        ("[resources.processes.p]\nname = 'a'\npattern = 'b'\n", "one of name"),
        ("[resources.processes.p]\npattern = '('\n", "no regular expression"),
        ("[resources]\nhistory = '25h'\n", "at most 24h"),
        ("[resources]\nmounts = ['']\n", "without a name"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_a_sentence(
    make_desk: MakeDesk, toml: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        make_desk(toml)
