"""What a person reads is in the desk's zone, and says which; records and JSON stay UTC."""

from __future__ import annotations

import json
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from conftest import MakeDesk
from mechexo.alerts import operations as alerts
from mechexo.desk import Desk
from mechexo.flows import operations as flows
from support.program import mechexo

pytestmark = pytest.mark.slow

ZONE = ZoneInfo("America/New_York")


@pytest.fixture
def far_desk(make_desk: MakeDesk) -> Desk:
    """A desk in New York with one silenced alert, by the machine's clock."""
    desk = Desk.open(make_desk('[alerts]\nfirst_escalation = "1s"\n', zone=ZONE.key).config_path)
    raise_(desk, "feed", "high")
    later = timedelta(hours=2)
    alerts.silence(desk, matchers={"key": "feed"}, duration=later, reason="moving")
    return desk


def raise_(desk: Desk, key: str, severity: str) -> None:
    alerts.raise_alert(
        desk, key=key, severity=severity, name=key, summary=f"{key} is stale", labels={}
    )


def test_an_alert_s_story_has_no_utc_in_the_middle_of_local_times(far_desk: Desk) -> None:
    until = alerts.get_alert(far_desk, 1).silenced_until
    assert until is not None
    local = f"{until.astimezone(ZONE):%Y-%m-%d %H:%M:%S %Z}"
    for command in ("why", "show", "list"):
        said = mechexo(
            "alerts", command, *(["1"] * (command != "list")), config=far_desk.config_path
        )
        assert "(times: America/New_York)" in said.stdout
        assert "T" + f"{until:%H:%M}" not in said.stdout
    why = mechexo("alerts", "why", "1", config=far_desk.config_path).stdout
    assert f"until {local}: moving" in why
    document = json.loads(
        mechexo("alerts", "why", "1", "--json", config=far_desk.config_path).stdout
    )
    assert f"until {until:%Y-%m-%dT%H:%M:%S.%f}Z: moving" in document["timeline"][-1]["detail"]


def test_the_status_shows_what_a_job_said_in_the_desk_s_zone(make_desk: MakeDesk) -> None:
    desk = Desk.open(make_desk("[flows.bars]\n", zone=ZONE.key).config_path)
    words = ["sh", "-c", "echo no quotes since 2026-03-02T14:00:00Z; exit 1"]
    flows.execute(desk, "bars", words)
    shown = mechexo("status", config=desk.config_path).stdout
    assert "no quotes since 2026-03-02 09:00:00 EST" in shown
    said = mechexo("status", "--json", config=desk.config_path).stdout
    assert "no quotes since 2026-03-02T14:00:00Z" in said


def test_the_audit_log_is_in_the_desk_s_zone_to_the_second_and_in_utc_for_scripts(
    far_desk: Desk,
) -> None:
    (first, _) = far_desk.audit_entries()
    text = mechexo("audit", "log", config=far_desk.config_path).stdout
    assert text.startswith("Audit log (times: America/New_York)\n")
    assert first.at not in text
    assert first.at in mechexo("audit", "log", "--csv", config=far_desk.config_path).stdout


def test_the_audit_log_is_filtered_by_actions(far_desk: Desk) -> None:
    def shown(*words: str) -> list[str]:
        done = mechexo("audit", "log", "--json", *words, config=far_desk.config_path)
        return [entry["action"] for entry in json.loads(done.stdout)["entries"]]

    raise_(far_desk, "later", "low")
    assert shown("--action", "alerts.r*") == ["alerts.raise", "alerts.raise"]
    assert shown("--not-action", "alerts.r*") == ["alerts.silence"]
    assert shown("--action", "alerts.*", "--not-action", "*silence", "--limit", "1") == [
        "alerts.raise"
    ]
    assert shown("--action", "a", "--action", "alerts.s*") == ["alerts.silence"]


def test_all_alerts_begin_with_those_that_fire(far_desk: Desk) -> None:
    for key, severity in (("over", "critical"), ("known", "critical"), ("new", "low")):
        raise_(far_desk, key, severity)
    alerts.resolve(far_desk, 2, reason="mended")
    alerts.acknowledge(far_desk, 3)
    for words in ((), ("--limit", "2")):
        done = mechexo("alerts", "list", "--all", "--csv", *words, config=far_desk.config_path)
        found = [line.split(",")[1] for line in done.stdout.splitlines()[1:]]
        assert found == ["feed", "new", "known", "over"][: 2 if words else 4]


def test_show_says_who_is_told_next_and_when_and_json_keeps_the_moment(
    make_desk: MakeDesk,
) -> None:
    # By the machine's clock: at night the high alert would be held.
    channels = (
        '[quiet_hours]\nenabled = false\n[channels.box]\nurl = "file://box.jsonl"\n'
        '[channels.mail]\nurl = "mailto://x"\n'
    )
    desk = Desk.open(make_desk(channels, zone=ZONE.key).config_path)
    raise_(desk, "feed", "high")
    with desk.state.write() as transaction:
        transaction.execute("UPDATE alert SET next_level_at='2026-03-02T14:45:00.000000Z'")
    shown = mechexo("alerts", "show", "1", config=desk.config_path).stdout
    assert "level 2: mail due now, at 2026-03-02 09:45:00 EST" in shown
    document = json.loads(mechexo("alerts", "list", "--json", config=desk.config_path).stdout)
    assert document["alerts"][0]["next_level_at"] == "2026-03-02T14:45:00.000000Z"
