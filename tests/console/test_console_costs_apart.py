"""The process that works out costs: it answers, and it crashing or hanging is a value."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from mechexo.clock import VirtualClock
from mechexo.costs.inspecting import acknowledge_exception
from mechexo.costs.views import (
    DEFAULT_PERIOD,
    ExceptionsAsked,
    FillAsked,
    FillsAsked,
    Period,
    PlotsAsked,
    TableAsked,
)
from mechexo.desk import Desk
from mechexo.errors import UnreachableError
from mechexo_tui.costs_apart import CostsApart, Done, Job, Looked, Priced, Reported, receive, send
from mechexo_tui.costs_server import Server, serve
from support.processes import has_ended

pytestmark = pytest.mark.slow

TOML = """
[costs]
fills = "fills.csv"
quotes = "quotes.csv"
"""

BY_SYMBOL = TableAsked(("symbol",))


@pytest.fixture
def costs_desk(make_desk: Callable[..., Desk]) -> Desk:
    desk = make_desk(TOML)
    write_fills(desk, 6)
    return desk


@pytest.fixture
def apart(costs_desk: Desk) -> Iterator[CostsApart]:
    made = CostsApart(costs_desk)
    yield made
    made.stop()


def write_fills(
    desk: Desk, count: int, *, day: datetime = datetime(2026, 2, 27, tzinfo=UTC)
) -> None:
    start = day + timedelta(hours=15)
    fills = ["fill_id,ts,symbol,side,quantity,price,commission,order_id"]
    quotes = ["ts,symbol,bid,ask"]
    for number in range(count):
        moment = start + timedelta(minutes=number)
        quotes.append(f"{(moment - timedelta(seconds=1)).isoformat()},AAPL,99.99,100.01")
        fills.append(f"f{number},{moment.isoformat()},AAPL,buy,100,100.02,0.5,o{number // 2}")
    (desk.root / "fills.csv").write_text("\n".join(fills) + "\n")
    (desk.root / "quotes.csv").write_text("\n".join(quotes) + "\n")


def children() -> list[psutil.Process]:
    found = []
    for each in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if "mechexo_tui.costs_server" in each.cmdline():
                found.append(each)
    return found


def wait_until(true: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# What is worked out, in this process


def job(desk: Desk, what: object, number: int = 1) -> Job:
    return Job(number, what, desk.clock.now())  # type: ignore[arg-type]


def test_the_report_is_that_of_the_default_period_and_its_fills_are_then_held(
    costs_desk: Desk,
) -> None:
    server = Server(costs_desk)
    done = server.do(job(costs_desk, Reported(), 7))
    assert done.number == 7
    assert done.value.totals.fills == 6  # type: ignore[attr-defined]
    seen = server.do(job(costs_desk, Looked(DEFAULT_PERIOD, BY_SYMBOL))).value
    assert [row.key for row in seen.view.rows] == [{"symbol": "AAPL"}]  # type: ignore[attr-defined]
    assert seen.head.fills == 6  # type: ignore[attr-defined]


def test_a_period_that_is_not_held_has_to_be_priced_first(costs_desk: Desk) -> None:
    server = Server(costs_desk)
    twenty = Period(days=20)
    assert server.do(job(costs_desk, Looked(twenty, BY_SYMBOL))).missing
    assert server.do(job(costs_desk, Priced(twenty))).failure == ""
    assert not server.do(job(costs_desk, Looked(twenty, BY_SYMBOL))).missing
    # The overview's report does not take the place of what a person looks at.
    server.do(job(costs_desk, Reported()))
    assert not server.do(job(costs_desk, Looked(twenty, BY_SYMBOL))).missing
    assert server.do(job(costs_desk, Looked(DEFAULT_PERIOD, BY_SYMBOL))).missing


def test_a_held_period_is_priced_again_only_when_that_is_asked(costs_desk: Desk) -> None:
    server = Server(costs_desk)

    def count() -> tuple[int, int]:
        seen = server.do(job(costs_desk, Looked(DEFAULT_PERIOD, FillsAsked()))).value
        return seen.view.count, seen.run  # type: ignore[attr-defined]

    server.do(job(costs_desk, Priced(DEFAULT_PERIOD)))
    write_fills(costs_desk, 9)
    server.do(job(costs_desk, Priced(DEFAULT_PERIOD)))
    assert count() == (6, 1)
    server.do(job(costs_desk, Priced(DEFAULT_PERIOD, anew=True)))
    assert count() == (9, 2)


@pytest.mark.parametrize("again", [Priced(DEFAULT_PERIOD, anew=True), Reported()])
def test_a_source_that_fails_leaves_what_was_priced_with_the_reason_and_its_age(
    costs_desk: Desk, clock: VirtualClock, again: Priced | Reported
) -> None:
    server = Server(costs_desk)
    priced_at = clock.now()
    server.do(job(costs_desk, Priced(DEFAULT_PERIOD)))
    (costs_desk.root / "quotes.csv").unlink()
    clock.advance(timedelta(minutes=5))
    server.do(job(costs_desk, again))
    seen = server.do(job(costs_desk, Looked(DEFAULT_PERIOD, BY_SYMBOL))).value
    assert seen.view.count == 1  # type: ignore[attr-defined]
    assert "quotes.csv" in seen.complaint  # type: ignore[attr-defined]
    assert seen.priced_at == priced_at  # type: ignore[attr-defined]
    write_fills(costs_desk, 7)
    server.do(job(costs_desk, again))
    seen = server.do(job(costs_desk, Looked(DEFAULT_PERIOD, BY_SYMBOL))).value
    assert seen.complaint == ""  # type: ignore[attr-defined]


def test_a_failure_is_a_value(costs_desk: Desk) -> None:
    server = Server(costs_desk)
    server.do(job(costs_desk, Priced(DEFAULT_PERIOD)))
    assert (
        "symbo"
        in server.do(job(costs_desk, Looked(DEFAULT_PERIOD, TableAsked(("symbo",))))).failure
    )
    gone = server.do(job(costs_desk, Looked(DEFAULT_PERIOD, FillAsked("gone"))))
    assert "gone" in gone.failure
    broken = replace(BY_SYMBOL, by=3)  # type: ignore[arg-type]
    assert (
        "a defect in mechexo" in server.do(job(costs_desk, Looked(DEFAULT_PERIOD, broken))).failure
    )
    (costs_desk.root / "fills.csv").write_text("")
    assert "fills.csv" in server.do(job(costs_desk, Priced(Period(days=20)))).failure


def test_exceptions_know_who_has_looked_at_them(costs_desk: Desk) -> None:
    server = Server(costs_desk)
    server.do(job(costs_desk, Priced(DEFAULT_PERIOD)))
    asked = Looked(DEFAULT_PERIOD, ExceptionsAsked())
    before = server.do(job(costs_desk, asked)).value.view  # type: ignore[attr-defined]
    first = before.rows[0]
    assert first.acknowledged_by is None
    acknowledge_exception(costs_desk, first.fill_id, [first.kind], note="seen")
    after = server.do(job(costs_desk, asked)).value.view  # type: ignore[attr-defined]
    (same,) = [row for row in after.rows if (row.fill_id, row.kind) == (first.fill_id, first.kind)]
    assert (same.acknowledged_by, same.note) == ("tester", "seen")
    assert after.acknowledged == before.acknowledged + 1


# The process apart


def test_questions_are_answered_from_one_process_that_goes_on_living(apart: CostsApart) -> None:
    assert apart.report().totals.fills == 6
    (first,) = children()
    for asked in (BY_SYMBOL, FillsAsked(), FillAsked("f3"), PlotsAsked(), ExceptionsAsked()):
        apart.look(DEFAULT_PERIOD, asked)
    assert apart.look(Period(days=20), FillsAsked()).view.count == 6
    assert apart.look(Period(days=0), FillsAsked()).view.count == 0
    assert children() == [first]


def test_it_is_started_when_something_is_asked_and_gone_when_it_is_stopped(
    costs_desk: Desk,
) -> None:
    made = CostsApart(costs_desk)
    assert children() == []
    made.look(DEFAULT_PERIOD, BY_SYMBOL)
    assert len(children()) == 1
    made.stop()
    wait_until(lambda: not children())
    with pytest.raises(UnreachableError, match="being left"):
        made.look(DEFAULT_PERIOD, BY_SYMBOL)


def test_with_anew_the_fills_are_priced_again(apart: CostsApart, costs_desk: Desk) -> None:
    assert apart.look(Period(days=20), FillsAsked()).view.count == 6
    write_fills(costs_desk, 8)
    assert apart.look(Period(days=20), FillsAsked()).view.count == 6
    assert apart.look(Period(days=20), FillsAsked(), anew=True).view.count == 8


def test_a_crash_is_a_reason_and_the_next_question_is_answered(apart: CostsApart) -> None:
    apart.look(DEFAULT_PERIOD, BY_SYMBOL)
    (child,) = children()
    child.suspend()
    failures: list[str] = []

    def ask() -> None:
        try:
            apart.look(DEFAULT_PERIOD, FillsAsked())
        except UnreachableError as error:
            failures.append(str(error))

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.2)
    child.kill()
    asking.join(30)
    assert failures == ["the process that works out the costs was ended by SIGKILL"]
    assert apart.look(DEFAULT_PERIOD, FillsAsked()).view.count == 6


@pytest.mark.slow
def test_a_hang_ends_at_its_limit_and_the_process_with_it(costs_desk: Desk) -> None:
    made = CostsApart(costs_desk, view_s=5.0)
    made.look(DEFAULT_PERIOD, BY_SYMBOL)
    (child,) = children()
    child.suspend()
    with pytest.raises(UnreachableError, match="not ready after 5 s"):
        made.look(DEFAULT_PERIOD, BY_SYMBOL)
    wait_until(lambda: not child.is_running())
    assert made.look(DEFAULT_PERIOD, BY_SYMBOL).view.count == 1
    made.stop()


def test_looking_goes_on_while_fills_are_priced(costs_desk: Desk) -> None:
    """A source that hangs holds up the pricing and nothing else."""
    priced = threading.Event()

    class Slow(Server):
        def do(self, job: Job) -> Done:
            if isinstance(job.what, Priced):
                assert priced.wait(30)
            return Done(job.number, "done")

    jobs_read, jobs_write = os.pipe()
    answers_read, answers_write = os.pipe()
    with (
        os.fdopen(jobs_write, "wb") as jobs,
        os.fdopen(answers_read, "rb") as answers,
        os.fdopen(answers_write, "wb") as speaking,
    ):
        serving = threading.Thread(target=serve, args=(Slow(costs_desk), jobs_read, speaking, 30.0))
        serving.start()
        send(jobs, job(costs_desk, Priced(DEFAULT_PERIOD), 1))
        send(jobs, job(costs_desk, Looked(DEFAULT_PERIOD, BY_SYMBOL), 2))
        assert receive(answers.read) == Done(2, "done")
        priced.set()
        assert receive(answers.read) == Done(1, "done")
        jobs.close()
        serving.join(30)
        assert not serving.is_alive()
    os.close(jobs_read)


def test_it_ends_by_itself_when_nothing_is_asked_and_the_next_question_starts_another(
    costs_desk: Desk,
) -> None:
    made = CostsApart(costs_desk, idle_s=0.5)
    assert made.look(DEFAULT_PERIOD, FillsAsked()).view.count == 6
    wait_until(lambda: not children())
    assert made.look(DEFAULT_PERIOD, FillsAsked()).view.count == 6
    made.stop()


def test_a_configuration_that_cannot_be_read_is_the_reason(costs_desk: Desk) -> None:
    made = CostsApart(costs_desk)
    costs_desk.config_path.write_text("[desk\n")
    with pytest.raises(UnreachableError, match=r"mechexo\.toml"):
        made.report()
    made.stop()


def test_it_ends_with_a_console_that_is_killed(costs_desk: Desk, tmp_path: Path) -> None:
    program = tmp_path / "console.py"
    program.write_text(
        "import sys, time\n"
        "from pathlib import Path\n"
        "from mechexo.costs.views import DEFAULT_PERIOD, FillsAsked\n"
        "from mechexo.desk import Desk\n"
        "from mechexo_tui.costs_apart import CostsApart\n"
        "CostsApart(Desk.open(Path(sys.argv[1]))).look(DEFAULT_PERIOD, FillsAsked())\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    console = subprocess.Popen(
        [sys.executable, str(program), str(costs_desk.config_path)], stdout=subprocess.PIPE
    )
    assert console.stdout is not None
    assert console.stdout.readline() == b"ready\n"
    (child,) = psutil.Process(console.pid).children()
    console.send_signal(signal.SIGKILL)
    console.wait()
    wait_until(lambda: has_ended(child))
    console.stdout.close()


@pytest.mark.slow
def test_waiting_for_a_question_costs_nothing(apart: CostsApart) -> None:
    apart.look(DEFAULT_PERIOD, BY_SYMBOL)
    (child,) = children()
    time.sleep(0.5)
    before = child.cpu_times()
    time.sleep(1.0)
    after = child.cpu_times()
    assert after.user + after.system - before.user - before.system < 0.05


def test_the_console_itself_never_loads_polars(costs_desk: Desk) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from mechexo.costs.views import *\n"
        "from mechexo.desk import Desk\n"
        "from mechexo_tui.costs_apart import CostsApart\n"
        "import mechexo_tui.screens.costs, mechexo_tui.screens.overview\n"
        "from datetime import UTC, datetime\n"
        "from mechexo.clock import VirtualClock\n"
        "clock = VirtualClock(datetime(2026, 3, 2, 14, 30, tzinfo=UTC))\n"
        "apart = CostsApart(Desk.open(Path(sys.argv[1]), clock=clock))\n"
        "apart.report()\n"
        "for asked in (TableAsked(('day',)), FillsAsked(), FillAsked('f1'), PlotsAsked(),\n"
        "              ExceptionsAsked()):\n"
        "    apart.look(DEFAULT_PERIOD, asked)\n"
        "apart.stop()\n"
        "print([name for name in ('polars', 'duckdb', 'altair') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(costs_desk.config_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "[]\n", done.stderr
