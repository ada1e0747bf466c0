"""Whether an alert would reach somebody: every way in which it would not is found and named."""

from __future__ import annotations

from datetime import timedelta

import pytest

from conftest import START, MakeDesk
from mechexo.alerts import overrides
from mechexo.alerts.lint import Finding, lint, unheard
from mechexo.clock import VirtualClock
from mechexo.desk import Desk

ALL = '["critical", "high", "medium", "low", "info"]'

SOUND = f"""
[channels.box]
url = "file://box.jsonl"
severities = {ALL}
[channels.mail]
url = "mailtos://smtp.example.com/?from=desk@example.com&to=desk@example.com"
[people.ada]
channels = ["box", "mail"]
[people.grace]
channels = ["box"]
[oncall]
level1 = "primary"
[oncall.schedules.primary]
[[oncall.schedules.primary.layers]]
people = ["ada", "grace"]
since = "2026-03-02"
[[escalation.default.levels]]
tell = ["primary"]
[[escalation.default.levels]]
after = "15m"
tell = ["mail"]
"""


def found(desk: Desk) -> list[Finding]:
    """The findings but for those that need a process."""
    return list(lint(desk, addresses=False))


def changed(make_desk: MakeDesk, *changes: tuple[str, str]) -> list[Finding]:
    """The findings about the sound desk with these texts replaced."""
    text = SOUND
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return found(make_desk(text, zone="America/New_York"))


def only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    assert finding.do
    return finding


def test_a_sound_desk_has_no_findings(make_desk: MakeDesk) -> None:
    assert changed(make_desk) == []


def test_without_a_channel_nobody_is_told(make_desk: MakeDesk) -> None:
    finding = only(found(make_desk('[oncall]\nlevel1 = "Ada"\n')))
    assert (finding.table, finding.severe) == ("channels", True)
    assert "nobody is told of anything" in finding.what


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('tell = ["mail"]', 'tell = ["linus"]'), "level 2 reaches nobody: linus has no channels"),
        (
            ('tell = ["mail"]', 'tell = ["grace"]\nby = ["phone"]'),
            "level 2 reaches nobody: grace has no channel of kind phone",
        ),
        (
            ('tell = ["mail"]', 'tell = ["primary"]\nby = ["telegram", "phone"]'),
            "level 2 reaches nobody: ada has no channel of kind telegram, phone; "
            "grace has no channel of kind telegram, phone",
        ),
        (('tell = ["mail"]', 'tell = ["later"]'), "level 2 reaches nobody: nobody takes turns in"),
    ],
)  # fmt: skip
def test_a_level_that_reaches_nobody(
    make_desk: MakeDesk, change: tuple[str, str], said: str
) -> None:
    more = '[people.linus]\n[oncall.schedules.later]\ncalendar = "none.ics"\n[oncall]'
    findings = changed(make_desk, ("[oncall]", more), change)
    finding = next(each for each in findings if each.what.startswith(said))
    assert (finding.table, finding.key, finding.severe) == ("escalation.default", "levels", True)


def test_a_level_whose_channels_take_nothing_that_climbs_to_it(make_desk: MakeDesk) -> None:
    quiet = '&to=desk@example.com"\nseverities = ["low"]'
    finding = only(changed(make_desk, ('&to=desk@example.com"', quiet)))
    assert "level 2 reaches nobody: mail takes none of critical, high" in finding.what
    assert finding.severe


def test_a_level_that_misses_some_of_its_people(make_desk: MakeDesk) -> None:
    change = ('tell = ["primary"]', 'tell = ["primary", "box"]\nby = ["mailtos"]')
    finding = only(changed(make_desk, change))
    assert finding.what == (
        "level 1 does not reach everybody it tells: grace has no channel of kind mailtos"
    )
    assert not finding.severe


@pytest.mark.parametrize("severity", ["critical", "high"])
def test_an_urgent_severity_that_no_channel_takes(make_desk: MakeDesk, severity: str) -> None:
    without = ALL.replace(f'"{severity}", ', "")
    findings = changed(
        make_desk,
        (f"severities = {ALL}", f"severities = {without}"),
        ('&to=desk@example.com"', f'&to=desk@example.com"\nseverities = {without}'),
    )
    finding = only(findings)
    assert (finding.table, finding.key, finding.severe) == ("channels", "severities", True)
    assert f"no channel takes {severity} alerts" in finding.what


def test_a_severity_that_climbs_a_ladder_where_no_channel_takes_it(make_desk: MakeDesk) -> None:
    findings = changed(
        make_desk,
        ('tell = ["primary"]', 'tell = ["mail"]'),
        ('&to=desk@example.com"', '&to=desk@example.com"\nseverities = ["critical"]'),
    )
    said = [each.what for each in findings if each.key == "severities"]
    assert said == ["high alerts climb it, and no level has a channel that takes them"]


def test_levels_that_all_hang_on_one_service(make_desk: MakeDesk) -> None:
    other = '[channels.other]\nurl = "mailtos://smtp.example.com/?to=boss@example.com"\n'
    findings = changed(
        make_desk, ("[people.ada]", f"{other}[people.ada]"), ('["primary"]', '["other"]')
    )
    finding = only(findings)
    assert finding.what.startswith("all its 2 levels go through mailtos://smtp.example.com")


