"""Listing dashboards: pages, folders, links; and every way in which Grafana fails to answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from conftest import MakeDesk
from mechexo.clock import VirtualClock
from mechexo.config import GrafanaSettings
from mechexo.desk import Desk
from mechexo.grafana import operations as grafana
from mechexo.grafana.dashboards import MOST, PAGE, link_to
from mechexo.outside import Standing
from support.grafana_server import TOKEN, GrafanaServer, board, said

MakeGrafanaDesk = Callable[[str], Desk]


def test_the_list_is_by_folder_and_title_with_links_for_a_browser(
    grafana_desk: Desk, server: GrafanaServer
) -> None:
    server.found = [board(2), board(1), board(3, folderTitle="", folderUid="")]
    found = grafana.look(grafana_desk, deadline_s=5.0)
    assert [each.title for each in found.listed] == ["Board 3", "Board 1", "Board 2"]
    assert found.listed[1].link == f"{server.url}/d/board1/board-1"
    assert found.is_fresh(grafana_desk.clock.now(), timedelta(minutes=5))


def test_what_was_listed_is_there_for_whoever_asks_nobody(
    grafana_desk: Desk, server: GrafanaServer
) -> None:
    server.found = [board(1)]
    told = grafana.look(grafana_desk, deadline_s=5.0)
    count = len(server.requests)
    assert grafana.standing(grafana_desk) == told
    assert len(server.requests) == count


def test_every_page_is_read(grafana_desk: Desk, server: GrafanaServer) -> None:
    server.found = [board(number) for number in range(PAGE + 7)]
    found = grafana.look(grafana_desk, deadline_s=5.0)
    assert len(found.listed) == PAGE + 7
    assert not found.cut
    assert len(server.asked("GET", "/api/search")) == 2


def test_very_many_are_cut_and_that_is_said(grafana_desk: Desk, server: GrafanaServer) -> None:
    server.found = [board(number) for number in range(MOST + 1)]
    found = grafana.look(grafana_desk, deadline_s=5.0)
    assert (len(found.listed), found.cut) == (MOST, True)


def test_as_many_of_very_long_ones_are_kept_as_fit(
    grafana_desk: Desk, server: GrafanaServer
) -> None:
    long = {
        "title": "t" * 120,
        "folderTitle": "f" * 120,
        "tags": ["g" * 110 + str(n) for n in "12"],
    }
    server.found = [board(number, **long) for number in range(MOST)]
    found = grafana.look(grafana_desk, deadline_s=5.0)
    assert (found.why, found.cut) == ("", True)
    assert MOST / 4 < len(found.listed) < MOST


def test_a_server_that_answers_every_page_alike_is_asked_twice(
    grafana_desk: Desk, server: GrafanaServer
) -> None:
    server.faults["GET /api/search"] = said([board(number) for number in range(PAGE)])
    found = grafana.look(grafana_desk, deadline_s=5.0)
    assert len(found.listed) == PAGE
    assert len(server.asked("GET", "/api/search")) == 2


def test_folders_and_tags_choose(make_grafana_desk: MakeGrafanaDesk, server: GrafanaServer) -> None:
    server.found = [
        board(1),
        board(2, folderTitle="Other", folderUid="fold2"),
        board(3, folderTitle="By uid", folderUid="fold3"),
        board(4, tags=[]),
    ]
    desk = make_grafana_desk('folders = ["Trading", "fold3"]\ntags = ["desk"]\n')
    found = grafana.look(desk, deadline_s=5.0)
    assert sorted(each.uid for each in found.listed) == ["board1", "board3"]


def test_a_failure_keeps_the_last_list_and_says_why_with_its_age(
    grafana_desk: Desk, server: GrafanaServer, clock: VirtualClock
) -> None:
    server.found = [board(1)]
    good = grafana.look(grafana_desk, deadline_s=5.0)
    server.fault = (503, {}, b"<html>")
    clock.advance(timedelta(minutes=10))
    found = grafana.look(grafana_desk, deadline_s=5.0)
    assert found.listed == good.listed
    assert (found.why, found.good_at) == ("answered 503", good.good_at)
    assert not found.is_fresh(clock.now(), timedelta(minutes=5))


def test_a_list_that_nobody_renewed_is_not_fresh(
    grafana_desk: Desk, server: GrafanaServer, clock: VirtualClock
) -> None:
    grafana.look(grafana_desk, deadline_s=5.0)
    clock.advance(timedelta(hours=1))
    assert not grafana.standing(grafana_desk).is_fresh(clock.now(), timedelta(minutes=5))


def test_after_three_failures_it_is_left_alone(
    grafana_desk: Desk, server: GrafanaServer, clock: VirtualClock
) -> None:
    server.fault = (500, {}, b"")
    for _ in range(3):
        clock.advance(timedelta(minutes=6))
        grafana.look(grafana_desk, deadline_s=5.0)
    assert grafana.standing(grafana_desk).standing is Standing.OPEN
    count = len(server.requests)
    grafana.look(grafana_desk, deadline_s=5.0)
    assert len(server.requests) == count


def test_a_rate_limit_holds_it_even_when_asked_for(
    grafana_desk: Desk, server: GrafanaServer
) -> None:
    server.fault = (429, {"Retry-After": "120"}, b"")
    found = grafana.look(grafana_desk, deadline_s=5.0, force=True)
    assert found.standing is Standing.HELD
    grafana.look(grafana_desk, deadline_s=5.0, force=True)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (said({"message": f"Invalid API key {TOKEN}"}, 401), "the token is refused"),
        (said({"message": "Access denied"}, 403), "lacks a right: Access denied"),
        ((302, {"Location": "/login"}, b""), "a log-in page"),
        ((200, {}, b"<html>log in</html>"), "is this address a Grafana's?"),
        ((200, {}, b'{"a": 1}'), "is no list, as documented"),
        ((200, {}, b"[1]"), "a dashboard is no object"),
        (said([board(1, uid="../admin")]), "the uid of a dashboard is none"),
        ((200, {}, b"[" * 100_000), "is not JSON"),
        ((200, {}, b" " * 9_000_000), "longer than 8,000,000 bytes"),
    ],
)
def test_what_is_no_good_answer_is_said_and_no_secret_with_it(
    grafana_desk: Desk, server: GrafanaServer, fault: tuple[int, dict[str, str], bytes], words: str
) -> None:
    server.fault = fault
    found = grafana.look(grafana_desk, deadline_s=5.0)
    assert words in found.why
    assert TOKEN not in found.why
    assert found.good_at is None


def test_titles_that_would_steer_a_terminal_are_calm_and_secrets_in_them_hidden(
    grafana_desk: Desk, server: GrafanaServer
) -> None:
    server.found = [board(1, title=f"a\x1b]0;b\x07 {TOKEN}\n\u202ec", folderTitle="\x1b[2J")]
    (found,) = grafana.look(grafana_desk, deadline_s=5.0).listed
    assert found.title == "a ]0;b *** c"
    assert found.folder == "[2J"


@pytest.mark.slow
def test_a_hanging_grafana_costs_its_timeout_only(
    make_grafana_desk: MakeGrafanaDesk, server: GrafanaServer
) -> None:
    server.hangs.set()
    found = grafana.look(make_grafana_desk('timeout = "1s"\n'), deadline_s=5.0)
    assert found.why == "no complete answer within 1 s"


def test_a_token_that_is_not_there_is_said(
    grafana_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRAFANA_TOKEN")
    found = grafana.look(grafana_desk, deadline_s=5.0)
    assert "the environment variable GRAFANA_TOKEN" in found.why


BASE = "https://grafana.example.com/ops"


@pytest.mark.parametrize(
    ("browser_url", "path", "link"),
    [
        ("", "/ops/d/u/title", f"{BASE}/d/u/title"),
        ("", "/d/u/title", f"{BASE}/d/u/title"),
        ("https://g.example.com/", "/d/u/title", "https://g.example.com/d/u/title"),
        ("", "//evil.example.com/x", f"{BASE}/d/u"),
        ("", "javascript:alert(1)", f"{BASE}/d/u"),
        ("", None, f"{BASE}/d/u"),
        ("", "/d/u/\x1b]8;;\x07", ""),
    ],
)
def test_a_link_leads_to_grafana_or_nowhere(browser_url: str, path: object, link: str) -> None:
    settings = GrafanaSettings(url=BASE, browser_url=browser_url)
    assert link_to(settings, BASE, path, "u") == link


@pytest.mark.parametrize("url", ["{server}/${{env:HIDDEN}}", "${{env:WHOLE}}"])
def test_an_address_by_reference_is_in_no_link_unless_the_browsers_is_given(
    make_desk: MakeDesk, server: GrafanaServer, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("HIDDEN", "hidden-path-canary")
    monkeypatch.setenv("WHOLE", f"{server.url}/hidden-path-canary")
    rows = json.dumps([board(1)]).encode()
    server.fault = (200, {}, rows)
    table = f'[grafana]\nurl = "{url.format(server=server.url)}"\n'
    desk = make_desk(table)
    (found,) = grafana.look(desk, deadline_s=5.0, force=True).listed
    assert (found.title, found.link) == ("Board 1", "")
    kept = desk.state.row("SELECT value FROM outside_source")
    assert kept is not None
    assert "hidden-path-canary" not in kept["value"]
    told = make_desk(f'{table}browser_url = "https://grafana.example.com"\n')
    (found,) = grafana.look(told, deadline_s=5.0, force=True).listed
    assert found.link == "https://grafana.example.com/d/board1/board-1"


def test_a_link_carries_no_password() -> None:
    settings = GrafanaSettings(url="${file:address}")
    found = link_to(settings, "https://me:hidden@grafana.example.com", "/d/u/t", "u")
    assert found == "https://grafana.example.com/d/u/t"
