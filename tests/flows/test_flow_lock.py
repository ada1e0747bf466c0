"""Two runs of a flow never run at once under its lock, and the second one says who holds it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from mechexo.clock import SystemClock
from mechexo.desk import Desk
from mechexo.errors import StateError, UsageError
from mechexo.flows import executing, locking
from mechexo.flows import operations as flows
from mechexo.flows.executing import Terms
from mechexo.flows.values import RunState
from mechexo.health.records import check_ins
from mechexo.jobs import run_job
from support.program import command, mechexo
from support.small_disk import FILLER, fill

pytestmark = pytest.mark.slow

LOCKED = Terms(lock=True)


@contextmanager
def held_by_another(desk: Desk, script: str = "cat") -> Iterator[subprocess.Popen[bytes]]:
    """A locked run of `nightly` that has begun, and ends when its stdin is closed."""
    words = command("flows", "exec", "nightly", "--lock", "--", config=desk.config_path)
    with subprocess.Popen(
        [*words, "sh", "-c", f"echo $$; {script}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.job = int(other.stdout.readline())  # type: ignore[attr-defined]
        yield other
        assert other.stdin is not None
        other.stdin.close()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def test_the_second_of_two_at_once_is_not_run_and_says_who_holds_the_lock(
    desk: Desk, tmp_path: Path
) -> None:
    with held_by_another(desk) as other:
        words = ("flows", "exec", "nightly", "--lock", "--", "touch", tmp_path / "ran")
        second = mechexo(*words, config=desk.config_path)
    assert second.returncode == executing.SKIPPED == 4
    assert second.stdout == ""
    assert "holds its lock since 20" in second.stderr
    assert second.stderr.endswith(f"process {other.pid}\n")
    assert not (tmp_path / "ran").exists()


def test_a_run_that_was_skipped_is_on_record_and_neither_a_run_nor_a_sign_of_life(
    desk: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    with held_by_another(desk):
        skipped = run_job(desk, "nightly", ["true"], LOCKED)
        assert (skipped.state, skipped.exit_code) == (RunState.SKIPPED, None)
        assert check_ins(desk.state) == {}
        listed = {run.state: run for run in flows.runs(desk)}
        assert listed.keys() == {RunState.RUNNING, RunState.SKIPPED}
        assert listed[RunState.SKIPPED] == skipped
        assert "holds its lock" in skipped.tail
    [summary] = flows.summaries(desk)
    assert (summary.runs, summary.failed) == (1, 0)
    assert {entry.outcome for entry in desk.audit_entries()} == {"skipped", "completed"}
    assert capfd.readouterr().err.startswith("mechexo: nightly is not run: another run by ")


def test_without_the_option_two_run_at_once_as_before(desk: Desk) -> None:
    with held_by_another(desk):
        assert flows.execute(desk, "nightly", ["true"]).state is RunState.COMPLETED


def test_flows_do_not_hold_each_other_back_whatever_their_names(desk: Desk) -> None:
    with held_by_another(desk):
        for name in ("Nightly", "nightly ", "night/ly", "../nightly", "n" * 80, "ночь"):
            assert flows.execute(desk, name, ["true"], LOCKED).state is RunState.COMPLETED
    folder = locking.shared_place(desk.state.path, "nightly").parent
    assert len(list(folder.iterdir())) == 7


def test_a_free_lock_lets_one_run_after_the_other(desk: Desk) -> None:
    for _ in range(3):
        assert flows.execute(desk, "nightly", ["true"], LOCKED).state is RunState.COMPLETED


def test_a_run_that_waits_begins_when_the_other_has_ended(desk: Desk) -> None:
    with held_by_another(desk) as other:
        words = ("flows", "exec", "nightly", "--lock", "--lock-wait", "60s", "--", "echo", "ran")
        with subprocess.Popen(
            command(*words, config=desk.config_path), stdout=subprocess.PIPE
        ) as second:
            assert second.poll() is None
            assert other.stdin is not None
            other.stdin.close()
            assert second.stdout is not None
            assert second.stdout.read() == b"ran\n"
        assert second.returncode == 0


def test_a_wait_that_is_too_short_ends_in_a_skip(desk: Desk) -> None:
    with held_by_another(desk):
        waits = Terms(lock=True, lock_wait=timedelta(seconds=0.3))
        assert flows.execute(desk, "nightly", ["true"], waits).state is RunState.SKIPPED


def test_the_kernel_frees_the_lock_of_a_wrapper_and_job_that_were_killed(desk: Desk) -> None:
    with held_by_another(desk) as other:
        other.kill()
        other.wait()
        os.kill(other.job, signal.SIGKILL)  # type: ignore[attr-defined]
        wait_for(
            lambda: flows.execute(desk, "nightly", ["true"], LOCKED).state is RunState.COMPLETED
        )


def test_a_job_whose_wrapper_was_killed_still_keeps_its_flow_s_lock(desk: Desk) -> None:
    with held_by_another(desk) as other:
        job = other.job  # type: ignore[attr-defined]
        other.kill()
        other.wait()
        skipped = flows.execute(desk, "nightly", ["true"], LOCKED)
        assert skipped.state is RunState.SKIPPED
        assert f"still runs as process {job}, though its wrapper was killed" in skipped.tail
        os.kill(job, signal.SIGKILL)


def test_what_a_job_leaves_in_the_background_keeps_no_lock(desk: Desk, tmp_path: Path) -> None:
    # It holds every descriptor that it was given, stdout too, for which a relay stays behind.
    script = f"(trap '' HUP; cat {tmp_path / 'fifo'}) & exit 0"
    os.mkfifo(tmp_path / "fifo")
    words = command("flows", "exec", "nightly", "--lock", "--", config=desk.config_path)
    with subprocess.Popen([*words, "sh", "-c", script], stdout=subprocess.PIPE) as first:
        assert first.wait(60) == 0
        assert flows.execute(desk, "nightly", ["true"], LOCKED).state is RunState.COMPLETED
        (tmp_path / "fifo").write_text("still there\n")
        assert first.stdout is not None
        assert first.stdout.read() == b"still there\n"


def test_the_job_gets_no_descriptor_of_the_lock(desk: Desk) -> None:
    run = flows.execute(desk, "nightly", ["sh", "-c", "ls -l /proc/$$/fd"], LOCKED)
    assert "flow-locks" not in run.tail
    assert "mechexo-locks" not in run.tail


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[1]", b'{"wrapper": [1]}', b"\xff" * 99])
def test_a_lock_file_that_says_nothing_still_locks(desk: Desk, content: bytes) -> None:
    with held_by_another(desk):
        locking.shared_place(desk.state.path, "nightly").write_bytes(content)
        skipped = flows.execute(desk, "nightly", ["true"], LOCKED)
    assert skipped.state is RunState.SKIPPED
    assert "its file does not say which" in skipped.tail


@pytest.mark.parametrize("content", [b'{"job": [1]}', b'{"job": ["a", 1, {}]}', b'{"job": []}'])
def test_a_free_lock_whose_file_is_damaged_stops_no_job(desk: Desk, content: bytes) -> None:
    flows.execute(desk, "nightly", ["true"], LOCKED)
    locking.shared_place(desk.state.path, "nightly").write_bytes(content)
    assert flows.execute(desk, "nightly", ["true"], LOCKED).state is RunState.COMPLETED


def test_a_file_system_without_locks_is_said_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("mechexo.flows.locking.fcntl.flock", refuse)
    with pytest.raises(StateError, match="No locks available"):
        flows.execute(desk, "nightly", ["true"], LOCKED)


def test_a_lock_whose_file_is_removed_holds_through_the_user_s_own_one(desk: Desk) -> None:
    with held_by_another(desk):
        locking.shared_place(desk.state.path, "nightly").unlink()
        assert flows.execute(desk, "nightly", ["true"], LOCKED).state is RunState.SKIPPED


def test_the_lock_holds_while_the_configuration_is_broken(desk: Desk) -> None:
    whole = desk.config_path.read_text()
    words = ("flows", "exec", "nightly", "--lock", "--", "echo", "ran")
    with held_by_another(desk):
        desk.config_path.write_text("[desk\n")
        second = mechexo(*words, config=desk.config_path)
        assert (second.returncode, second.stdout) == (4, "")
        assert "nightly is not run: another run by " in second.stderr
    third = mechexo(*words, config=desk.config_path)
    assert (third.returncode, third.stdout) == (0, "ran\n")
    desk.config_path.write_text(whole)


def test_a_lock_that_cannot_be_made_stops_the_run_and_says_so(desk: Desk, tmp_path: Path) -> None:
    locking.shared_place(desk.state.path, "nightly").parent.write_text("in the way")
    with pytest.raises(StateError, match="cannot be used as the flow's lock"):
        flows.execute(desk, "nightly", ["touch", str(tmp_path / "ran")], LOCKED)
    assert not (tmp_path / "ran").exists()


def test_a_link_in_the_place_of_a_lock_file_is_not_followed(desk: Desk, tmp_path: Path) -> None:
    place = locking.shared_place(desk.state.path, "nightly")
    place.parent.mkdir()
    (tmp_path / "precious").write_text("precious")
    place.symlink_to(tmp_path / "precious")
    with pytest.raises(StateError):
        flows.execute(desk, "nightly", ["true"], LOCKED)
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_folder_of_somebody_else_s_is_no_place_for_the_user_s_own_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "_ON_THIS_MACHINE", tmp_path)
    assert locking.own_place("desk", "nightly") is not None
    folder = tmp_path / f"mechexo-locks-{os.getuid()}"
    folder.chmod(0o777)
    assert locking.own_place("desk", "nightly") is None
    folder.rmdir()
    folder.symlink_to(tmp_path)
    assert locking.own_place("desk", "nightly") is None


def test_a_full_disk_still_locks_once_the_lock_s_file_is_there(
    small_disk: Path, make_desk: Callable[..., Desk]
) -> None:
    (small_disk / "state").mkdir()
    desk = make_desk()
    text = desk.config_path.read_text().replace("\n", f'\nstate = "{small_disk}/s.sqlite"\n', 1)
    desk.config_path.write_text(text)
    desk = Desk.open(desk.config_path, clock=SystemClock())
    flows.execute(desk, "nightly", ["true"], LOCKED)
    fill(small_disk)
    done = mechexo(
        *("flows", "exec", "nightly", "--lock", "--", "sh", "-c", "echo ran; exit 7"),
        config=desk.config_path,
    )
    assert (done.returncode, done.stdout) == (7, "ran\n")
    (small_disk / FILLER).unlink()
    # It could be written down nowhere, or in the last page that was left.
    recorded = any(run.exit_code == 7 for run in flows.runs(desk))
    assert recorded != ("NOT RECORDED: nightly failed with 7" in done.stderr)
    assert flows.execute(desk, "nightly", ["true"], LOCKED).state is RunState.COMPLETED


def test_options_that_say_nothing_without_another_one_are_refused() -> None:
    from mechexo.flows.exec_words import terms_of

    with pytest.raises(UsageError, match="add --lock"):
        terms_of(lock_wait="5m")
    with pytest.raises(UsageError, match="--grace says how much later"):
        terms_of(grace="5m")


def test_the_holder_s_record_names_the_job(desk: Desk) -> None:
    with held_by_another(desk) as other:
        place = locking.shared_place(desk.state.path, "nightly")
        wait_for(lambda: b'"job"' in place.read_bytes())
        record = json.loads(place.read_bytes())
        assert record["wrapper"][0] == other.pid
        assert record["job"][0] == other.job  # type: ignore[attr-defined]
        assert place.stat().st_mode & 0o777 == 0o600
    assert json.loads(place.read_bytes()) == {}


def test_the_user_s_own_lock_file_goes_with_the_lock(desk: Desk) -> None:
    own = locking.own_place(str(desk.config_path), "nightly")
    assert own is not None
    with held_by_another(desk):
        assert own.exists()
    wait_for(lambda: not own.exists())


def test_many_runs_at_once_are_never_two(desk: Desk, tmp_path: Path) -> None:
    inside, log = tmp_path / "inside", tmp_path / "log"
    script = f"mkdir {inside} || echo two >> {log}; echo one >> {log}; sleep 0.05; rmdir {inside}"
    words = command(
        *("flows", "exec", "nightly", "--lock", "--lock-wait", "5m", "--", "sh", "-c", script),
        config=desk.config_path,
    )
    running = [subprocess.Popen(words) for _ in range(6)]
    assert [each.wait(300) for each in running] == [0] * 6
    assert log.read_text() == "one\n" * 6


def test_without_a_place_for_the_user_s_own_lock_the_shared_one_does(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(locking, "_ON_THIS_MACHINE", tmp_path / "file")
    assert flows.execute(desk, "nightly", ["true"], LOCKED).state is RunState.COMPLETED
    held = locking.take(locking.shared_place(desk.state.path, "nightly"), None, SystemClock().now())
    assert isinstance(held, locking.FlowLock)
    assert flows.execute(desk, "nightly", ["true"], LOCKED).state is RunState.SKIPPED
    held.free()
    with pytest.raises(StateError, match="has no place"):
        executing.execute_unrecorded(
            "nightly", ["true"], LOCKED, why="x", config_path=desk.config_path
        )
