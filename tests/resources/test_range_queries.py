"""Which moments a plot asks for, and what an answer of Prometheus says."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.config import PlotSettings
from mechexo.outside.shaping import ShapeError
from mechexo.outside.values import LONGEST_VALUE
from mechexo.resources.plot_values import Grid, PlotLook, PlotSeries
from mechexo.resources.plots import (
    MOST_SERIES,
    chosen_step,
    from_text,
    grid,
    names,
    points,
    read_answer,
    refusal,
    to_text,
)

START = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MOMENTS = Grid(START, MINUTE, 4)


def matrix(*series: dict[str, Any], **more: Any) -> dict[str, Any]:
    data = {"resultType": "matrix", "result": list(series)}
    return {"status": "success", "data": data, **more}


def series(*values: tuple[int, str], **labels: str) -> dict[str, Any]:
    pairs = [[START.timestamp() + 60 * place, value] for place, value in values]
    return {"metric": labels, "values": pairs}


def test_values_stand_at_their_moments_and_what_is_left_out_is_missing() -> None:
    look = read_answer(matrix(series((0, "1.5"), (2, "0"))), MOMENTS)
    assert look.series[0].values == (1.5, None, 0.0, None)
    assert points(look)[0][2] == (START + 2 * MINUTE, 0.0)


@pytest.mark.parametrize("word", ["NaN", "+Inf", "-Inf"])
def test_what_is_no_number_is_missing(word: str) -> None:
    look = read_answer(matrix(series((0, "1"), (1, word), (2, "3"))), MOMENTS)
    assert look.series[0].values == (1.0, None, 3.0, None)


def test_an_empty_answer_has_no_series() -> None:
    assert read_answer(matrix(), MOMENTS).series == ()


def test_warnings_are_in_the_servers_words() -> None:
    said = read_answer(matrix(warnings=["remote read failed\n"], infos=["no counter"]), MOMENTS)
    assert said.warnings == ("remote read failed", "no counter")


def test_more_series_than_can_be_told_apart_are_counted() -> None:
    many = [series((0, "1"), host=str(number)) for number in range(MOST_SERIES + 7)]
    look = read_answer(matrix(*many), MOMENTS)
    assert (len(look.series), look.left_out) == (MOST_SERIES, 7)


def test_series_keep_their_places_in_whatever_order_they_come() -> None:
    one, other = series((0, "1"), venue="XNAS"), series((0, "2"), venue="XNYS")
    assert read_answer(matrix(one, other), MOMENTS) == read_answer(matrix(other, one), MOMENTS)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"data": {"resultType": "vector", "result": []}}, "is a vector, not a matrix"),
        ({"data": {"resultType": "matrix", "result": {}}}, "its result is no list"),
        ({}, "its data is no object"),
        ([], "the answer is no object"),
        (matrix({"metric": {}, "histograms": []}), "histograms"),
        (matrix({"metric": {}, "values": [[1]]}), "no pair"),
        (matrix({"metric": {}, "values": [["soon", "1"]]}), "no pair"),
        (matrix({"metric": 3, "values": []}), "its labels is no object"),
    ],
)
def test_an_answer_of_another_shape_is_refused(document: object, said: str) -> None:
    with pytest.raises(ShapeError, match=said):
        read_answer(document, MOMENTS)


def test_a_refusal_is_in_the_words_of_prometheus() -> None:
    document = {"status": "error", "errorType": "bad_data", "error": "1:4: parse error"}
    assert refusal(document) == "bad_data: 1:4: parse error"
    assert refusal({"error": 5}) == "5"
    assert refusal(None) == ""


@pytest.mark.parametrize(
    ("legend", "called"),
    [
        ("{{ venue }} p99", ("XNYS p99", "XNAS p99")),
        ("", ('l{venue="XNYS"}', 'l{venue="XNAS"}')),
        ("{{nothing}}", ('l{venue="XNYS"}', 'l{venue="XNAS"}')),
        ("p99", ('p99 l{venue="XNYS"}', 'p99 l{venue="XNAS"}')),
    ],
)
def test_series_are_called_by_the_legend_and_told_apart(
    legend: str, called: tuple[str, ...]
) -> None:
    found = [PlotSeries({"__name__": "l", "venue": v}, ()) for v in ("XNYS", "XNAS")]
    assert names(found, legend) == called


@given(
    span=st.integers(1, 366 * 86_400),
    points=st.integers(10, 2000),
    now_s=st.floats(1.6e9, 1.9e9),
)
def test_a_step_never_makes_more_points_than_prometheus_gives(
    span: int, points: int, now_s: float
) -> None:
    now = datetime.fromtimestamp(now_s, UTC)
    plot = PlotSettings(query="up", range=timedelta(seconds=span))
    step = chosen_step(plot, points)
    found = grid(plot.range, step, now)
    assert found.count <= min(points + 1, 11_000)
    assert found.end <= now < found.end + step
    # The next question a moment later asks for the same moments, shifted by whole steps.
    assert (found.end - datetime(1970, 1, 1, tzinfo=UTC)) % step == timedelta(0)


def test_a_configured_step_is_taken_as_it_is() -> None:
    plot = PlotSettings(query="up", range=timedelta(hours=1), step=timedelta(seconds=7))
    assert chosen_step(plot, 100) == timedelta(seconds=7)


FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.lists(st.one_of(st.none(), FINITE), min_size=4, max_size=4), max_size=3))
def test_what_is_kept_reads_back_to_nine_digits(values: list[list[float | None]]) -> None:
    look = PlotLook(
        MOMENTS, tuple(PlotSeries({"a": "b"}, tuple(each)) for each in values), 2, ("w",)
    )
    kept = from_text(["up"], to_text(["up"], look))
    assert kept is not None
    assert (kept.grid, kept.left_out, kept.warnings) == (look.grid, 2, ("w",))
    for ours, theirs in zip(look.series, kept.series, strict=True):
        for one, other in zip(ours.values, theirs.values, strict=True):
            assert (one is None) == (other is None)
            assert one is None or other is None or math.isclose(one, other, rel_tol=1e-8)


def test_what_was_kept_for_another_query_says_nothing() -> None:
    kept = to_text(["up"], PlotLook(MOMENTS))
    assert from_text(["down"], kept) is None
    assert from_text(["up"], kept) is not None


@pytest.mark.parametrize(
    "garbage", [None, "", "{", "[]", '{"version": 1, "of": ["up"]}', "[" * 9999]
)
def test_what_cannot_be_read_says_nothing(garbage: str | None) -> None:
    assert from_text(["up"], garbage) is None


def test_what_is_too_long_to_keep_leaves_series_out_and_counts_them() -> None:
    values = tuple(number * math.pi for number in range(11_000))
    look = PlotLook(
        Grid(START, MINUTE, 11_000),
        tuple(PlotSeries({"host": str(number)}, values) for number in range(MOST_SERIES)),
        left_out=3,
    )
    text = to_text(["up"], look)
    assert len(text) <= LONGEST_VALUE
    kept = from_text(["up"], text)
    assert kept is not None
    assert 1 <= len(kept.series) < MOST_SERIES
    assert len(kept.series) + kept.left_out == MOST_SERIES + 3
    assert json.loads(text)["version"] == 1
