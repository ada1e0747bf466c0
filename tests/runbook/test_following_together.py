"""Two who run the same step, runners that die, ends that cannot be recorded: what is known then."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from mechexo import following
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import StateError
from mechexo.processes import this_process
from mechexo.runbook import following as followed_entries
from mechexo.runbook import records
from mechexo.runbook.following_values import (
    EndNotRecordedError,
    StepGoesOnError,
    StepOutcome,
    StepRun,
)
from mechexo.shift_report import shift_report
from runbook.followed import PATIENCE_S, entries_of, following_desk, incident_of, until

MakeDesk = Callable[..., Desk]

slow = pytest.mark.slow


@slow
def test_a_step_that_somebody_runs_is_not_started_twice(make_desk: MakeDesk) -> None:
    desk = following_desk(make_desk, ("echo >started; sleep 1000", "id=look"))
    number, cancel, found = incident_of(desk), threading.Event(), list[StepRun]()
    runner = threading.Thread(
        target=lambda: found.append(
            following.run_step(desk, number, "sample", "look", cancel=cancel)
        )
    )
    runner.start()
    try:
        until(lambda: (desk.root / "started").exists())
        with pytest.raises(StepGoesOnError, match="is being run by tester"):
            following.run_step(desk, number, "sample", "look")
        seen = following.progress(desk, number, "sample").steps[0].run
        assert seen is not None
        assert seen.outcome is StepOutcome.RUNNING
    finally:
        cancel.set()
        runner.join(PATIENCE_S)
    assert [run.outcome for run in found] == [StepOutcome.CANCELLED]


def test_two_who_begin_at_once_follow_in_one_incident(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = following_desk(make_desk, ("true", "id=look"))
    # Both have looked before either has opened one.
    monkeypatch.setattr(following, "going_on", lambda *_: None)
    assert incident_of(desk) == incident_of(desk) == 1


def test_a_damaged_run_is_named_and_costs_the_shift_report_only_its_place(
    make_desk: MakeDesk,
) -> None:
    desk = following_desk(make_desk, ("true", "id=look"))
    number = incident_of(desk)
    with desk.state.write() as transaction:
        run = StepRun(0, number, "sample", "look", "true", "/", "host", "x", desk.clock.now())
        records.insert_run(transaction, run, this_process(), ends_by=desk.clock.now())
        transaction.execute("UPDATE step_runs SET started_at = 'never'")
    with pytest.raises(StateError, match="run 1 of step sample/look is damaged"):
        following.progress(desk, number, "sample")
    report = shift_report(desk)
    assert "Not readable: run 1 of step sample/look is damaged" in report
    assert "## Actions" in report


RUNNER = """
import sys
from pathlib import Path
from mechexo import following
from mechexo.desk import Desk
following.run_step(Desk.open(Path(sys.argv[1])), int(sys.argv[2]), "sample", sys.argv[3])
"""


def other_process(desk: Desk, number: int, step_id: str) -> subprocess.Popen[bytes]:
    """Another person's process that runs a step."""
    return subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(desk.config_path), str(number), step_id]
    )


@slow
def test_a_run_whose_runner_was_killed_has_an_outcome_that_nobody_knows(
    make_desk: MakeDesk,
) -> None:
    desk = following_desk(make_desk, ("echo >>started; test -e mended || sleep 1000", "id=look"))
    number = incident_of(desk)
    runner = other_process(desk, number, "look")
    until(lambda: (desk.root / "started").exists())
    before = following.version(desk, number)
    runner.kill()
    runner.wait()
    seen = following.progress(desk, number, "sample").steps[0].run
    assert seen is not None
    assert (seen.outcome, seen.well, seen.exit_code) == (StepOutcome.UNKNOWN, False, None)
    assert "nobody knows" in seen.why
    assert following.version(desk, number) != before
    (desk.root / "mended").touch()
    assert following.run_step(desk, number, "sample", "look").well
    assert [run.outcome for run in followed_entries.runs(desk, number)] == [
        StepOutcome.UNKNOWN,
        StepOutcome.OK,
    ]
    assert ("sample/look", "unknown") in entries_of(desk, "runbook.step")


def test_a_run_that_is_over_its_time_is_not_believed_to_go_on(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = following_desk(make_desk, ("true", "id=look"))
    number, at = incident_of(desk), clock.now()
    run = StepRun(0, number, "sample", "look", "true", "/", "host", "tester", at)
    with desk.state.write() as transaction:
        ends_by = at + timedelta(minutes=2)
        records.insert_run(transaction, run, this_process(), ends_by=ends_by)
    (one,) = followed_entries.runs(desk, number)
    assert one.outcome is StepOutcome.RUNNING
    clock.advance(timedelta(minutes=3))
    (one,) = followed_entries.runs(desk, number)
    assert one.outcome is StepOutcome.UNKNOWN


@slow
def test_an_end_that_cannot_be_recorded_is_told_with_how_it_ended(
    make_desk: MakeDesk, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mechexo.runbook.step_running.END_WAIT_S", 0.2)
    command = "touch started; while [ ! -e held ]; do sleep 0.05; done"
    desk = following_desk(make_desk, (command, "id=look"))
    number, over = incident_of(desk), threading.Event()

    def hold() -> None:
        until(lambda: (desk.root / "started").exists())
        with desk.state.write():
            (desk.root / "held").touch()
            over.wait(PATIENCE_S)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        with pytest.raises(
            EndNotRecordedError, match=r"was run \(ok, exit code 0\), but its end is not"
        ):
            following.run_step(desk, number, "sample", "look")
    finally:
        over.set()
        holder.join(PATIENCE_S)
    clock.advance(timedelta(minutes=5))
    (run,) = followed_entries.runs(desk, number)
    assert run.outcome is StepOutcome.UNKNOWN


@slow
def test_two_people_see_each_others_ticks_and_runs(make_desk: MakeDesk) -> None:
    desk = following_desk(make_desk, ("echo from the other", "id=look"), ("true", "id=act"))
    number = incident_of(desk)
    before = following.version(desk, number)
    assert other_process(desk, number, "look").wait(PATIENCE_S) == 0
    assert following.version(desk, number) != before
    seen = following.progress(desk, number, "sample").steps[0].run
    assert seen is not None
    assert (seen.outcome, seen.output) == (StepOutcome.OK, "from the other")
    following.tick(desk.acting_as(replace(desk.actor, name="second")), number, "sample", "act")
    assert following.progress(desk, number, "sample").steps[1].ticked_by == "second"
