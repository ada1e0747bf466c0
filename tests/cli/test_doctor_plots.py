"""`mechexo doctor` on plots: whether Prometheus answers and takes the query."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import MakeDesk
from mechexo.doctor.findings import Finding
from mechexo.doctor.plot_checks import plots
from support.scripted_http import Request, scripted_http

pytestmark = pytest.mark.slow


def answer(request: Request) -> tuple[int, Any]:
    query = request.query["query"]
    if query == "broken{":
        return 400, {"status": "error", "errorType": "bad_data", "error": "parse error"}
    count = int(query) if query.isdigit() else 0
    series = [{"metric": {"n": str(n)}, "values": []} for n in range(count)]
    return 200, {"status": "success", "data": {"resultType": "matrix", "result": series}}


def examined(make_desk: MakeDesk, query: str) -> Finding:
    with scripted_http(answer) as server:
        desk = make_desk(
            f"[prometheus]\nurl = '{server.url}'\n[resources.plots.p]\nquery = '{query}'\n"
        )
        (found,) = plots(desk)
    return found


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("3", "the query found 3 series"),
        ("0", "the query found no series"),
        ("25", "the query found 25 series; 5 are not shown"),
        ("broken{", "Prometheus refused the query (400): bad_data: parse error"),
    ],
)
def test_each_plot_is_asked_for_once(make_desk: MakeDesk, query: str, said: str) -> None:
    found = examined(make_desk, query)
    assert (found.check, found.detail) == ("plot p", said)
    assert bool(found.mend) == (query != "3")


def test_a_server_that_is_gone_is_wrong(make_desk: MakeDesk) -> None:
    desk = make_desk("[resources.plots.p]\nquery = 'up'\nurl = 'http://127.0.0.1:1'\n")
    (found,) = plots(desk)
    assert found.detail == "connection refused"