def test_the_same_scheme_at_two_hosts_is_two_services(make_desk: MakeDesk) -> None:
    other = '[channels.other]\nurl = "mailtos://smtp.example.org/?to=boss@example.com"\n'
    assert not changed(
        make_desk, ("[people.ada]", f"{other}[people.ada]"), ('["primary"]', '["other"]')
    )


def test_a_ladder_that_is_not_configured_is_judged_by_its_channels(make_desk: MakeDesk) -> None:
    finding = only(found(make_desk('[channels.box]\nurl = "file://box.jsonl"\n')))
    assert (finding.table, finding.severe) == ("channels", False)
    assert finding.what.startswith("its one level goes through a file on this machine")


def test_no_secret_of_an_address_is_in_a_finding(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", "canary-5Up3r5ecret")
    tables = ('slack://${env:CANARY}/a/b"', 'json://u:${env:CANARY}@hooks.example.com/x"')
    for url in tables:
        said = found(make_desk(f'[channels.x]\nurl = "{url}\n'))
        assert said
        assert "canary-5Up3r5ecret" not in str(said)


def test_somebody_who_takes_turns_and_has_no_channels(make_desk: MakeDesk) -> None:
    finding = only(changed(make_desk, ('[people.grace]\nchannels = ["box"]', "[people.grace]")))
    assert (finding.table, finding.key) == ("people.grace", "channels")
    assert finding.what == "grace takes turns in primary and has no channels"


def test_each_gap_of_the_next_14_days_in_the_desks_zone(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    # From Monday 2026-03-02 09:30 in New York, over the change of its clocks on the eighth.
    weekdays = 'since = "2026-03-02"\ndays = ["mon", "tue", "wed", "thu", "fri", "sat"]'
    findings = changed(make_desk, ('since = "2026-03-02"', weekdays))
    assert [each.what for each in findings] == [
        "nobody is on call from 2026-03-08 00:00:00 EST until 2026-03-09 00:00:00 EDT",
        "nobody is on call from 2026-03-15 00:00:00 EDT until 2026-03-16 00:00:00 EDT",
    ]
    assert {each.table for each in findings} == {"oncall.schedules.primary"}
    assert not any(each.severe for each in findings)
    wanted = "mechexo oncall override primary PERSON --from 2026-03-08T05:00:00Z --until "
    assert wanted in findings[0].do


def test_a_gap_that_is_now_is_severe_and_one_without_end_says_so(make_desk: MakeDesk) -> None:
    finding = only(changed(make_desk, ('"2026-03-02"', '"2026-04-06"')))
    assert finding.severe
    assert "until at least 2026-03-16" in finding.what


def test_a_first_day_that_is_no_day_of_hand_overs(make_desk: MakeDesk) -> None:
    finding = only(changed(make_desk, ('"2026-03-02"', '"2026-02-26"')))
    assert (finding.table, finding.key) == ("oncall.schedules.primary", "since")
    assert "2026-02-26 is a thu, hand-overs are on mon" in finding.what


def test_a_calendar_that_cannot_be_read(make_desk: MakeDesk) -> None:
    header = "[oncall.schedules.primary]"
    finding = only(changed(make_desk, (f"{header}\n", f'{header}\ncalendar = "no.ics"\n')))
    assert (finding.table, finding.key) == ("oncall.schedules.primary", "calendar")
    assert "no.ics: cannot be read" in finding.what


def test_an_override_for_somebody_who_is_not_there_any_more(make_desk: MakeDesk) -> None:
    desk = make_desk(SOUND)
    end = START + timedelta(hours=1)
    overrides.override(desk, "primary", "grace", starts_at=START, ends_at=end)
    finding = only(changed(make_desk, ("grace", "linus")))
    assert finding.key == "override"
    assert "puts 'grace' on call" in finding.what


@pytest.mark.slow
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mailtos://${env:NOT_SET}@smtp.example.com", "NOT_SET"),
        ("file://", "names no file"),
        ("file:///no/such/folder/box.jsonl", "cannot be written"),
        ("nosuch://${env:HOME}/x", "Apprise does not accept the address"),
    ],
)
def test_a_channel_whose_address_cannot_work(make_desk: MakeDesk, url: str, said: str) -> None:
    desk = make_desk(SOUND + f'[channels.bad]\nurl = "{url}"\n')
    finding = only(list(lint(desk)))
    assert (finding.table, finding.severe) == ("channels.bad", True)
    assert said in finding.what


@pytest.mark.slow
def test_channels_that_work_are_no_findings_and_nothing_is_sent(make_desk: MakeDesk) -> None:
    desk = make_desk(SOUND)
    assert lint(desk) == ()
    assert not (desk.root / "box.jsonl").exists()


def test_milder_alerts_that_reach_nobody_are_a_warning_that_may_be_meant_so(
    make_desk: MakeDesk,
) -> None:
    desk = make_desk(
        '[channels.box]\nurl = "file://box.jsonl"\n[channels.chat]\nurl = "json://x"\n'
    )
    assert found(desk) == []
    finding = only(list(unheard(desk)))
    assert (finding.table, finding.severe) == ("channels", False)
    assert finding.what == "low and info alerts reach nobody: they are on the list alone"


def test_where_some_level_takes_every_severity_nothing_is_unheard(make_desk: MakeDesk) -> None:
    assert unheard(make_desk(SOUND)) == ()


def test_no_channel_at_all_is_no_matter_of_mild_alerts(make_desk: MakeDesk) -> None:
    assert unheard(make_desk()) == ()
