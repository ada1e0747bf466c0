"""What is restored can be parsed, and a flow's own command has a limit that holds."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.rollback.validating import fault, run_command

SOON = timedelta(seconds=20)


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("a.yaml", b"a: [1"),
        ("a.yml", b"a:\n\tb: 1\n"),
        ("a.json", b"{"),
        ("a.toml", b"a = "),
        ("a.toml", b"\xff"),
        ("a.py", b"def ("),
        ("a.py", b"x = '\0'"),
        ("A.YAML", b"- {"),
        ("a.yaml", b"[" * 100_000),
        ("a.json", b"[" * 100_000),
        ("a.toml", b"a=" + b"[" * 100_000),
        ("a.py", b"-" * 100_000 + b"1"),
        ("a.py", b"x" + b".b" * 100_000),
        ("a.py", b"# coding: none\n"),
        ("a.py", b"return 1\n"),
    ],
)
def test_a_file_that_does_not_parse_has_a_fault_in_one_line(path: str, data: bytes) -> None:
    said = fault(path, data)
    assert said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("a.yaml", b"a: !own {b: 1}\n---\nsecond: document\n"),
        ("a.yaml", b""),
        ("a.json", b"[1]"),
        ("a.toml", b"a = 1\n"),
        ("a.py", b"import this_module_is_not_there\n"),
        ("a.txt", b"{ not json"),
        ("Makefile", b"\xff\xfe"),
    ],
)
def test_a_file_that_parses_or_is_of_no_known_kind_has_none(path: str, data: bytes) -> None:
    assert fault(path, data) == ""


def test_what_python_would_warn_of_is_not_written_over_the_screen(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert fault("a.py", b"x is 1\n'\\d'\n") == ""
    assert capfd.readouterr() == ("", "")


@given(data=st.binary(max_size=60), suffix=st.sampled_from(["yaml", "toml", "json", "py"]))
def test_whatever_stands_in_a_file_the_check_itself_does_not_fail(data: bytes, suffix: str) -> None:
    assert "\n" not in fault(f"a.{suffix}", data)


@pytest.mark.slow
def test_a_command_runs_in_its_folder_with_little_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_SESSION", "x")
    code = (
        "import os; assert os.getcwd() == os.path.realpath(os.environ['HERE']);"
        "assert os.environ['MECHEXO_STUB'] == '1';"
        "assert 'SECRET_OF_THE_SESSION' not in os.environ"
    )
    ended = run_command(
        [sys.executable, "-c", code], tmp_path, SOON, {"MECHEXO_STUB": "1", "HERE": str(tmp_path)}
    )
    assert ended.well
    assert ended.in_words.startswith("ended well after")


@pytest.mark.slow
def test_a_command_that_fails_says_its_last_line(tmp_path: Path) -> None:
    ended = run_command(
        [sys.executable, "-c", "print('one'); print('two'); raise SystemExit(3)"],
        tmp_path,
        SOON,
        {},
    )
    assert not ended.well
    assert ended.in_words == "ended with 3: two"


@pytest.mark.slow
def test_a_command_that_is_not_there_is_said(tmp_path: Path) -> None:
    ended = run_command(["no-such-program"], tmp_path, SOON, {})
    assert ended.exit_code is None
    assert "no-such-program: No such file" in ended.in_words


@pytest.mark.slow
def test_a_folder_that_is_not_there_and_a_word_that_is_none_are_said(tmp_path: Path) -> None:
    ended = run_command(["true"], tmp_path / "gone", SOON, {})
    assert ended.in_words == f"could not be started: {tmp_path}/gone: No such file or directory"
    assert "null byte" in run_command(["echo", "a\0b"], tmp_path, SOON, {}).in_words


@pytest.mark.slow
def test_a_command_that_a_signal_ends_says_which(tmp_path: Path) -> None:
    code = "import os, signal; print('x', flush=True); os.kill(os.getpid(), signal.SIGTERM)"
    ended = run_command([sys.executable, "-c", code], tmp_path, SOON, {})
    assert ended.in_words == "was ended by SIGTERM: x"


@pytest.mark.slow
def test_what_a_command_says_is_harmless_to_show(tmp_path: Path) -> None:
    said = "\x1b[2J\x1b]0;title\x07url postgresql://me:hunter2@host/db\u202e"
    ended = run_command(["sh", "-c", 'echo "$0"; exit 1', said], tmp_path, SOON, {})
    assert ended.in_words == "ended with 1: url postgresql://***@host/db"


@pytest.mark.slow
def test_no_shell_reads_the_words(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    ended = run_command(["echo", "$HOME; touch x", "`id`"], folder, SOON, {})
    assert ended.tail == "$HOME; touch x `id`\n"
    assert list(folder.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "code",
    [
        "import time; time.sleep(600)",
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)",
        "import os, time\nif os.fork() == 0: time.sleep(600)\ntime.sleep(600)",
        "while True: print('x' * 10000)",
        "import os, time; os.close(1); os.close(2); time.sleep(600)",
    ],
)
def test_at_its_limit_a_command_and_all_its_children_are_gone(tmp_path: Path, code: str) -> None:
    ended = run_command([sys.executable, "-c", code], tmp_path, timedelta(seconds=1), {})
    assert ended.timed_out
    assert "did not end within 1s and was stopped" in ended.in_words
    deadline = time.monotonic() + 10
    while [each for each in psutil.Process().children(recursive=True) if is_python(each, code)]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert len(ended.tail) <= 2000


def is_python(process: psutil.Process, code: str) -> bool:
    try:
        return code in process.cmdline()
    except psutil.Error:
        return False


_PARENT = """
import os, sys, time
if os.fork() == 0:
    if sys.argv[1] == "leaves":
        os.setsid()
    while os.path.exists("stay"):
        if sys.argv[2] == "shouts":
            os.write(1, b"x" * 10000)
        else:
            time.sleep(0.02)
    os._exit(0)
print("done", flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("group", ["stays", "leaves"])
@pytest.mark.parametrize("voice", ["shouts", "is silent"])
def test_a_child_that_holds_the_pipe_does_not_hold_us(
    tmp_path: Path, group: str, voice: str
) -> None:
    (tmp_path / "stay").touch()
    ended = run_command([sys.executable, "-c", _PARENT, group, voice], tmp_path, SOON, {})
    (tmp_path / "stay").unlink()
    assert ended.well
