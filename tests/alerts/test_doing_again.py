"""What is done already, or by somebody else in the same instant, is done and recorded once."""

from __future__ import annotations

import subprocess
import time
from datetime import timedelta
from pathlib import Path

import pytest

from conftest import START, MakeDesk
from mechexo.alerts import operations as alerts
from mechexo.desk import Desk
from support.program import command


def raise_one(desk: Desk) -> int:
    return alerts.raise_alert(
        desk, key="feed", severity="high", name="feed_stale", summary="s", labels={}
    ).id


def silence_it(desk: Desk) -> int:
    hour = timedelta(hours=1)
    return alerts.silence(desk, matchers={"key": "feed"}, duration=hour, reason="moving").id


def test_doing_again_what_is_done_leaves_no_second_audit_entry(desk: Desk) -> None:
    alert_id, silence_id = raise_one(desk), silence_it(desk)
    alerts.acknowledge(desk, alert_id, note="on it")
    ended = alerts.unsilence(desk, silence_id)
    recorded = desk.audit_entries()
    assert alerts.acknowledge(desk, alert_id, note="me too").acknowledged_at == START
    assert alerts.unsilence(desk, silence_id) == ended
    assert desk.audit_entries() == recorded
    resolved = alerts.resolve(desk, alert_id, reason="false alarm")
    recorded = desk.audit_entries()
    assert alerts.resolve(desk, alert_id, reason="me too") == resolved
    assert desk.audit_entries() == recorded
    kinds = [event.kind for event in alerts.timeline(desk, alert_id)]
    assert (kinds.count("acknowledged"), kinds.count("resolved")) == (1, 1)


def waits_for_its_turn(process: subprocess.Popen[str], desk: Desk) -> bool:
    """Whether the process has looked at the desk and now wants to write."""
    lock = f"{desk.state.path}.lock"
    for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
        try:
            if str(descriptor.readlink()) == lock:
                return True
        except OSError:
            continue  # it was closed while we looked
    return False


@pytest.mark.slow
@pytest.mark.parametrize(
    ("action", "said"),
    [
        ("acknowledge", ("ack", "1", "--note")),
        ("resolve", ("resolve", "1", "--reason")),
        ("unsilence", ("unsilence", "1", "--reason")),
    ],
)
def test_two_processes_in_the_same_instant_leave_one_entry(
    make_desk: MakeDesk, action: str, said: tuple[str, ...]
) -> None:
    desk = Desk.open(make_desk().config_path)  # by the machine's clock, as the program itself
    raise_one(desk)
    silence_it(desk)
    with desk.state.write():
        racing = [
            subprocess.Popen(
                command("alerts", *said, words, config=desk.config_path),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for words in ("first words", "other words")
        ]
        while not all(waits_for_its_turn(process, desk) for process in racing):
            assert [process.poll() for process in racing] == [None, None]
            time.sleep(0.01)
    answers = [process.communicate(timeout=30)[0] for process in racing]
    assert [process.returncode for process in racing] == [0, 0], answers
    done = [entry for entry in desk.audit_entries() if entry.action == f"alerts.{action}"]
    assert len(done) == 1
    assert done[0].reason in ("first words", "other words")
    if action == "acknowledge":
        unheard = [answer for answer in answers if "this note is not kept" in answer]
        assert len(unheard) == 1
    assert desk.verify_audit().problems == ()
