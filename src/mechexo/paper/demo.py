"""Preparing a paper desk and having its running process as a child, for `mechexo demo`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mechexo.clock import SystemClock
from mechexo.errors import MechexoError, UnreachableError
from mechexo.paper.build import MARKER, build, is_paper_desk
from mechexo.paper.jobs import STOP_WAIT_S

DEFAULT_SEED = 7
ONCE_LIMIT_S = 60.0
READY_LIMIT_S = 20.0
GRACE_S = 2 * STOP_WAIT_S + 4.0


def prepare(folder: Path, seed: int | None, *, say: Callable[[str], None]) -> tuple[Path, int]:
    """The folder of the paper desk, made when missing, and the seed to run it with.

    Raises:
        ConflictError: the folder holds something else.
    """
    folder = folder.expanduser().absolute()
    if is_paper_desk(folder):
        own = int(json.loads((folder / MARKER).read_text())["seed"])
        if seed not in (None, own):
            say(f"paper desk: {folder} was made with seed {own}; its history stays as it is")
        return folder, own if seed is None else seed
    seed = DEFAULT_SEED if seed is None else seed
    say(f"paper desk: making {folder}")
    try:
        build(folder, seed, SystemClock().now(), say=say)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnreachableError(
            f"{folder} cannot be made: {reason}; name another with --dir"
        ) from error
    say("paper desk: made")
    return folder, seed


def wait_until_opened(process: subprocess.Popen[bytes]) -> None:
    """Waits until every flow has run and the probes have looked, so that a console opens on facts
    and a desk that lay still for an hour pages nobody; less when the process ends."""
    if process.stdout is not None:
        process.stdout.readline()


def run_once(folder: Path, seed: int) -> None:
    """Every flow once and the probes twice."""
    with run_under(folder, seed, "--once") as process:
        _wait(process, ONCE_LIMIT_S)


def run_for(folder: Path, seed: int, seconds: float) -> None:
    """The desk for some seconds, and one last pass over the probes at the end of them."""
    with run_under(folder, seed, "--for", f"{seconds}s") as process:
        _wait(process, seconds + ONCE_LIMIT_S)


@contextmanager
def run_under(folder: Path, seed: int, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """The running process as a child of this one, which never outlives the block.

    Raises:
        MechexoError: it could not start; the text is its own.
    """
    command = [sys.executable, "-P", "-m", "mechexo.paper.run"]
    # Its stderr is a file: a pipe that nobody reads would stop it one day.
    with _error_file(folder) as errors:
        process = subprocess.Popen(
            [*command, str(folder), "--seed", str(seed), "--parent", str(os.getpid()), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        try:
            if process.stdout is None or process.stdout.readline() != b"ready\n":
                code = process.wait(READY_LIMIT_S)
                errors.seek(0)
                raise _failure(errors.read().decode(errors="replace"), code)
            yield process
        finally:
            _stop(process)


def _error_file(folder: Path) -> BinaryIO:
    try:
        return (folder / "paper.err").open("wb+")
    except OSError as error:
        raise UnreachableError(f"{folder} cannot be written: {error.strerror}") from error


def _failure(said: str, code: int) -> MechexoError:
    lines = said.strip().splitlines()
    text = lines[-1].removeprefix("mechexo: ") if lines else f"it ended with code {code}"
    error = MechexoError(text if code > 1 else f"the paper desk could not start: {text}")
    error.exit_code = code if code > 0 else 1
    return error


def _wait(process: subprocess.Popen[bytes], limit_s: float) -> None:
    try:
        code = process.wait(limit_s)
    except subprocess.TimeoutExpired:
        raise MechexoError(f"the paper desk did not end within {limit_s:.0f} s") from None
    if code:
        raise MechexoError(f"the paper desk ended with code {code}; see paper.err in its folder")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
