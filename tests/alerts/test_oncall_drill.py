"""A drill proves every channel end to end, and the age of the last proof is never hidden."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from conftest import MakeDesk
from mechexo.actor import Actor
from mechexo.alerts import operations as alerts
from mechexo.alerts.drilling import drill
from mechexo.alerts.values import AlertState, Observation
from mechexo.cli import main
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.desk_status import read_status
from mechexo.doctor import examine
from mechexo.errors import NotAllowedError, NotFoundError, UsageError
from mechexo.health.values import Card, Status

NOBODY_HEARS = "severities = []\nper_minute = 1\n"
DEAD = '[channels.dead]\nurl = "mailto://127.0.0.1:1/?from=a@example.com&to=b@example.com"\n'


def mailbox(folder: Path, name: str, more: str = "") -> str:
    return f'[channels.{name}]\nurl = "file://{folder}/{name}.jsonl"\n{more}\n'


def written(folder: Path, name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def card(desk: Desk) -> Card:
    return next(each for each in read_status(desk).cards if each.name == "paging")


@pytest.mark.slow
def test_every_channel_gets_a_message_whatever_its_severities_limits_and_the_night_say(
    make_desk: MakeDesk, tmp_path: Path, clock: VirtualClock
) -> None:
    desk = make_desk(mailbox(tmp_path, "box", NOBODY_HEARS) + mailbox(tmp_path, "log"))
    clock.advance(timedelta(hours=9))
    for number in (1, 2):
        found = drill(desk)
        assert [(each.channel, each.sent) for each in found] == [("box", True), ("log", True)]
        assert [each.alert_id for each in found] == [number, number]
    first, second = written(tmp_path, "box")
    assert first["kind"] == second["kind"] == "notice"
    assert first["title"] == "For your information: channel drill on test (paper)"
    assert first["body"] == "A test by tester: this channel works, and nothing is the matter."


@pytest.mark.slow
def test_one_that_fails_says_so_in_the_service_s_words_and_is_not_tried_again(
    make_desk: MakeDesk, tmp_path: Path, clock: VirtualClock
) -> None:
    desk = make_desk(mailbox(tmp_path, "box") + DEAD)
    box, dead = drill(desk)
    assert (box.sent, dead.sent) == (True, False)
    assert "Connection error" in dead.detail
    clock.advance(timedelta(hours=1))
    assert alerts.deliver_due(desk) == ()
    assert alerts.oldest_due_s(desk) is None
    assert [event.kind for event in alerts.timeline(desk, dead.alert_id)] == [
        *("notice", "sent", "refused")
    ]


@pytest.mark.slow
def test_only_the_drill_goes_out_and_what_else_waits_keeps_waiting(
    make_desk: MakeDesk, tmp_path: Path
) -> None:
    desk = make_desk(mailbox(tmp_path, "box"))
    alerts.observe(desk, [Observation("a", True, "critical", "a", "bad", "probe")])
    drill(desk, ["box"])
    assert [each["kind"] for each in written(tmp_path, "box")] == ["notice"]
    assert [each.state for each in alerts.deliveries(desk, 1)] == ["due"]


@pytest.mark.slow
def test_it_is_audited_and_no_alert_of_the_desk_s_history(
    make_desk: MakeDesk, tmp_path: Path
) -> None:
    desk = make_desk(mailbox(tmp_path, "box"))
    drill(desk, reason="weekly")
    (entry,) = desk.audit_entries()
    assert (entry.action, entry.target, entry.outcome) == ("oncall.drill", "box", "done")
    assert alerts.statistics(desk).total == 0
    assert alerts.list_alerts(desk) == ()
    (notice,) = alerts.list_alerts(desk, states=[AlertState.RESOLVED])
    assert notice.name == "channel drill"


def test_who_may_not_and_what_does_not_exist_is_refused(
    make_desk: MakeDesk, tmp_path: Path
) -> None:
    toml = mailbox(tmp_path, "box") + '[access]\nowner_is_admin = false\nothers = "viewer"\n'
    viewer = make_desk(toml, actor=Actor(os.getuid() + 1, "guest"))
    with pytest.raises(NotAllowedError):
        drill(viewer)
    with pytest.raises(NotFoundError, match="no channel 'bx'; did you mean box"):
        drill(make_desk(mailbox(tmp_path, "box")), ["bx"])
    with pytest.raises(NotFoundError, match="no channel is configured"):
        drill(make_desk())
    with pytest.raises(UsageError, match="needs a reason"):
        drill(make_desk(mailbox(tmp_path, "box"), mode="live"))
    assert not (tmp_path / "box.jsonl").exists()


@pytest.mark.slow
def test_the_card_is_unknown_then_well_then_a_warning_after_a_week(
    make_desk: MakeDesk, tmp_path: Path, clock: VirtualClock
) -> None:
    desk = make_desk(mailbox(tmp_path, "box"))
    assert card(desk).status is Status.UNKNOWN
    assert card(desk).summary == (
        "box: has not delivered anything yet; prove it: mechexo oncall drill box"
    )
    drill(desk)
    clock.advance(timedelta(days=7))
    assert (card(desk).status, card(desk).summary) == (Status.OK, "box: last delivered 7d ago")
    clock.advance(timedelta(minutes=1))
    assert card(desk).status is Status.WARNING
    assert card(desk).summary.startswith("box: last delivered 7d ago; prove it")
    clock.advance(timedelta(days=-8))
    assert card(desk).status is Status.UNKNOWN, "a proof in the future is none"
    alerts.observe(desk, [Observation("a", True, "critical", "a", "bad", "probe")])
    assert [each.state for each in alerts.deliver_due(desk)] == ["sent"]


@pytest.mark.slow
def test_a_page_that_went_out_is_a_proof_too_and_never_asks_whether_the_desk_is_well(
    make_desk: MakeDesk, tmp_path: Path
) -> None:
    desk = make_desk(mailbox(tmp_path, "box") + mailbox(tmp_path, "other", "severities = []"))
    alerts.observe(desk, [Observation("a", True, "critical", "a", "bad", "probe")])
    alerts.deliver_due(desk)
    status = read_status(desk)
    states = {probe.name: probe.status for probe in card(desk).probes}
    assert states == {"box": Status.OK, "other": Status.UNKNOWN}
    assert not [reason for reason in status.reasons if "channel" in reason or "box" in reason]


def test_a_desk_without_channels_has_no_such_card(make_desk: MakeDesk) -> None:
    assert "paging" not in [each.name for each in read_status(make_desk()).cards]


@pytest.mark.slow
def test_the_doctor_says_when_each_channel_was_proven(make_desk: MakeDesk, tmp_path: Path) -> None:
    desk = make_desk(mailbox(tmp_path, "box"))

    def found() -> list[tuple[Status, str]]:
        findings = examine(desk.config_path)
        return [(each.status, each.detail) for each in findings if each.check == "delivery"]

    assert found() == [(Status.WARNING, "[channels.box] has not delivered anything yet")]
    drill(Desk.open(desk.config_path))
    ((status, said),) = found()
    assert status is Status.OK
    assert said.startswith("[channels.box] last delivered ")


Run = Callable[..., "tuple[int, str]"]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def do(desk: Desk, *words: str) -> tuple[int, str]:
        base = ["mechexo", "--config", str(desk.config_path), "oncall", "drill"]
        monkeypatch.setattr(sys, "argv", [*base, *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), capsys.readouterr().out

    return do


@pytest.mark.slow
def test_the_command_says_per_channel_and_ends_with_1_when_one_failed(
    make_desk: MakeDesk, tmp_path: Path, run: Run
) -> None:
    desk = make_desk(mailbox(tmp_path, "box") + DEAD)
    code, out = run(desk, "box", "--yes", "--reason", "weekly")
    assert code == 0
    assert "● sent" in out
    assert "written to box.jsonl" in out
    code, out = run(desk)
    assert code == 1
    assert "✖ failed" in out
    code, out = run(desk, "dead", "--json")
    document = json.loads(out)
    assert (code, document["ok"]) == (1, False)
    assert document["channels"][0]["channel"] == "dead"
