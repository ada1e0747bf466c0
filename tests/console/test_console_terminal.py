"""The real program on a real pseudo-terminal: bytes, colours, and every way out."""

from __future__ import annotations

import base64
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from mechexo.alerts import operations as alerts
from mechexo.alerts.values import AlertState
from mechexo.desk import Desk
from mechexo.errors import UsageError
from mechexo_tui.terminal import clipboard_sequence, require_terminal, write_crash_report
from support.pseudo_terminal import COLOUR_CODES, PseudoTerminal, plain

PROGRAM = """
import sys
from pathlib import Path
from mechexo_tui.app import run
sys.exit(run(Path(sys.argv[1])))
"""
LEAVES_ALTERNATE_SCREEN = b"\x1b[?1049l"
CLEARS = b"\x1b[2J"
REDRAW = "\x0c"

pytestmark = [pytest.mark.slow, pytest.mark.terminal]


def console(desk: Desk, columns: int, rows: int, **environ: str) -> PseudoTerminal:
    argv = [sys.executable, "-c", PROGRAM, str(desk.config_path)]
    return PseudoTerminal(argv, columns, rows, environ={"LANG": "C.UTF-8", **environ})


def settle(terminal: PseudoTerminal) -> bytes:
    return terminal.collect(quiet_s=2.5, timeout_s=30).data


@pytest.mark.parametrize(
    ("columns", "rows", "first", "switch"), [(120, 40, 24_000, 12_000), (80, 24, 14_000, 8_000)]
)
def test_bytes_stay_within_their_budgets(
    busy_desk: Desk, columns: int, rows: int, first: int, switch: int
) -> None:
    with console(busy_desk, columns, rows) as terminal:
        assert len(settle(terminal)) <= first
        for key in "?q2q3q7q":
            terminal.send(key)
            assert len(terminal.collect(quiet_s=0.5, timeout_s=5).data) <= switch, key
        terminal.send("r")
        assert terminal.everything_for(2.5) == b"", "nothing changed, nothing written"
        terminal.send("j")
        assert len(terminal.collect(quiet_s=0.5, timeout_s=5).data) <= 1_200
        terminal.send("q")


def test_a_slow_machine_gets_the_same_bytes(busy_desk: Desk) -> None:
    slow = PROGRAM.replace(
        "sys.exit",
        "import functools, time\n"
        "from mechexo_tui.facts import Facts\n"
        "from mechexo_tui.screens.base import ConsoleScreen\n"
        "from mechexo_tui.widgets.line_list import LineList\n"
        "def slowed(work):\n"
        "    slow = lambda *given, **named: (time.sleep(0.15), work(*given, **named))[1]\n"
        "    return functools.wraps(work)(slow)\n"
        "for kind, name in ((Facts, '_read_first'), (ConsoleScreen, 'show_now'),\n"
        "                   (ConsoleScreen, 'compose'), (LineList, 'on_resize')):\n"
        "    setattr(kind, name, slowed(getattr(kind, name)))\n"
        "sys.exit",
    )
    sizes = []
    for program in (PROGRAM, slow):
        argv = [sys.executable, "-c", program, str(busy_desk.config_path)]
        with PseudoTerminal(argv, 120, 40, environ={"LANG": "C.UTF-8"}) as terminal:
            found = [len(settle(terminal))]
            for key in "?q7q":
                terminal.send(key)
                found.append(len(terminal.collect(quiet_s=1.5, timeout_s=8).data))
            sizes.append(found)
    # What is read later may be painted in one piece or in two.
    assert sizes[1] == pytest.approx(sizes[0], abs=1_500)


