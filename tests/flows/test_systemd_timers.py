"""systemd's timers as systemctl documents them, replayed by a program of that name.

No systemd runs where these tests run: untested against a live one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mechexo import systemd
from mechexo.desk import Desk
from mechexo.errors import UnreachableError
from mechexo.health.context import Context
from mechexo.health.kinds import find_kind
from mechexo.health.values import Status
from mechexo.systemd import Timer, TimerState, read_timers
from support.program import document, mechexo, one_line

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
NEVER = 2**64 - 1
WELL = "LoadState=loaded\nActiveState=inactive\nSubState=dead\nResult=success\nExecMainStatus=0\n"

Replay = Callable[..., dict[str, str]]


def micro(ago: timedelta, now: datetime = NOW) -> int:
    return int((now - ago).timestamp() * 1_000_000)


def row(
    name: str, *, last: Any = None, next_: Any = None, now: datetime = NOW, **more: Any
) -> dict[str, Any]:
    hour = timedelta(hours=1)
    return {
        "next": micro(-hour, now) if next_ is None else next_,
        "left": 12,
        "last": micro(hour, now) if last is None else last,
        "passed": 12,
        "unit": f"{name}.timer",
        "activates": f"{name}.service",
        **more,
    }


@pytest.fixture
def replay(tmp_path: Path) -> Replay:
    """Makes a `systemctl` that writes what it is given; the environment that finds it."""

    def make(
        listed: object, shown: dict[str, str] | str = "", *, script: str = ""
    ) -> dict[str, str]:
        folder = tmp_path / "fake-bin"
        folder.mkdir(exist_ok=True)
        text = listed if isinstance(listed, str) else json.dumps(listed)
        (folder / "listed").write_text(text)
        if not isinstance(shown, str):
            shown = "\n".join(f"Id={name}.service\n{facts}" for name, facts in shown.items())
        (folder / "shown").write_text(shown)
        program = folder / "systemctl"
        program.write_text(
            "#!/bin/sh\n"
            f'echo "$@" >> {folder}/asked\n'
            + (
                script
                or f'case "$*" in *list-timers*) exec cat {folder}/listed;; '
                f"*) exec cat {folder}/shown;; esac\n"
            )
        )
        program.chmod(0o755)
        return {"PATH": f"{folder}:/usr/bin:/bin"}

    return make


def read(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, Timer]:
    monkeypatch.setenv("PATH", env["PATH"])
    return {each.unit.removesuffix(".timer"): each for each in read_timers(NOW)}


def test_each_timer_says_how_it_stands_and_why(
    replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour, day = timedelta(hours=1), timedelta(days=1)
    listed = [
        row("well"),
        row("broken"),
        row("late", last=micro(day), next_=micro(hour)),
        row("soon", next_=micro(timedelta(minutes=4))),
        row("busy", next_=0),
        row("stopped", next_=NEVER),
        row("fresh", last=0),
        row("null", last=0, next_=0) | {"last": None, "next": None},
        row("gone"),
        row("silent"),
    ]
    shown = {
        **dict.fromkeys(("well", "late", "soon", "stopped", "fresh", "null"), WELL),
        "broken": "LoadState=loaded\nActiveState=failed\nSubState=failed\n"
        "Result=exit-code\nExecMainStatus=3\n",
        "busy": WELL.replace("inactive", "activating").replace("dead", "start"),
        "gone": "LoadState=not-found\nActiveState=inactive\nSubState=dead\nResult=success\n",
    }
    found = read(replay(listed, shown), monkeypatch)
    assert {name: each.state for name, each in found.items()} == {
        "well": TimerState.OK,
        "broken": TimerState.FAILED,
        "late": TimerState.OVERDUE,
        "soon": TimerState.OK,
        "busy": TimerState.RUNNING,
        "stopped": TimerState.UNPLANNED,
        "fresh": TimerState.NEVER,
        "null": TimerState.UNPLANNED,
        "gone": TimerState.FAILED,
        "silent": TimerState.UNKNOWN,
    }
    assert found["broken"].why == "broken.service failed: exit-code, exit status 3"
    assert (found["broken"].result, found["broken"].exit_status) == ("exit-code", 3)
    assert found["late"].why == "it should have started late.service 1h ago"
    assert found["gone"].why == "gone.service is not-found"
    assert found["silent"].why == "systemctl said nothing about silent.service"
    assert (found["well"].last, found["well"].next) == (NOW - hour, NOW + hour)
    assert (found["null"].last, found["null"].next) == (None, None)


def test_it_asks_for_json_and_for_the_user_s_own_when_told(
    replay: Replay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    env = replay([row("well")], {"well": WELL})
    monkeypatch.setenv("PATH", env["PATH"])
    read_timers(NOW, user=True)
    asked = (tmp_path / "fake-bin" / "asked").read_text().splitlines()
    assert asked == [
        "--no-pager --no-ask-password --user list-timers --all --output=json",
        "--no-pager --no-ask-password --user show "
        "--property=Id,LoadState,ActiveState,SubState,Result,ExecMainStatus -- well.service",
    ]


def test_without_a_timer_nothing_more_is_asked(
    replay: Replay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert read(replay([]), monkeypatch) == {}
    assert len((tmp_path / "fake-bin" / "asked").read_text().splitlines()) == 1


def test_a_great_many_timers_are_asked_about_in_parts(
    replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"t{n}" for n in range(450)]
    found = read(replay([row(n) for n in names], dict.fromkeys(names, WELL)), monkeypatch)
    assert {each.state for each in found.values()} == {TimerState.OK}
    assert len(found) == 450


@pytest.mark.parametrize(
    "listed",
    [
        "",
        "NEXT LEFT LAST PASSED UNIT ACTIVATES\n0 timers listed.\n",
        "{}{",
        "null",
        "[null]",
        "[[]]",
        '[{"unit": "a.timer"}]',
        '[{"unit": 7, "activates": "", "last": 0, "next": 0}]',
        '[{"unit": "a\\u001b[2J", "activates": "", "last": 0, "next": 0}]',
        '[{"unit": "a", "activates": [1], "last": 0, "next": 0}]',
        '[{"unit": "a", "activates": "b", "last": "Mon", "next": 0}]',
        '[{"unit": "a", "activates": "b", "last": -1, "next": 0}]',
        "[" * 100_000,
    ],
)
def test_what_is_not_understood_is_never_well(
    replay: Replay, monkeypatch: pytest.MonkeyPatch, listed: str
) -> None:
    with pytest.raises(UnreachableError, match="wrote what is not understood"):
        read(replay(listed), monkeypatch)


@pytest.mark.parametrize("shown", ["", "garbage", "Id=well.service\n", "\0\n\nId=\n", "=\n=\n"])
def test_a_unit_of_which_nothing_is_said_is_unknown(
    replay: Replay, monkeypatch: pytest.MonkeyPatch, shown: str
) -> None:
    found = read(replay([row("well")], shown), monkeypatch)
    assert found["well"].state is TimerState.UNKNOWN


def test_an_error_of_systemctl_is_said_in_its_own_words(
    replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = replay("", script="echo 'Failed to connect to bus: \033[1mNo medium' >&2; exit 1\n")
    with pytest.raises(UnreachableError, match=r"systemctl: Failed to connect to bus:  ?\[1mNo"):
        read(env, monkeypatch)


def test_a_systemctl_that_hangs_with_its_children_is_left(
    replay: Replay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    script = f"trap '' TERM; echo $$ >> {pids}; sleep 600 & echo $! >> {pids}; wait\n"
    monkeypatch.setenv("PATH", replay("", script=script)["PATH"])
    with pytest.raises(UnreachableError, match=r"did not answer within 0\.5 s"):
        systemd.ask("list-timers", limit_s=0.5)
    deadline = time.monotonic() + 30
    while any(_runs(int(pid)) for pid in pids.read_text().split()):
        assert time.monotonic() < deadline, "it was left running"
        time.sleep(0.02)


def _runs(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def test_a_systemctl_that_writes_without_end_is_left(
    replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = replay("", script="exec yes\n")
    with pytest.raises(UnreachableError, match="wrote more than 4000000 bytes"):
        read(env, monkeypatch)


def test_one_that_closes_its_output_and_stays_is_left(
    replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = replay("", script="exec >&- 2>&-; sleep 600\n")
    monkeypatch.setenv("PATH", env["PATH"])
    with pytest.raises(UnreachableError, match="did not answer"):
        systemd.ask("list-timers", limit_s=0.5)


def test_where_there_is_no_systemctl_systemd_does_not_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnreachableError, match="systemd does not run here"):
        read_timers(NOW)


@pytest.mark.parametrize(
    ("listed", "facts", "status", "words"),
    [
        ([row("backup")], WELL, Status.OK, "fired 1h ago, next in 1h"),
        ([row("backup", last=0)], WELL, Status.OK, "has not fired yet, next in 1h"),
        (
            [row("backup", next_=micro(timedelta(hours=1)))],
            WELL,
            Status.CRITICAL,
            "it should have started backup.service 1h ago",
        ),
        (
            [row("backup")],
            WELL.replace("success", "timeout"),
            Status.CRITICAL,
            "backup.service failed: timeout",
        ),
        ([row("backup", next_=0)], WELL, Status.WARNING, "it has no next time"),
        ([row("other")], WELL, Status.CRITICAL, "systemd has no timer backup.timer loaded"),
        ([], WELL, Status.CRITICAL, "systemd has no timer backup.timer loaded"),
        ([row("backup")], "", Status.UNKNOWN, "systemctl said nothing about backup.service"),
        ("garbage", WELL, Status.UNKNOWN, "what is not understood"),
    ],
)
def test_a_probe_watches_a_timer(
    replay: Replay,
    monkeypatch: pytest.MonkeyPatch,
    listed: object,
    facts: str,
    status: Status,
    words: str,
) -> None:
    monkeypatch.setenv("PATH", replay(listed, {"backup": facts} if facts else "")["PATH"])
    kind = find_kind("timer")
    context = Context("backup", Path(), NOW, 5.0, NOW)
    outcome = kind.run(kind.options_model(unit="backup.timer"), context)
    assert (outcome.status, words in outcome.detail) == (status, True), outcome.detail


def test_a_probe_of_a_timer_asks_for_that_one_alone(
    replay: Replay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", replay([row("backup")], {"backup": WELL})["PATH"])
    kind = find_kind("timer")
    options = kind.options_model(unit="backup.timer", user_unit=True)
    kind.run(options, Context("backup", Path(), NOW, 5.0, NOW))
    first = (tmp_path / "fake-bin" / "asked").read_text().splitlines()[0]
    assert first.endswith("--user list-timers --all --output=json -- backup.timer")


@pytest.mark.parametrize("unit", ["backup", "backup.service", "-x.timer", "a b.timer", ""])
def test_a_probe_of_a_timer_needs_a_timer_s_name(unit: str) -> None:
    with pytest.raises(ValidationError):
        find_kind("timer").options_model(unit=unit)


def test_the_command_shows_them_and_exits_by_the_worst(desk: Desk, replay: Replay) -> None:
    now = datetime.now(UTC)
    env = replay([row("well", now=now)], {"well": WELL})
    done = mechexo("flows", "timers", config=desk.config_path, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert "well.timer" in done.stdout
    assert "● OK" in done.stdout
    env = replay(
        [row("well", now=now), row("late", now=now, next_=micro(timedelta(hours=2), now))],
        {"well": WELL, "late": WELL},
    )
    done = mechexo("flows", "timers", "--json", config=desk.config_path, env=env)
    assert done.returncode == 1
    found = document(done)
    assert found["schema"] == "mechexo.flows_timers/1"
    assert [(each["unit"], each["state"]) for each in found["timers"]] == [
        ("late.timer", "overdue"),
        ("well.timer", "ok"),
    ]
    done = mechexo("flows", "timers", "--csv", config=desk.config_path, env=env)
    assert done.stdout.splitlines()[0] == ("unit,activates,state,last,next,result,exit_status,why")


def test_the_command_says_where_systemd_does_not_run_and_is_never_well(
    desk: Desk, tmp_path: Path
) -> None:
    done = mechexo("flows", "timers", config=desk.config_path, env={"PATH": str(tmp_path)})
    assert done.returncode == 5
    one_line(done, "systemd does not run here")


@pytest.mark.skipif(
    Path("/run/systemd/system").is_dir() or not Path("/usr/bin/systemctl").exists(),
    reason="needs the real systemctl where systemd does not run",
)
def test_the_real_systemctl_says_that_systemd_did_not_start_this_machine(desk: Desk) -> None:
    done = mechexo("flows", "timers", config=desk.config_path)
    assert done.returncode == 5
    one_line(done, "systemctl: System has not been booted with systemd")
