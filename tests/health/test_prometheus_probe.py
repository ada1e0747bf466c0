"""The `prometheus` kind. The server is a replay of answers captured from Prometheus 2.42."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from mechexo.health.values import Status

CAPTURED = Path(__file__).parent / "data" / "prometheus"


@pytest.fixture
def ask(look_with, serve):
    def ask(name: str, status: int = 200, **options: object):
        url = serve((CAPTURED / f"{name}.json").read_bytes(), status)
        return look_with("prometheus", url=url, query="up{}", **options)

    return ask


def test_a_scalar_is_held_to_its_limits(ask):
    outcome = ask("query_scalar", critical_above=0.1)
    assert (outcome.status, outcome.value) == (Status.CRITICAL, 0.12)
    assert outcome.detail == "0.12, above 0.1"


def test_of_several_series_the_worst_counts_and_is_named(ask):
    outcome = ask("query_up", critical_below=1)
    assert (outcome.status, outcome.value) == (Status.CRITICAL, 0.0)
    assert outcome.detail == (
        'up{instance="127.0.0.1:1",job="gateway"} is 0, below 1, 1 of 3 series critical'
    )


def test_a_single_series_is_ok_within_its_limits(ask):
    outcome = ask("histogram_q", critical_above=0.5, unit="s")
    assert (outcome.status, outcome.detail) == (Status.OK, "0.095 s")


def test_no_series_is_unknown(ask):
    outcome = ask("query_empty", critical_below=1)
    assert (outcome.status, outcome.detail) == (Status.UNKNOWN, "the query found no series")


def test_a_refused_query_shows_what_the_server_said(ask):
    outcome = ask("query_bad", 400, critical_below=1)
    assert outcome.status == Status.UNKNOWN
    assert "(400)" in outcome.detail
    assert "parse error: unexpected end of input inside braces" in outcome.detail


def test_a_range_is_no_instant_vector(ask):
    outcome = ask("query_range_cpu", critical_below=1)
    assert outcome.status == Status.UNKNOWN
    assert "the query's answer is a matrix" in outcome.detail


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"status":"success","data":{"resultType":"scalar","result":[1,"NaN"]}}', "not a number"),
        ("<html>proxy</html>", "not JSON: <html>proxy</html>"),
        ('{"status":"success"}', "another shape"),
        ('{"status":"success","data":{"resultType":"vector","result":[7]}}', "another shape"),
        ("[]", "refused the query"),
        (
            '{"status":"success","data":{"resultType":"vector",'
            '"result":[{"metric":{},"histogram":[1,{}]}]}}',
            "histogram",
        ),
    ],
)
def test_an_answer_without_a_number_is_unknown(look_with, serve, body, said):
    outcome = look_with("prometheus", url=serve(body), query="up", critical_below=1)
    assert outcome.status == Status.UNKNOWN
    assert outcome.value is None
    assert said in outcome.detail


def test_one_nan_among_series_is_unknown_unless_another_fails(look_with, serve):
    def series(*values: str) -> str:
        each = ",".join(f'{{"metric":{{}},"value":[1,"{value}"]}}' for value in values)
        return f'{{"status":"success","data":{{"resultType":"vector","result":[{each}]}}}}'

    some = look_with("prometheus", url=serve(series("1", "NaN")), query="up", critical_below=1)
    assert some.status == Status.UNKNOWN
    worse = look_with(
        "prometheus", url=serve(series("NaN", "0", "1")), query="up", critical_below=1
    )
    assert (worse.status, worse.value) == (Status.CRITICAL, 0.0)


def test_a_server_that_is_not_there_is_unknown_not_a_failure(look_with, closed_port):
    url = f"http://127.0.0.1:{closed_port}"
    outcome = look_with("prometheus", url=url, query="up", critical_below=1)
    assert (outcome.status, outcome.detail) == (
        Status.UNKNOWN,
        "Prometheus: connection refused",
    )


def test_the_query_goes_to_the_api_under_the_given_path(look_with, serve):
    url = serve("{}")
    look_with("prometheus", url=url + "/metrics/", query='sum(up{job="a&b"})', timeout_s=2)
    path, _ = serve.requests[0]
    assert urlsplit(path).path == "/metrics/api/v1/query"
    assert parse_qs(urlsplit(path).query) == {
        "query": ['sum(up{job="a&b"})'],
        "timeout": ["2000ms"],
    }