@pytest.mark.parametrize(("columns", "rows"), [(120, 40), (80, 24)])
def test_what_changes_left_on_the_screen_is_what_a_whole_painting_shows(
    busy_desk: Desk, columns: int, rows: int
) -> None:
    with console(busy_desk, columns, rows) as terminal:
        settle(terminal)
        for key in ("j", "?", "q", "2", "j", "/c", "\r", "q", "3", "q", "1", "i", "a", "\x1b"):
            for _ in range(3):
                terminal.send(key)
                terminal.collect(quiet_s=0.7, timeout_s=5)
                before = terminal.screen
                terminal.send(REDRAW)
                assert CLEARS in terminal.collect(quiet_s=0.7, timeout_s=5).data
                # An age may have changed in between: then the next one tells.
                if terminal.screen == before:
                    break
                key = ""
            assert terminal.screen == before, key


def test_the_console_is_painted_anew_when_it_comes_back_from_the_shell(busy_desk: Desk) -> None:
    with console(busy_desk, 80, 24) as terminal:
        settle(terminal)
        process = psutil.Process(terminal.pid)
        terminal.send(":suspend\r")
        terminal.collect(quiet_s=0.5, timeout_s=5)
        assert process.status() == psutil.STATUS_STOPPED
        process.send_signal(signal.SIGCONT)
        assert CLEARS in terminal.collect(quiet_s=1.0, timeout_s=10).data
        assert "CRITICAL" in terminal.screen


def test_so_it_is_when_the_terminal_was_smaller_for_a_moment(busy_desk: Desk) -> None:
    with console(busy_desk, 80, 24) as terminal:
        settle(terminal)
        os.kill(terminal.pid, signal.SIGWINCH)
        assert CLEARS in terminal.collect(quiet_s=1.0, timeout_s=10).data


def test_no_colour_means_no_colour_codes(busy_desk: Desk) -> None:
    with console(busy_desk, 120, 40, NO_COLOR="1") as terminal:
        data = settle(terminal)
        assert COLOUR_CODES.findall(data) == []
        assert "CRITICAL" in terminal.screen
        terminal.send("q")


@pytest.mark.parametrize("environ", [{"LC_ALL": "C"}, {"LC_ALL": "", "LC_CTYPE": "", "LANG": "C"}])
def test_a_terminal_without_utf8_gets_nothing_but_ascii(
    busy_desk: Desk, environ: dict[str, str]
) -> None:
    alerts.raise_alert(
        busy_desk, key="e", severity="low", name="Überlauf", summary="— 5 µs …", labels={}
    )
    with console(busy_desk, 120, 40, **environ) as terminal:
        data = settle(terminal)
        shown = terminal.screen
        for key in ("?", "q", "x", "q", "\r", "q", *"2345678", "\r", "q", "1cifmt", "/Ü", "\x1b",
                    "a", "\x1b", "y", ":"):  # fmt: skip
            terminal.send(key)
            if key == "x":  # git is asked: on a busy machine the diff comes late
                data += terminal.collect(timeout_s=30, until=lambda _: "@@" in terminal.screen).data
            data += terminal.collect(quiet_s=0.4, timeout_s=1.5).data
            shown += terminal.screen
        for word in ("PAPER", "?berlauf", "@@", "First 60 seconds", "Audit log", "On the screen"):
            assert word in shown, word
        assert [byte for byte in data if byte > 127] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_gives_the_terminal_back(busy_desk: Desk, number: signal.Signals) -> None:
    with console(busy_desk, 80, 24) as terminal:
        settle(terminal)
        os.kill(terminal.pid, number)
        assert LEAVES_ALTERNATE_SCREEN in terminal.collect(quiet_s=0.5, timeout_s=5).data


@pytest.mark.parametrize("key", ["q", "\x03"])
def test_leaving_gives_the_terminal_back_and_ends_with_0(busy_desk: Desk, key: str) -> None:
    with console(busy_desk, 80, 24) as terminal:
        settle(terminal)
        terminal.send(key)
        assert LEAVES_ALTERNATE_SCREEN in terminal.collect(quiet_s=0.5, timeout_s=5).data
        assert terminal.ended_within(5) is not None


