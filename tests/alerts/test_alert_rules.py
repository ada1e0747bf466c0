"""What `step` does: opening, merging, resolving, and who is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mechexo.alerts import rules
from mechexo.alerts.effects import AlertsState, Effects, Outcome
from mechexo.alerts.policy import Channel, Ladder, Level, Policy, Route
from mechexo.alerts.quiet import QuietHours
from mechexo.alerts.values import SEVERITIES, Alert, AlertState, Observation, Silence

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NIGHT = datetime(2026, 3, 2, 23, tzinfo=UTC)
MORNING = datetime(2026, 3, 3, 6, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

QUIET = QuietHours(time(22), time(6), "UTC")


def policy_of(*channels: Channel) -> Policy:
    """One level with these channels, climbed once."""
    return Policy((Route("", Ladder((Level(timedelta(0), channels),)), QUIET),))


POLICY = policy_of(
    Channel("mail", frozenset({"critical", "high", "medium"})),
    Channel("phone", frozenset({"critical"})),
)
EMPTY = AlertsState(POLICY, next_id=1)


def firing(key: str = "feed", severity: str = "high", **labels: str) -> Observation:
    return Observation(key, True, severity, key, "stale", "probe", labels)


def over(key: str = "feed") -> Observation:
    return Observation(key, False, "high", key, "fresh", "probe")


def run(*steps: tuple[datetime, list[Observation]]) -> tuple[AlertsState, list[Effects]]:
    state, effects = EMPTY, []
    for now, observations in steps:
        state, said = rules.step(state, now, observations)
        effects.append(said)
    return state, effects


def told(effects: Effects) -> list[tuple[str, datetime]]:
    return [(page.channel, page.due_at) for page in effects.pages]


def outcomes(effects: Effects) -> list[Outcome]:
    return [decision.outcome for decision in effects.decisions]


def test_a_new_alert_pages_every_channel_that_wants_its_severity() -> None:
    _, (effects,) = run((NOON, [firing(severity="critical")]))
    assert told(effects) == [("mail", NOON), ("phone", NOON)]
    assert {page.level for page in effects.pages} == {1}


def test_an_equal_key_merges_and_does_not_page_again() -> None:
    state, (_, second) = run((NOON, [firing()]), (NOON + MINUTE, [firing()]))
    (alert,) = state.open.values()
    assert (alert.count, alert.last_seen_at, alert.started_at) == (2, NOON + MINUTE, NOON)
    assert (told(second), outcomes(second)) == ([], [Outcome.ALREADY_PAGED])


def test_the_same_look_told_again_is_counted_once_and_seen_when_it_was_made() -> None:
    look = replace(firing(), observed_at=NOON)
    later = NOON + timedelta(hours=1)
    state, (_, again, worse, _, next_look) = run(
        (NOON + MINUTE, [look]),
        (NOON + 2 * MINUTE, [look]),
        (NOON + 3 * MINUTE, [replace(look, severity="critical", summary="worse")]),
        (NOON + 4 * MINUTE, [replace(look, observed_at=NOON - MINUTE, severity="critical")]),
        (later + MINUTE, [replace(look, observed_at=later, severity="critical")]),
    )
    assert again.alerts == ()
    assert outcomes(again) == [Outcome.ALREADY_PAGED]
    (alert,) = worse.alerts
    assert (alert.count, alert.last_seen_at, alert.summary) == (1, NOON, "worse")
    assert [channel for channel, _ in told(worse)] == ["mail", "phone"]
    (alert,) = next_look.alerts
    assert (alert.count, alert.last_seen_at) == (2, later)
    assert state.open["feed"].started_at == NOON + MINUTE


def test_a_silence_ends_and_a_resolution_comes_also_without_a_new_look() -> None:
    look = replace(firing(), observed_at=NOON)
    silence = Silence(1, {"name": "feed"}, "me", "busy", NOON, NOON + 2 * MINUTE)
    silenced, _ = rules.step(replace(EMPTY, silences=(silence,)), NOON, [look])
    loud = replace(silenced, silences=())
    loud, effects = rules.step(loud, NOON + 2 * MINUTE, [look])
    assert told(effects) == [("mail", NOON + 2 * MINUTE)]
    assert loud.open["feed"].count == 1
    resolved, _ = rules.step(loud, NOON + 3 * MINUTE, [replace(over(), observed_at=NOON)])
    assert resolved.open == {}


def test_a_merge_keeps_the_runbook_and_takes_the_newest_words() -> None:
    first = replace(firing(), runbook="feed_stale")
    state, _ = run((NOON, [first]), (NOON, [replace(firing(), summary="staler")]))
    (alert,) = state.open.values()
    assert (alert.summary, alert.runbook) == ("staler", "feed_stale")


def test_a_rising_severity_pages_again_and_replaces_what_was_not_sent() -> None:
    _, (_, rise) = run((NOON, [firing()]), (NOON + MINUTE, [firing(severity="critical")]))
    assert [channel for channel, _ in told(rise)] == ["mail", "phone"]
    assert [(each.up_to_page, each.alert_id) for each in rise.cancellations] == [(1, 1)]


def test_a_severity_that_falls_and_comes_back_does_not_page_again() -> None:
    _, (_, fall, back) = run(
        (NOON, [firing()]), (NOON, [firing(severity="low")]), (NOON, [firing()])
    )
    assert told(fall) == told(back) == []


def test_an_alert_that_fires_after_it_was_resolved_is_a_new_one() -> None:
    state, (_, resolved, again) = run((NOON, [firing()]), (NOON, [over()]), (NOON, [firing()]))
    assert [alert.state for alert in resolved.alerts] == [AlertState.RESOLVED]
    assert [alert.id for alert in state.open.values()] == [2]
    assert told(again) == [("mail", NOON)]


def test_resolving_cancels_what_was_not_sent() -> None:
    _, (_, resolved) = run((NOON, [firing()]), (NOON, [over()]))
    assert [each.reason for each in resolved.cancellations] == ["resolved"]


def test_resolving_what_never_fired_does_nothing() -> None:
    assert run((NOON, [over()]))[1] == [Effects()]


def test_quiet_hours_hold_a_page_until_their_end() -> None:
    state, (effects,) = run((NIGHT, [firing()]))
    assert told(effects) == []
    assert outcomes(effects) == [Outcome.HELD]
    assert state.open["feed"].held_until == MORNING
    _, morning = rules.step(state, MORNING, [])
    assert told(morning) == [("mail", MORNING)]
    assert [page.together for page in morning.pages] == [True]


def test_a_critical_alert_passes_quiet_hours() -> None:
    _, (effects,) = run((NIGHT, [firing(severity="critical")]))
    assert told(effects) == [("mail", NIGHT), ("phone", NIGHT)]


def test_a_held_alert_that_becomes_critical_pages_at_once() -> None:
    state, (_, rise) = run((NIGHT, [firing()]), (NIGHT + MINUTE, [firing(severity="critical")]))
    assert told(rise) == [("mail", NIGHT + MINUTE), ("phone", NIGHT + MINUTE)]
    assert state.open["feed"].held_until is None


def test_in_the_morning_a_held_alert_is_held_no_more_and_paged_once() -> None:
    state, (_, morning, later) = run((NIGHT, [firing()]), (MORNING, []), (MORNING, [firing()]))
    assert state.open["feed"].held_until is None
    assert [event.kind for _, event in morning.events] == ["quiet_hours_ended", "paged"]
    assert later.pages == ()


def test_an_alert_that_no_channel_wants_says_so_once() -> None:
    low = firing(severity="low")
    _, (first, second) = run((NOON, [low]), (NOON, [low]))
    assert outcomes(first) == outcomes(second) == [Outcome.NO_CHANNEL]
    assert [event.kind for _, event in first.events] == ["opened", "no_channel"]
    assert second.events == ()


def test_a_channel_configured_later_gets_the_page_that_nobody_took() -> None:
    state, _ = run((NOON, [firing(severity="low")]))
    wider = policy_of(Channel("all", frozenset(SEVERITIES)))
    _, effects = rules.step(replace(state, policy=wider), NOON, [firing(severity="low")])
    assert told(effects) == [("all", NOON)]


def silence(now: datetime, minutes: int, **matchers: str) -> Silence:
    return Silence(1, matchers, "ann", "works", now, now + minutes * MINUTE)


def test_a_silenced_alert_pages_when_the_silence_ends() -> None:
    quiet = replace(EMPTY, silences=(silence(NOON, 60, card="data"),))
    state, effects = rules.step(quiet, NOON, [firing(card="data")])
    assert (told(effects), outcomes(effects)) == ([], [Outcome.SILENCED])
    assert state.open["feed"].silenced_until == NOON + 60 * MINUTE
    state, after = rules.step(state, NOON + 60 * MINUTE, [])
    assert told(after) == [("mail", NOON + 60 * MINUTE)]
    assert "silence ended" in after.decisions[0].why


def test_a_silence_covers_only_what_matches_all_its_words() -> None:
    for matchers, covered in (
        ({"name": "feed", "severity": "high"}, True),
        ({"source": "probe", "key": "feed"}, True),
        ({"name": "feed", "severity": "low"}, False),
        ({"card": "data"}, False),
    ):
        state = replace(EMPTY, silences=(silence(NOON, 5, **matchers),))
        _, effects = rules.step(state, NOON, [firing()])
        assert (outcomes(effects) == [Outcome.SILENCED]) is covered


def test_a_label_called_name_does_not_stand_for_the_name() -> None:
    state = replace(EMPTY, silences=(silence(NOON, 5, name="other"),))
    _, effects = rules.step(state, NOON, [firing(name="other")])
    assert outcomes(effects) == [Outcome.PAGED]


def test_a_silence_over_a_page_under_way_cancels_it_and_pages_at_its_end() -> None:
    state, _ = run((NOON, [firing()]))
    state, hushed = rules.step(replace(state, silences=(silence(NOON, 5, name="feed"),)), NOON, [])
    assert [each.up_to_page for each in hushed.cancellations] == [1]
    _, after = rules.step(state, NOON + 5 * MINUTE, [])
    assert [page.number for page in after.pages] == [2]


def test_a_silence_that_ends_in_the_night_leaves_the_page_to_the_morning() -> None:
    quiet = replace(EMPTY, silences=(silence(NIGHT, 5, name="feed"),))
    state, _ = rules.step(quiet, NIGHT, [firing()])
    state, after = rules.step(state, NIGHT + 5 * MINUTE, [])
    assert (told(after), state.open["feed"].held_until) == ([], MORNING)
    _, morning = rules.step(state, MORNING, [])
    assert told(morning) == [("mail", MORNING)]


def known_at(severity: str) -> AlertsState:
    state, _ = run((NOON, [firing(severity=severity)]))
    known, effects = rules.acknowledge(state.open["feed"], NOON, "ann", "looking", POLICY)
    assert [each.reason for each in effects.cancellations] == ["ann knows"]
    return replace(state, open={"feed": known})


def test_an_acknowledged_alert_pages_no_more_up_to_the_severity_it_was_known_at() -> None:
    state, at = known_at("high"), NOON
    for severity in ("high", "medium", "high"):
        at += MINUTE
        state, effects = rules.step(state, at, [firing(severity=severity)])
        assert (told(effects), outcomes(effects)) == ([], [Outcome.ACKNOWLEDGED])
    assert "not paged: ann knows of high" in effects.events[0][1].detail


def test_an_alert_that_gets_worse_than_was_acknowledged_fires_and_pages_anew() -> None:
    at = NOON + 60 * MINUTE
    state, effects = rules.step(known_at("high"), at, [firing(severity="critical")])
    assert told(effects) == [("mail", at), ("phone", at)]
    alert = state.open["feed"]
    assert (alert.state, alert.acknowledged_by) == (AlertState.FIRING, None)
    said = [(event.kind, event.detail) for _, event in effects.events]
    assert said[0] == (
        "fired_again",
        "severity rose from high to critical after the acknowledgement",
    )
    again, _ = rules.acknowledge(alert, at, "ben", "", POLICY)
    assert again.acknowledged_by == "ben"


def test_a_rise_that_nobody_hears_of_for_a_silence_covers_the_known_alert_says_so() -> None:
    known = replace(known_at("high"), silences=(silence(NOON, 60, name="feed"),))
    known, _ = rules.step(known, NOON + MINUTE, [])
    assert known.open["feed"].silenced_until is not None
    state, effects = rules.step(known, NOON + 2 * MINUTE, [firing(severity="critical")])
    assert (told(effects), outcomes(effects)) == ([], [Outcome.SILENCED])
    assert [event.kind for _, event in effects.events] == ["fired_again", "silenced"]
    assert (
        effects.events[1][1].detail == "silence 1 by ann until 2026-03-02T13:00:00.000000Z: works"
    )
    _, again = rules.step(state, NOON + 3 * MINUTE, [firing(severity="critical")])
    assert again.events == (), "it is said once"
    _, after = rules.step(state, NOON + 60 * MINUTE, [])
    assert [channel for channel, _ in told(after)] == ["mail", "phone"]


def test_an_acknowledgement_of_what_had_eased_does_not_cover_its_return() -> None:
    state, _ = run((NOON, [firing(severity="critical")]), (NOON, [firing(severity="medium")]))
    known, _ = rules.acknowledge(state.open["feed"], NOON, "ann", "", POLICY)
    state, effects = rules.step(
        replace(state, open={"feed": known}), NOON + MINUTE, [firing(severity="critical")]
    )
    assert [channel for channel, _ in told(effects)] == ["mail", "phone"]


def test_the_first_acknowledgement_stands() -> None:
    state, _ = run((NOON, [firing()]))
    known, _ = rules.acknowledge(state.open["feed"], NOON, "ann", "", POLICY)
    again, effects = rules.acknowledge(known, NOON + MINUTE, "ben", "", POLICY)
    assert (again, effects) == (known, Effects())


KEYS = st.sampled_from(["a", "b", "c"])
OBSERVATIONS = st.builds(
    Observation,
    key=KEYS,
    firing=st.booleans(),
    severity=st.sampled_from(SEVERITIES),
    name=st.just("n"),
    summary=st.text(max_size=5),
    source=st.just("s"),
    labels=st.dictionaries(st.just("card"), st.sampled_from(["x", "y"])),
)
STEPS = st.lists(
    st.tuples(
        st.integers(0, 600),
        st.lists(OBSERVATIONS, max_size=5),
        st.one_of(st.none(), KEYS),
        st.one_of(st.none(), st.tuples(st.sampled_from(["x", "y"]), st.integers(1, 300))),
    ),
    max_size=12,
)


class Outbox:
    """The outbox as the records keep it, in memory: pages in, cancellations over them."""

    def __init__(self) -> None:
        self.pending: dict[tuple[int, int, str], datetime] = {}

    def take(self, effects: Effects) -> None:
        for page in effects.pages:
            if page.kind != "page":
                continue
            identity = (page.alert_id, page.number, page.channel)
            assert identity not in self.pending, "each page is made once"
            self.pending[identity] = page.due_at
        for cancelled in effects.cancellations:
            for identity in [*self.pending]:
                if identity[0] == cancelled.alert_id and identity[1] <= cancelled.up_to_page:
                    del self.pending[identity]


@given(STEPS)
def test_whatever_happens_every_observation_has_its_reason_and_nothing_is_lost(
    steps: list[tuple[int, list[Observation], str | None, tuple[str, int] | None]],
) -> None:
    state, now, outbox = EMPTY, NOON, Outbox()
    alerts: dict[int, Alert] = {}
    for minutes, observations, acknowledged, hushed in steps:
        now += minutes * MINUTE
        if hushed:
            state = replace(
                state, silences=(*state.silences, silence(now, hushed[1], card=hushed[0]))
            )
        state, effects = rules.step(state, now, observations)
        outbox.take(effects)
        alerts |= {alert.id: alert for alert in effects.alerts}

        # One decision for each firing observation, in order, and more only for the unobserved.
        said = [decision.key for decision in effects.decisions]
        fired = [observation.key for observation in observations if observation.firing]
        assert said[: len(fired)] == fired
        assert not set(said[len(fired) :]) & {observation.key for observation in observations}

        if acknowledged in state.open:
            known, closing = rules.acknowledge(state.open[acknowledged], now, "ann", "", POLICY)
            outbox.take(closing)
            alerts[known.id] = known
            state = replace(state, open={**state.open, acknowledged: known})

        pending = {alert_id for alert_id, _, _ in outbox.pending}
        for alert in alerts.values():
            if alert.state is not AlertState.FIRING or alert.silenced_until:
                assert alert.id not in pending, "nothing is due that nobody should get"
            elif alert.severity in ("critical", "high", "medium"):
                kept_back = alert.held_until or alert.flapping_until
                assert alert.pages or kept_back, "an open, audible alert has paged or waits"
            if alert.held_until:
                assert alert.severity != "critical"
                assert alert.held_until > now

        # Equal keys: one open alert. Different keys: different alerts.
        open_now = [alert for alert in alerts.values() if alert.is_open]
        assert sorted(alert.key for alert in open_now) == sorted(state.open)
        assert all(state.open[key].key == key for key in state.open)


@given(STEPS)
def test_every_observation_is_counted_in_exactly_one_alert(
    steps: list[tuple[int, list[Observation], str | None, tuple[str, int] | None]],
) -> None:
    state, now, counted = EMPTY, NOON, {}
    for minutes, observations, _, _ in steps:
        now += minutes * MINUTE
        state, effects = rules.step(state, now, observations)
        counted |= {alert.id: alert.count for alert in effects.alerts}
    assert sum(counted.values()) == sum(o.firing for _, many, _, _ in steps for o in many)


@given(STEPS)
def test_the_same_input_gives_the_same_answer(
    steps: list[tuple[int, list[Observation], str | None, tuple[str, int] | None]],
) -> None:
    timed = [(NOON + minutes * MINUTE, many) for minutes, many, _, _ in steps]
    assert run(*timed) == run(*timed)
