"""Panels: found by name, drawn by Grafana's renderer, and every way in which there is none."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from conftest import START
from mechexo.desk import Desk
from mechexo.errors import MechexoError, NotFoundError, UnreachableError
from mechexo.grafana import operations as grafana
from mechexo.grafana.values import Panel, Picture
from support.grafana_server import TOKEN, GrafanaServer, board, png, said

MakeGrafanaDesk = Callable[[str], Desk]

BOARD = {
    "title": "Trading",
    "panels": [
        {"id": 4, "title": "Order latency", "type": "timeseries"},
        {"id": 9, "type": "row", "title": "folded", "panels": [
            {"id": 5, "title": "Fills", "type": "stat"},
        ]},
        {"id": 6, "title": "\x1b[2J", "type": "table"},
        {"title": "no number", "type": "text"},
    ],
}  # fmt: skip


@pytest.fixture(autouse=True)
def boards(server: GrafanaServer) -> None:
    server.boards["board1"] = BOARD


def drawn(desk: Desk, panel_id: int = 4) -> Picture:
    start = START - timedelta(hours=6)
    return grafana.picture(desk, "board1", panel_id, start=start, end=START, width=400, height=200)


def test_panels_are_listed_in_their_order_those_of_folded_rows_too(grafana_desk: Desk) -> None:
    found = grafana.panels(grafana_desk, "board1")
    assert found.title == "Trading"
    assert found.panels == (
        Panel(4, "Order latency", "timeseries"),
        Panel(5, "Fills", "stat"),
        Panel(6, "[2J", "table"),
    )


def test_a_dashboard_is_named_by_title_or_uid(grafana_desk: Desk, server: GrafanaServer) -> None:
    server.found = [board(1, title="Trading"), board(2, title="Twice"), board(3, title="twice")]
    grafana.look(grafana_desk, deadline_s=5.0)
    assert grafana.named_dashboard(grafana_desk, "trading") == "board1"
    assert grafana.named_dashboard(grafana_desk, "board1") == "board1"
    assert grafana.named_dashboard(grafana_desk, "notInTheList") == "notInTheList"
    with pytest.raises(NotFoundError, match="2 dashboards are called 'twice'; name one by uid"):
        grafana.named_dashboard(grafana_desk, "twice")
    with pytest.raises(NotFoundError, match="did you mean Trading"):
        grafana.named_dashboard(grafana_desk, "The trading")


def test_a_panel_is_named_by_title_or_number(grafana_desk: Desk) -> None:
    assert grafana.named_panel(grafana_desk, "board1", "order latency") == 4
    assert grafana.named_panel(grafana_desk, "board1", "77") == 77
    with pytest.raises(NotFoundError, match=r"did you mean Fills \(5\)"):
        grafana.named_panel(grafana_desk, "board1", "Fill")


def test_a_picture_is_asked_for_as_documented(grafana_desk: Desk, server: GrafanaServer) -> None:
    found = drawn(grafana_desk)
    assert (found.width, found.height) == (400, 200)
    ((path, _),) = server.asked("GET", "/render/")
    assert urlsplit(path).path == "/render/d-solo/board1/_"
    query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
    assert query == {
        **{"panelId": "4", "width": "400", "height": "200", "tz": "UTC", "theme": "dark"},
        **{"from": "1772440200000", "to": "1772461800000", "timeout": "30"},
    }


def test_a_grafana_without_a_renderer_is_not_asked_for_its_picture_of_an_excuse(
    grafana_desk: Desk, server: GrafanaServer
) -> None:
    server.renderer = False
    with pytest.raises(UnreachableError, match="has no image renderer"):
        drawn(grafana_desk)
    assert server.asked("GET", "/render/") == []


def test_one_that_does_not_tell_is_asked_all_the_same(
    grafana_desk: Desk, server: GrafanaServer
) -> None:
    server.faults["GET /api/frontend"] = (404, {}, b"")
    assert drawn(grafana_desk).png == server.picture


HUGE = png(4, 4)[:16] + struct.pack(">II", 60_000, 60_000) + png(4, 4)[24:]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (said({"message": "Dashboard not found"}, 404), "there is no dashboard board1 with a pan"),
        (said({"message": f"bad {TOKEN}"}, 401), "the token is refused: bad ***"),
        (said({"message": "Rendering failed"}, 500), "renderer failed: answered 500: Rendering"),
        ((502, {}, b"<html>"), "renderer failed: answered 502"),
        ((302, {"Location": "/login"}, b""), "a log-in page"),
        ((200, {"Content-Type": "text/html"}, b"<html>"), "text/html instead of a picture"),
        ((200, {}, b""), "something instead of a picture"),
        ((200, {}, png(400, 200)[:-20]), "the picture is cut off"),
        ((200, {}, HUGE), "60000 x 60000 pixels"),
        ((200, {}, png(4, 4) + b"x" * 20_000_001), "larger than 20,000,000 bytes"),
    ],
)
def test_what_is_no_picture_is_said_in_plain_words(
    grafana_desk: Desk, server: GrafanaServer, answer: tuple[int, dict[str, str], bytes], words: str
) -> None:
    server.faults["GET /render/"] = answer
    with pytest.raises(MechexoError) as raised:
        drawn(grafana_desk)
    assert words in str(raised.value)
    assert TOKEN not in str(raised.value)


@pytest.mark.slow
def test_a_renderer_that_hangs_is_left_after_its_time(
    make_grafana_desk: MakeGrafanaDesk, server: GrafanaServer
) -> None:
    server.hangs.set()
    with pytest.raises(UnreachableError, match="no complete answer within 1 s"):
        drawn(make_grafana_desk('render_timeout = "1s"\n'))


@pytest.mark.parametrize(
    "answer",
    [
        said([]),
        said({"dashboard": []}),
        said({"dashboard": {"panels": {}}}),
        said({"dashboard": {"panels": [1]}}),
        said({"dashboard": {"elements": {"panel-1": {}}}}),
        (404, {}, b"<html>"),
    ],
)
def test_a_dashboard_of_another_shape_is_said(
    grafana_desk: Desk, server: GrafanaServer, answer: tuple[int, dict[str, str], bytes]
) -> None:
    server.faults["GET /api/dashboards"] = answer
    with pytest.raises(UnreachableError):
        grafana.panels(grafana_desk, "board1")


def test_a_dashboard_that_is_not_there_is_named(grafana_desk: Desk, server: GrafanaServer) -> None:
    server.faults["GET /api/dashboards"] = said({"message": "Dashboard not found"}, 404)
    with pytest.raises(NotFoundError, match="no dashboard 'board1'"):
        grafana.panels(grafana_desk, "board1")
