"""Ten systems outside of every kind: two hang, one talks nonsense, and the console goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from console.driving import Show, press, screen_text, until
from mechexo import watch
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.desk_status import read_status
from mechexo.flows.orchestrators import looking
from mechexo.grafana import operations as grafana
from mechexo.health.values import Status
from mechexo.resources import plot_operations
from mechexo.watch import TickReport, tick
from support.ci_server import ci_server, github_run, gitlab_pipeline
from support.fake_prefect import CAPTURED, PASSWORD, fake_prefect
from support.grafana_server import TOKEN, grafana_server
from support.orchestrated_desk import table
from support.risk_books import READ, make_book
from support.scripted_http import Request, scripted_http

pytestmark = pytest.mark.slow

HANGS_S = 50.0
"""So long a source is waited for here: a tick that waits for all of them is still under way."""


@dataclass
class Ten:
    """The desk with its sources."""

    desk: Desk
    asked: list[threading.Event]
    """Set when one of the two that hang has been asked."""
    let_go: threading.Event
    """Set: they end without an answer."""


@pytest.fixture
def ten(
    make_desk: Callable[..., Desk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Ten]:
    asked, let_go = [threading.Event(), threading.Event()], threading.Event()

    def hang(number: int) -> Callable[[Request], tuple[int, Any]]:
        def answer(_: Request) -> tuple[int, Any]:
            asked[number].set()
            let_go.wait(HANGS_S)
            return 503, {}

        return answer

    def prometheus(request: Request) -> tuple[int, Any]:
        moments = [float(request.query["start"]), float(request.query["end"])]
        series = {"metric": {"job": "book"}, "values": [[at, "0.25"] for at in moments]}
        return 200, {"status": "success", "data": {"resultType": "matrix", "result": [series]}}

    with ExitStack() as stack:
        github, gitlab = (stack.enter_context(ci_server()) for _ in range(2))
        github.runs, gitlab.runs = [github_run(1)], [gitlab_pipeline(1)]
        prefect = stack.enter_context(fake_prefect())
        grafana = stack.enter_context(grafana_server())
        well, nonsense, *hanging = (
            stack.enter_context(scripted_http(answer))
            for answer in (prometheus, lambda _: (200, "nonsense"), hang(0), hang(1))
        )
        for name in ("book.db", "second.db"):
            make_book(tmp_path / "desk", name)
        monkeypatch.setenv("PREFECT_PASSWORD", PASSWORD)
        monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
        # A machine that is busy is waited for; so are the two that hang, much longer than a test.
        monkeypatch.setattr(watch, "ASK_S", HANGS_S)
        text = "\n".join(
            [
                table(prefect),
                f'[ci.well]\nrepository = "desk/well"\nbase_url = "{github.url}"',
                '[ci.also_well]\nkind = "gitlab"\nrepository = "desk/also"',
                f'base_url = "{gitlab.url}"',
                '[ci.hangs]\nrepository = "desk/hangs"',
                f'base_url = "{hanging[0].url}"',
                f'[risk.book]\nsource = "sqlite:///book.db"\n{READ}',
                f'[risk.second]\nsource = "sqlite:///second.db"\n{READ}',
                f'[risk.nonsense]\nsource = "{nonsense.url}"\nread.trading = "$.trading"',
                f'[prometheus]\nurl = "{well.url}"',
                '[resources.plots.load]\nquery = "load"',
                f'[resources.plots.up]\nquery = "up"\nurl = "{hanging[1].url}"',
                f'[grafana]\nurl = "{grafana.url}"\ntoken = "${{env:GRAFANA_TOKEN}}"',
            ]
        )
        made = make_desk(text)
        try:
            desk = Desk.open(made.config_path, clock=VirtualClock(CAPTURED), actor=made.actor)
            yield Ten(_patient(desk), asked, let_go)
        finally:
            let_go.set()


def _patient(desk: Desk) -> Desk:
    """The desk, which waits for all its sources longer than a configuration may say."""
    settings, longest = desk.settings, timedelta(seconds=HANGS_S)
    ci = {name: replace(each, timeout=longest) for name, each in settings.ci.items()}
    prometheus = replace(settings.prometheus, timeout=longest)
    return replace(desk, settings=replace(settings, ci=ci, prometheus=prometheus))


async def test_the_console_is_not_slowed_by_the_sources_that_hang_and_names_them(
    ten: Ten, show: Show
) -> None:
    reports: list[TickReport] = []
    ticking = threading.Thread(target=lambda: reports.append(tick(ten.desk)), daemon=True)
    ticking.start()
    assert all(event.wait(HANGS_S) for event in ten.asked)

    # While both of them are waited for, the console opens, is looked through and reads again.
    async with show(ten.desk, 120, 40) as pilot:
        for key in "1356r0":
            await press(pilot, key)
        assert "hangs" in screen_text(pilot)
        assert ticking.is_alive()

        ten.let_go.set()
        ticking.join(HANGS_S)
        assert [report.failed for report in reports] == [()]
        await press(pilot, "r")
        await until(pilot, "503")
        shown = screen_text(pilot)
        assert "also_well" in shown
        await press(pilot, "5", "r")
        await until(pilot, "503")
        await press(pilot, "6", "r")
        await until(pilot, "nonsense")


def test_each_source_that_fails_degrades_only_itself(ten: Ten) -> None:
    ten.let_go.set()
    assert tick(ten.desk).failed == ()
    cards = {card.name: card for card in read_status(ten.desk).cards}
    known = {
        probe.name: probe.status is not Status.UNKNOWN
        for name in ("ci", "risk")
        for probe in cards[name].probes
    }
    known |= {each.name: each.look is not None for each in plot_operations.plots(ten.desk)}
    known |= {each.name: each.look is not None for each in looking.known(ten.desk)}
    known["grafana"] = grafana.standing(ten.desk).good_at is not None
    assert known == {
        "well": True,
        "also_well": True,
        "hangs": False,
        "risk.book": True,
        "risk.second": True,
        "risk.nonsense": False,
        "load": True,
        "up": False,
        "prefect": True,
        "grafana": True,
    }
