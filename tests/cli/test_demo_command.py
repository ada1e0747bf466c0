"""`mechexo demo`: one command from nothing to a status, and no process left behind."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from mechexo.desk import Desk
from mechexo.paper.build import build
from mechexo.paper.demo import prepare, run_under
from mechexo.rollback.flags.operations import list_flags

pytestmark = pytest.mark.slow

BUILT_AT = datetime(2026, 3, 3, 16, 0, tzinfo=UTC)
DEMO = [sys.executable, "-m", "mechexo", "demo"]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "desk"
    build(folder, 7, BUILT_AT)
    return folder


def demo(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DEMO, "--dir", str(folder), *words],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def of_desk(folder: Path) -> list[str]:
    """The processes that still work on a desk."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = " ".join(process.info["cmdline"] or ())
        if str(folder) in words and process.pid != psutil.Process().pid:
            found.append(words)
    return found


@pytest.mark.slow
def test_without_a_terminal_one_pass_and_the_status_with_its_code(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    done = demo(folder, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["schema"] == "mechexo.status/1"
    # Its flags have a history from the start, so that they can go back with a flow.
    flags = list_flags(Desk.open(folder / "mechexo.toml"))
    assert flags.tracked_since is not None
    assert all(flag.safer == "off" for flag in flags.flags)
    assert found["ops_ok"] is True
    assert {card["name"]: card["status"] for card in found["cards"]}["risk"] == "critical"
    assert found["alerts"]["open"] == 1
    assert all(line.startswith("paper desk: ") for line in done.stderr.splitlines())
    assert of_desk(folder) == []
    again = demo(folder, "--headless")
    assert again.stderr == ""
    assert "CRITICAL" in again.stdout
    assert "\x1b" not in again.stdout


@pytest.mark.slow
def test_ctrl_c_leaves_no_process_behind(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    prepare(folder, 7, say=lambda _: None)
    process = subprocess.Popen(
        [*DEMO, "--dir", str(folder), "--headless", "--for", "60s"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    log = folder / "paper.log"
    for _ in range(300):
        if log.exists() and "started" in log.read_text():
            break
        process.poll()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.1)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert of_desk(folder) == []
    assert "Traceback" not in (process.communicate()[1] or "")


def test_a_folder_of_something_else_is_refused_in_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "precious.txt").write_text("x")
    done = demo(folder)
    assert done.returncode == 4
    assert done.stdout == ""
    assert "not empty" in done.stderr.splitlines()[-1]
    assert [path.name for path in folder.iterdir()] == ["precious.txt"]


def test_a_folder_that_cannot_be_made_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    done = demo(tmp_path / "file" / "desk")
    assert done.returncode == 5
    assert "cannot be made" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_desk_whose_configuration_is_broken_says_where(tmp_path: Path, pristine: Path) -> None:
    folder = tmp_path / "desk"
    shutil.copytree(pristine, folder)
    (folder / "mechexo.toml").write_text("[desk\n")
    done = demo(folder)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "not valid TOML" in done.stderr


def test_a_duration_that_cannot_be_read_makes_nothing(tmp_path: Path) -> None:
    done = demo(tmp_path / "desk", "--for", "soon")
    assert done.returncode == 2
    assert "soon" in done.stderr
    assert not (tmp_path / "desk").exists()


@pytest.mark.slow
def test_a_second_runner_on_a_desk_is_refused_in_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    prepare(folder, 7, say=lambda _: None)
    with run_under(folder, 7):
        done = demo(folder, "--headless")
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1
    assert "runs already" in done.stderr
    assert f"mechexo --config {folder}/mechexo.toml console" in done.stderr


@pytest.mark.slow
def test_an_existing_desk_keeps_its_seed(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    said: list[str] = []
    prepare(folder, 11, say=lambda _: None)
    assert prepare(folder, None, say=said.append) == (folder, 11)
    assert said == []
    assert prepare(folder, 12, say=said.append) == (folder, 12)
    assert "made with seed 11" in said[0]


def test_the_engine_does_not_know_that_a_desk_is_paper() -> None:
    import mechexo

    root = Path(mechexo.__file__).parent
    knowing = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if "mechexo.paper" in path.read_text(encoding="utf-8")
    }
    assert {name for name in knowing if not name.startswith("paper/")} <= {"cli/demo.py"}


@pytest.mark.parametrize("words", [(), ("console",), ("console", "--ascii", "--read-only")])
def test_the_console_without_a_terminal_is_the_status(
    make_desk: Callable[..., Desk], words: tuple[str, ...]
) -> None:
    config = make_desk().config_path
    done, status = (
        subprocess.run(
            [sys.executable, "-m", "mechexo", "--config", str(config), *each],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )
        for each in (words, ("status",))
    )  # fmt: skip
    assert done.returncode == status.returncode == 1
    assert done.stdout.splitlines()[0] == status.stdout.splitlines()[0] == "test  PAPER  UTC"
    assert "\x1b" not in done.stdout


def at_a_terminal_but_for_stderr(
    *words: str, term: str = "xterm", whole: bool = False
) -> tuple[int, str]:
    """The exit code and stdout of a command whose stdin and stdout are a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "mechexo", *words],
        stdin=theirs, stdout=theirs, stderr=theirs if whole else subprocess.PIPE,
        env={**os.environ, "TERM": term},
    )  # fmt: skip
    os.close(theirs)
    said = b""
    with contextlib.suppress(OSError):  # how a terminal tells that nobody writes any more
        while more := os.read(ours, 4096):
            said += more
    os.close(ours)
    process.communicate()
    return process.returncode, said.decode()


@pytest.mark.parametrize(("term", "whole"), [("xterm", False), ("dumb", True)])
def test_the_console_on_half_a_terminal_is_the_status(
    make_desk: Callable[..., Desk], term: str, whole: bool
) -> None:
    config = str(make_desk().config_path)
    code, said = at_a_terminal_but_for_stderr("--config", config, term=term, whole=whole)
    assert code == 1
    assert said.splitlines()[0] == "test  PAPER  UTC"


@pytest.mark.slow
def test_the_demo_on_half_a_terminal_is_one_pass_and_the_status(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    code, said = at_a_terminal_but_for_stderr("demo", "--dir", str(folder))
    assert code == 0
    assert said.startswith("paper desk  PAPER")


def test_the_console_without_a_configuration_says_so_in_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mechexo", "--config", str(tmp_path / "none.toml"), "console"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
