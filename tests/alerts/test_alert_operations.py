"""The operations on a real state file: what is stored, who may, what is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from conftest import START, MakeDesk
from mechexo.actor import Actor
from mechexo.alerts import oncall
from mechexo.alerts import operations as alerts
from mechexo.alerts.values import AlertState, Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import ConflictError, NotAllowedError, NotFoundError, UsageError

BOX = '[channels.box]\nurl = "file://box.jsonl"\n'
NIGHT = datetime(2026, 3, 2, 23, tzinfo=UTC)


def trouble(key: str = "feed", severity: str = "high", fires: bool = True) -> Observation:
    return Observation(
        key, fires, severity, f"{key}_alert", "stale", "probe", {"card": "data"}, "entry"
    )


def raise_one(desk: Desk, key: str = "feed", severity: str = "high") -> int:
    alert = alerts.raise_alert(
        desk, key=key, severity=severity, name=f"{key}_alert", summary="s", labels={}
    )
    return alert.id


def kinds(desk: Desk, alert_id: int) -> list[str]:
    return [event.kind for event in alerts.timeline(desk, alert_id)]


def deliveries(desk: Desk) -> list[tuple[str, datetime]]:
    return [(each.state, each.due_at) for each in alerts.deliveries(desk)]


def test_what_was_observed_is_what_is_stored(make_desk: MakeDesk) -> None:
    desk = make_desk(BOX)
    (alert,) = alerts.observe(desk, [trouble()])
    assert alerts.get_alert(desk, alert.id) == alert
    assert (alert.key, alert.runbook, alert.labels) == ("feed", "entry", {"card": "data"})
    assert kinds(desk, alert.id) == ["opened", "paged"]
    assert deliveries(desk) == [("due", START)]


def test_an_observation_that_changes_nothing_writes_nothing(desk: Desk) -> None:
    assert alerts.observe(desk, [trouble(fires=False)]) == ()
    version = desk.state.data_version()
    alerts.observe(desk, [trouble(fires=False)])
    assert desk.state.data_version() == version


def test_a_batch_with_one_bad_observation_stores_none_of_it(desk: Desk) -> None:
    with pytest.raises(UsageError):
        alerts.observe(desk, [trouble(), trouble("b", "urgent")])
    assert alerts.list_alerts(desk) == ()


def test_open_alerts_come_worst_first_and_then_newest(desk: Desk, clock: VirtualClock) -> None:
    for key, severity in (("a", "low"), ("b", "critical"), ("c", "high"), ("d", "critical")):
        clock.advance(timedelta(minutes=1))
        alerts.observe(desk, [trouble(key, severity)])
    assert [alert.key for alert in alerts.list_alerts(desk)] == ["d", "b", "c", "a"]
    assert [alert.key for alert in alerts.list_alerts(desk, limit=2)] == ["d", "b"]


def test_resolved_alerts_are_listed_only_when_asked_for(desk: Desk) -> None:
    alerts.observe(desk, [trouble()])
    alerts.observe(desk, [trouble(fires=False)])
    assert alerts.list_alerts(desk) == ()
    (alert,) = alerts.list_alerts(desk, states=(AlertState.RESOLVED,))
    assert alert.resolved_at == START


def test_hostile_text_is_stored_harmless(desk: Desk) -> None:
    bad = Observation("k\x00", True, "high", "n\x1b[2J", "a\ud800\x00<&>" + "x" * 10_000, "s")
    (alert,) = alerts.observe(desk, [bad])
    assert alert.name == "n"
    assert alert.summary.startswith("a<&>xxx")
    assert len(alert.summary) == 10_000
    alerts.observe(desk, [Observation("k\x00", False, "high", "n", "", "s")])
    assert alerts.list_alerts(desk) == ()


def test_who_acknowledged_stands_on_the_alert_and_in_the_audit_log(make_desk: MakeDesk) -> None:
    desk = make_desk(BOX)
    alert_id = raise_one(desk)
    alert = alerts.acknowledge(desk, alert_id, note="on it")
    assert (alert.acknowledged_by, alert.state) == ("tester", AlertState.ACKNOWLEDGED)
    assert alert.next_level_at is None
    assert deliveries(desk)[0][0] == "cancelled"
    assert kinds(desk, alert_id) == ["opened", "paged", "acknowledged", "cancelled"]
    assert [entry.action for entry in desk.audit_entries()] == [
        "alerts.raise",
        "alerts.acknowledge",
    ]
    assert desk.verify_audit().problems == ()


def test_a_second_acknowledgement_changes_nothing(make_desk: MakeDesk, clock: VirtualClock) -> None:
    desk = make_desk('[access]\nresponder = ["ben"]\n')
    alert_id = raise_one(desk)
    alerts.acknowledge(desk, alert_id)
    clock.advance(timedelta(minutes=1))
    again = alerts.acknowledge(desk.acting_as(Actor(4321, "ben")), alert_id)
    assert (again.acknowledged_by, again.acknowledged_at) == ("tester", START)


def test_a_resolved_alert_cannot_be_acknowledged_but_resolved_twice(desk: Desk) -> None:
    alert_id = raise_one(desk)
    first = alerts.resolve(desk, alert_id, reason="false alarm")
    assert alerts.resolve(desk, alert_id) == first
    with pytest.raises(ConflictError):
        alerts.acknowledge(desk, alert_id)


def test_an_acknowledgement_needs_no_words_on_a_live_desk_but_resolving_does(
    make_desk: MakeDesk,
) -> None:
    desk = make_desk(mode="live")
    alerts.observe(desk, [trouble()])
    assert alerts.acknowledge(desk, 1).acknowledged_by == "tester"
    with pytest.raises(UsageError, match="reason"):
        alerts.resolve(desk, 1)
    assert alerts.get_alert(desk, 1).is_open


def test_a_viewer_may_look_but_not_act(make_desk: MakeDesk) -> None:
    desk = make_desk()
    alert_id = raise_one(desk)
    viewer = desk.acting_as(Actor(4321, "vic"))
    assert len(alerts.list_alerts(viewer)) == 1
    for act in (
        lambda: alerts.acknowledge(viewer, alert_id),
        lambda: alerts.resolve(viewer, alert_id),
        lambda: raise_one(viewer, "other"),
        lambda: alerts.silence(
            viewer, matchers={"name": "x"}, duration=timedelta(hours=1), reason="r"
        ),
    ):
        with pytest.raises(NotAllowedError):
            act()
    assert [entry.outcome for entry in desk.audit_entries()][1:] == ["refused"] * 4


def test_an_alert_that_does_not_exist_is_named_with_the_open_ones(desk: Desk) -> None:
    alert_id = raise_one(desk)
    with pytest.raises(NotFoundError, match=f"no alert 99; open: {alert_id}"):
        alerts.acknowledge(desk, 99)


def test_a_night_page_waits_for_the_morning_and_is_due_then(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(BOX)
    clock.advance(NIGHT - START)
    (alert,) = alerts.observe(desk, [trouble()])
    morning = datetime(2026, 3, 3, 6, tzinfo=UTC)
    assert (alert.held_until, deliveries(desk)) == (morning, [])
    assert alerts.deliver_due(desk) == ()
    assert alerts.oldest_due_s(desk) is None, "held is not overdue"
    assert alerts.undelivered(desk) == (), "held is not lost"
    clock.advance(morning - NIGHT)
    assert alerts.list_alerts(desk)[0].held_until is None
    alerts.keep_time(desk)
    assert deliveries(desk) == [("due", morning)]
    assert [each.state for each in alerts.deliver_due(desk)] == ["sent"]


def test_a_held_page_never_goes_out_when_the_trouble_ends_in_the_night(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(BOX)
    clock.advance(NIGHT - START)
    alerts.observe(desk, [trouble()])
    alerts.observe(desk, [trouble(fires=False)])
    clock.advance(timedelta(hours=12))
    alerts.keep_time(desk)
    assert deliveries(desk) == []
    assert kinds(desk, 1) == ["opened", "held", "resolved"]


def test_a_silence_covers_open_alerts_and_new_ones_and_ends_with_a_page(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(BOX)
    alerts.observe(desk, [trouble("old")])
    made = alerts.silence(
        desk, matchers={"card": "data"}, duration=timedelta(hours=1), reason="moving"
    )
    alerts.observe(desk, [trouble("new")])
    assert [a.silenced_until for a in alerts.list_alerts(desk)] == [made.ends_at] * 2
    assert alerts.deliver_due(desk) == ()
    assert alerts.silences(desk) == (made,)
    clock.advance(timedelta(hours=1))
    alerts.observe(desk, [])
    assert alerts.silences(desk) == ()
    assert {each.state for each in alerts.deliver_due(desk)} == {"sent"}
    assert kinds(desk, 2) == ["opened", "silenced", "paged", "sent"]


def test_a_silence_outlives_the_alert_it_was_made_for(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(BOX)
    alerts.silence(desk, matchers={"key": "feed"}, duration=timedelta(hours=1), reason="r")
    for fires in (True, False, True):
        alerts.observe(desk, [trouble(fires=fires)])
    assert deliveries(desk) == []


def test_ending_a_silence_pages_what_still_fires(make_desk: MakeDesk) -> None:
    desk = make_desk(BOX)
    made = alerts.silence(desk, matchers={"key": "feed"}, duration=timedelta(hours=1), reason="r")
    alerts.observe(desk, [trouble()])
    assert alerts.unsilence(desk, made.id).ends_at == START
    assert deliveries(desk) == [("due", START)]
    with pytest.raises(NotFoundError, match="no silence 7"):
        alerts.unsilence(desk, 7)


@pytest.mark.parametrize(
    ("matchers", "hours", "reason"),
    [({}, 1, "r"), ({"name": "x"}, 0, "r"), ({"name": "x"}, 1, " "), ({"name": "x"}, 1e9, "r")],
)
def test_a_silence_needs_a_match_an_end_and_a_reason(
    desk: Desk, matchers: dict[str, str], hours: float, reason: str
) -> None:
    with pytest.raises(UsageError):
        alerts.silence(desk, matchers=matchers, duration=timedelta(hours=hours), reason=reason)
    assert alerts.silences(desk) == ()


def test_resolved_alerts_are_forgotten_after_their_time_with_all_that_is_theirs(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(BOX + '[alerts]\nkeep_resolved = "2d"\n')
    alerts.observe(desk, [trouble()])
    alerts.deliver_due(desk)
    alerts.observe(desk, [trouble(fires=False)])
    clock.advance(timedelta(days=2, seconds=1))
    (new,) = alerts.observe(desk, [trouble()])
    assert new.id == 2, "a number is never used twice"
    assert alerts.list_alerts(desk, states=tuple(AlertState)) == (new,)
    for table in ("alert_event", "delivery", "delivery_attempt"):
        rows = desk.state.rows(f"SELECT * FROM {table} WHERE id = 1")
        assert rows == []


def test_counts_and_the_oldest_critical(desk: Desk, clock: VirtualClock) -> None:
    assert alerts.counts(desk).oldest_s is None
    assert alerts.unacknowledged_critical_since(desk) is None
    raise_one(desk, "a", "critical")
    clock.advance(timedelta(minutes=5))
    known = raise_one(desk, "b", "high")
    alerts.acknowledge(desk, known)
    counts = alerts.counts(desk)
    assert (counts.open, counts.unacknowledged, counts.oldest_s) == (2, 1, 300.0)
    assert counts.by_severity == {"critical": 1, "high": 1}
    assert alerts.unacknowledged_critical_since(desk) == START


def test_what_got_worse_after_its_acknowledgement_waits_from_then(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(BOX)
    alerts.observe(desk, [trouble()])
    alerts.acknowledge(desk, 1)
    clock.advance(timedelta(hours=5))
    alerts.observe(desk, [trouble(severity="critical")])
    assert alerts.unacknowledged_critical_since(desk) == START + timedelta(hours=5)
    assert [each.alert_id for each in alerts.deliver_due(desk)] == [1]
    alerts.observe(desk, [trouble(severity="critical")])
    assert alerts.deliver_due(desk) == ()


def test_a_message_counts_as_overdue_from_its_first_moment_until_it_is_done(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk('[channels.box]\nurl = "file:///nowhere/box.jsonl"\n')
    assert alerts.oldest_due_s(desk) is None
    alerts.observe(desk, [trouble()])
    clock.advance(timedelta(seconds=5))
    alerts.deliver_due(desk)
    clock.advance(timedelta(seconds=60))
    assert alerts.oldest_due_s(desk) == 65.0, "a retry does not make it young again"


def test_a_channel_that_does_not_deliver_is_an_alert_for_the_others_until_it_does(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(BOX + '[channels.bad]\nurl = "file://folder/bad.jsonl"\n')
    (desk.root / "folder").write_text("in the way")
    alerts.observe(desk, [trouble()])
    for _ in range(3):
        alerts.deliver_due(desk)
        clock.advance(timedelta(minutes=1))
    failing = next(a for a in alerts.list_alerts(desk) if a.key == "channel:bad")
    assert "folder" in failing.summary
    alerts.deliver_due(desk)
    *told, unreadable = alerts.mailbox(desk)
    assert failing.id in {message.alert_id for message in told}
    assert (unreadable.channel, unreadable.title) == ("bad", "a mailbox that cannot be read")
    (desk.root / "folder").unlink()
    clock.advance(timedelta(minutes=20))
    alerts.deliver_due(desk)
    assert alerts.get_alert(desk, failing.id).state is AlertState.RESOLVED


def test_an_alert_that_no_channel_took_pages_as_soon_as_one_does(make_desk: MakeDesk) -> None:
    alerts.observe(make_desk(), [trouble()])
    desk = make_desk(BOX)
    assert len(alerts.undelivered(desk)) == 1
    alerts.observe(desk, [])
    assert deliveries(desk) == [("due", START)]
    assert alerts.undelivered(desk) == ()


def test_alerts_that_nobody_was_told_about_are_named_up_to_a_few_and_then_counted(
    desk: Desk,
) -> None:
    alerts.observe(desk, [trouble(f"key-{number}") for number in range(8)])
    assert [words.split(" (")[0] for words in alerts.undelivered(desk)] == [
        *(f"nobody was told about alert {number}" for number in range(1, 6)),
        "nobody was told about 3 more alerts; see: mechexo alerts list",
    ]


def test_a_silenced_alert_is_kept_from_people_on_purpose(desk: Desk) -> None:
    alerts.observe(desk, [trouble()])
    alerts.silence(desk, matchers={"key": "feed"}, duration=timedelta(hours=1), reason="r")
    assert alerts.undelivered(desk) == ()


def test_a_page_that_is_held_follows_a_change_of_the_quiet_hours(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    clock.advance(NIGHT - START)
    desk = make_desk(BOX)
    alerts.observe(desk, [trouble()])
    assert alerts.get_alert(desk, 1).held_until == datetime(2026, 3, 3, 6, tzinfo=UTC)
    desk = make_desk(BOX + '[quiet_hours]\nend = "07:30"\n')
    alerts.observe(desk, [])
    later = datetime(2026, 3, 3, 7, 30, tzinfo=UTC)
    assert (alerts.get_alert(desk, 1).held_until, deliveries(desk)) == (later, [])
    desk = make_desk(BOX + "[quiet_hours]\nenabled = false\n")
    alerts.observe(desk, [])
    assert deliveries(desk) == [("due", NIGHT)]
    changes = [(e.kind, e.detail) for e in alerts.timeline(desk, 1) if e.kind != "opened"]
    assert changes == [
        ("held", "first page: quiet hours until 2026-03-03T06:00:00.000000Z"),
        ("held", "first page: quiet hours until 2026-03-03T07:30:00.000000Z"),
        ("quiet_hours_ended", "its page is due"),
        ("paged", "first page: box"),
    ]
    assert [each.state for each in alerts.deliver_due(desk)] == ["sent"]


def test_statistics_count_days_of_the_desk_also_those_without_alerts(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(zone="America/New_York")
    clock.advance(timedelta(hours=14))  # 04:30 UTC on the 3rd, still the 2nd in New York
    first = raise_one(desk, "a", "critical")
    clock.advance(timedelta(seconds=60))
    alerts.acknowledge(desk, first)
    clock.advance(timedelta(seconds=60))
    alerts.resolve(desk, first)
    clock.advance(timedelta(days=2))
    raise_one(desk, "a", "low")
    raise_one(desk, "b", "low")
    found = alerts.statistics(desk, days=4)
    assert found.by_day == (
        ("2026-03-01", 0), ("2026-03-02", 1), ("2026-03-03", 0), ("2026-03-04", 2)
    )  # fmt: skip
    assert (found.total, found.by_severity) == (3, {"critical": 1, "low": 2})
    assert found.noisiest == (("a_alert", 2), ("b_alert", 1))
    assert (found.mean_acknowledge_s, found.mean_resolve_s) == (60.0, 120.0)
    assert alerts.statistics(desk, days=1).mean_resolve_s is None


def test_on_call_now_says_who_and_whether_it_is_quiet(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk('[oncall]\nlevel1 = "Ann"\n')
    assert oncall.now(desk) == oncall.OnCallNow("Ann", "", "", False, None)
    clock.advance(NIGHT - START)
    quiet = oncall.now(desk)
    assert (quiet.quiet_hours, quiet.quiet_until) == (True, datetime(2026, 3, 3, 6, tzinfo=UTC))


def test_the_counts_say_how_many_are_kept_back_and_why(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    rule = '[suppress.gateway]\ncause = { key = "gateway" }\nhides = { key = "fills" }\n'
    desk = make_desk(BOX + rule)
    alerts.observe(desk, [trouble("gateway"), trouble("fills"), trouble("quotes"), trouble("x")])
    alerts.silence(desk, matchers={"key": "quotes"}, duration=timedelta(hours=1), reason="r")
    alerts.deliver_due(desk, deadline_s=20)
    found = alerts.counts(desk)
    assert (found.unacknowledged, found.kept_back) == (4, {"silenced": 1, "caused": 1})
    clock.advance(NIGHT - START)
    alerts.observe(desk, [trouble("night")])
    # The ladders of those that paged stand still too.
    assert alerts.counts(desk).kept_back == {"caused": 1, "held": 4}


def test_a_timeline_is_told_in_the_order_in_which_it_was_written(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    # What came after the clock was set back stood before all that had led to it.
    desk = make_desk(BOX)
    alerts.observe(desk, [trouble(severity="critical")])
    alerts.deliver_due(desk)
    clock.advance(timedelta(minutes=1))
    alerts.acknowledge(desk, 1)
    alerts.deliver_due(desk)
    clock.advance(-timedelta(hours=1))
    alerts.resolve(desk, 1, reason="mended")
    alerts.deliver_due(desk)
    told = ["opened", "paged", "sent", "acknowledged", "sent", "resolved", "sent"]
    assert kinds(desk, 1) == told
    with desk.state.write() as transaction:
        transaction.execute("UPDATE delivery_attempt SET after_event = NULL")
    clock_kept = [kind for kind in kinds(desk, 1) if kind != "sent"]
    assert clock_kept == ["opened", "paged", "acknowledged", "resolved"], "of an older state file"


def test_a_clock_set_back_is_noticed_by_what_climbs_a_longer_ladder_and_is_not_seen_again(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = make_desk(
        '[channels.box]\nurl = "file://box.jsonl"\n[escalation.default]\nlevels = [\n'
        '{ tell = ["box"] }, { after = "15m", tell = ["box"] }, { after = "2h", tell = ["box"] }]\n'
    )
    alerts.observe(desk, [Observation("feed", True, "critical", "feed", "stale", "hook")])
    clock.advance(-timedelta(hours=1))
    alerts.keep_time(desk)
    (alert,) = alerts.list_alerts(desk)
    assert alert.next_level_at == clock.now() + timedelta(minutes=15)
    assert alerts.keep_time(desk) == ()