def test_what_was_confirmed_is_done_also_when_one_leaves_at_once(busy_desk: Desk) -> None:
    with console(busy_desk, 80, 24) as terminal:
        settle(terminal)
        # As a slow line delivers it: all in one piece.
        terminal.send("aon my way, wow!\rq")
        terminal.collect(quiet_s=1.0, timeout_s=8)
        assert terminal.ended_within(10) is not None
    found = alerts.list_alerts(busy_desk)[0]
    assert found.state is AlertState.ACKNOWLEDGED
    said = " ".join(event.detail for event in alerts.timeline(busy_desk, found.id))
    assert "on my way, wow!" in said


def test_a_lost_terminal_ends_the_program(busy_desk: Desk) -> None:
    with console(busy_desk, 80, 24) as terminal:
        settle(terminal)
        terminal.hang_up()
        assert terminal.ended_within(5) is not None


def test_a_lost_terminal_ends_it_also_when_hangups_are_ignored(busy_desk: Desk) -> None:
    ignoring = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)" + PROGRAM.replace(
        "import sys\n", "import sys, asyncio\n"
        "asyncio.unix_events._UnixSelectorEventLoop.add_signal_handler = lambda *a: None\n", 1,
    )  # fmt: skip
    argv = [sys.executable, "-c", ignoring, str(busy_desk.config_path)]
    with PseudoTerminal(argv, 80, 24) as terminal:
        settle(terminal)
        terminal.hang_up()
        assert terminal.ended_within(5) is not None


def test_a_crash_writes_a_report_and_one_line(busy_desk: Desk) -> None:
    crashing = PROGRAM.replace(
        "sys.exit",
        "from mechexo_tui.screens.overview import OverviewScreen\n"
        "def perform(self, action):\n"
        "    secret = 'hunter2'\n"
        "    raise ValueError('a defect for the test')\n"
        "OverviewScreen.perform = perform\n"
        "sys.exit",
    )
    argv = [sys.executable, "-c", crashing, str(busy_desk.config_path)]
    with PseudoTerminal(argv, 80, 24) as terminal:
        settle(terminal)
        terminal.send("j")
        data = terminal.collect(quiet_s=1.0, timeout_s=8).data
        assert LEAVES_ALTERNATE_SCREEN in data
        after = plain(data.split(LEAVES_ALTERNATE_SCREEN)[-1])
        assert "the console failed; the report is in" in after
        assert "Traceback" not in after
    (report,) = busy_desk.state.path.parent.glob("console-crash-*.txt")
    assert "a defect for the test" in report.read_text()
    assert report.stat().st_mode & 0o077 == 0


def test_a_dumb_terminal_is_refused_with_a_hint() -> None:
    with pytest.raises(UsageError, match="mechexo status"):
        require_terminal({"TERM": "dumb"})
    with pytest.raises(UsageError, match="mechexo status"):
        require_terminal({})


def test_tmux_gets_what_it_may_take_itself_and_what_it_may_pass_through() -> None:
    inner = base64.b64encode(b"row").decode()
    plain = f"\x1b]52;c;{inner}\x07"
    assert clipboard_sequence("row", {}) == plain
    assert clipboard_sequence("row", {"TMUX": "x"}) == (
        f"{plain}\x1bPtmux;\x1b\x1b]52;c;{inner}\x07\x1b\\"
    )


def test_what_is_too_long_to_copy_is_refused() -> None:
    assert clipboard_sequence("x" * 74_994, {})
    with pytest.raises(UsageError, match="too long to copy"):
        clipboard_sequence("x" * 74_995, {})


def test_a_crash_report_holds_no_values_of_variables(tmp_path: Path) -> None:
    def fail() -> None:
        password = "hunter2"  # noqa: F841
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken") as caught:
        fail()
    path = write_crash_report(tmp_path, caught.value, datetime(2026, 3, 2, tzinfo=UTC))
    text = path.read_text()
    assert "broken" in text
    assert "hunter2" not in text
