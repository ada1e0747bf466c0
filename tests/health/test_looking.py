"""Looking at everything at once: deadlines, late threads, kinds that raise."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import BaseModel

from mechexo.config import ProbeSettings
from mechexo.health.context import ConfiguredProbe, Context, ProbeKind
from mechexo.health.runner import look
from mechexo.health.values import Outcome, Status

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)


class Nothing(BaseModel):
    pass


def probe(name: str, run) -> ConfiguredProbe:
    kind = ProbeKind("made", Nothing, run)
    return ConfiguredProbe(name, ProbeSettings(kind="made"), kind, Nothing())


def work(name: str, run, timeout_s: float = 5.0):
    context = Context(name, Path(), NOW, timeout_s, NOW)
    return probe(name, run), context


def fine(options, context) -> Outcome:
    return Outcome(Status.OK, "fine", 1)


@pytest.fixture
def release():
    """What a hanging look waits for; let go at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


def test_a_probe_that_overruns_is_unknown_and_the_others_are_heard(release):
    def hang(options, context):
        release.wait(30)
        return Outcome(Status.OK, "too late")

    looks = look(
        [work("a", fine), work("b", hang, 0.1), work("c", fine)], deadline_s=20, group="overrun"
    )
    assert [each.outcome.detail for each in looks] == ["fine", "no answer within 0.1 s", "fine"]
    assert looks[1].outcome.status == Status.UNKNOWN
    assert looks[0].latency_ms is not None
    assert looks[1].latency_ms is None


def test_the_deadline_ends_all_looks_whatever_their_timeout(release):
    def hang(options, context):
        release.wait(30)
        return Outcome(Status.OK, "too late")

    looks = look([work(name, hang, 5) for name in "ab"], deadline_s=0.1, group="deadline")
    assert {each.outcome.status for each in looks} == {Status.UNKNOWN}


def test_a_look_that_still_hangs_is_not_begun_again(release):
    begun = []

    def hang(options, context):
        begun.append(context.probe)
        release.wait(30)
        return Outcome(Status.OK, "too late")

    for _ in range(3):
        (found,) = look([work("a", hang, 0.1)], deadline_s=0.2, group="again")
    assert begun == ["a"]
    assert found.outcome.detail == "the look before this one still hangs"


def test_many_looks_that_hang_do_not_keep_the_others_from_looking(release):
    def hang(options, context):
        release.wait(30)
        return Outcome(Status.OK, "too late")

    crowd = [work(f"h{n}", hang, 5.0) for n in range(20)]
    looks = look([*crowd, work("last", fine)], deadline_s=1.0, group="crowd")
    assert looks[-1].outcome.detail == "fine"
    assert {each.outcome.status for each in looks[:-1]} == {Status.UNKNOWN}


def test_a_look_for_which_no_time_is_left_is_unknown():
    (found,) = look([work("a", fine)], deadline_s=0.0, group="no time")
    assert found.outcome.status == Status.UNKNOWN
    assert found.outcome.detail == "there was no time left to look"


def test_a_module_that_a_kind_needs_but_is_broken_stops_nothing():
    kind = ProbeKind("made", Nothing, fine, ("no_such_module_at_all",))
    made = ConfiguredProbe("a", ProbeSettings(kind="made"), kind, Nothing())
    (found,) = look([(made, Context("a", Path(), NOW, 5.0, NOW))], deadline_s=5, group="needs")
    assert found.outcome.detail == "fine"


def test_looks_run_at_the_same_time():
    together = threading.Barrier(8)

    def meet(options, context):
        together.wait(10)
        return Outcome(Status.OK, "met")

    looks = look([work(str(n), meet) for n in range(8)], deadline_s=20, group="barrier")
    assert {each.outcome.detail for each in looks} == {"met"}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("bad\nthing"), "ValueError: bad thing"),
        (SystemExit(3), "SystemExit: 3"),
        (MemoryError(), "MemoryError: "),
    ],
)
def test_a_kind_that_raises_is_unknown_with_the_reason(error, said):
    def fail(options, context):
        raise error

    (found,) = look([work("a", fail)], deadline_s=5, group="raise")
    assert (found.outcome.status, found.outcome.detail) == (Status.UNKNOWN, said.strip())


def test_secrets_are_hidden_in_what_a_kind_raises(monkeypatch):
    monkeypatch.setenv("TOKEN", "hunter2")

    def fail(options, context):
        raise ValueError("cannot use " + context.resolve("x${env:TOKEN}"))

    (found,) = look([work("a", fail)], deadline_s=5, group="secret")
    assert found.outcome.detail == "ValueError: cannot use x***"


def test_a_kind_that_returns_something_else_is_unknown():
    (found,) = look([work("a", lambda options, context: True)], deadline_s=5, group="bool")
    assert found.outcome.detail == "the kind made returned bool, not an Outcome"


def test_a_number_that_is_none_is_no_value_and_long_words_are_cut():
    def odd(options, context):
        return Outcome(Status.OK, "x" * 5000, float("nan"))

    (found,) = look([work("a", odd)], deadline_s=5, group="odd")
    assert found.outcome.value is None
    assert len(found.outcome.detail) == 400


def test_a_program_ends_although_a_look_hangs(tmp_path):
    script = tmp_path / "hang.py"
    script.write_text(
        "import time, sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_looking import work, look\n"
        "def hang(options, context):\n    time.sleep(600)\n"
        "print(look([work('a', hang, 0.1)], deadline_s=0.2, group='end')[0].outcome.detail)\n"
    )
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "no answer within 0.1 s\n"
    assert time.monotonic() - began < 50
