"""What changed around an alert: every wing's happenings in one time line, ranked and explained."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mechexo import what_changed
from mechexo.alerts import operations as alerts
from mechexo.alerts.values import Alert, Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import ConfigError, MechexoError, NotFoundError
from mechexo.flows import operations as flows
from mechexo.rollback.happenings import Kind
from mechexo.what_changed import WhatChanged
from rollback.histories import History

START = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
RISK, UNIVERSE = "config/risk.yaml", "config/universe.yaml"
TOML = """
[rollback]
repository = "repo"
configs = ["config/*.yaml"]
[rollback.flows.reweight]
paths = ["flows/reweight.py", "config/risk.yaml"]

[flows.reweight]
label = "Reweight"

[probes.trading_enabled]
kind = "flag"
card = "trading"
database = "sqlite:///trading.sqlite"
table = "flags"
key = "trading_enabled"
expect = true
suspect = "config/risk.yaml"

[people.ann]
[people.bob]
[oncall.schedules.primary]
layers = [{ people = ["ann", "bob"], every = "daily", handover = "14:00", since = "2026-01-05" }]
"""


def ago(minutes: float) -> datetime:
    return START - timedelta(minutes=minutes)


@pytest.fixture
def history(tmp_path: Path) -> History:
    made = History.begin(tmp_path / "desk" / "repo")
    made.commit({RISK: "limit: 100\n", UNIVERSE: "n: 1\n", "flows/reweight.py": "1\n"}, ago(9000))
    return made


@pytest.fixture
def desk(make_desk: Callable[..., Desk], history: History) -> Desk:
    return make_desk(TOML)


def alert_on(desk: Desk, name: str = "gross_exposure", **labels: str) -> Alert:
    (alert,) = alerts.observe(
        desk, [Observation(name, True, "high", name, "above its limit", "probe", labels)]
    )
    return alert


def around(desk: Desk, alert: Alert, **window: timedelta) -> WhatChanged:
    return what_changed.around_alert(desk, alert.id, **window)


def kinds(found: WhatChanged) -> list[Kind]:
    return [row.happening.kind for row in found.rows]


def at(desk: Desk, moment: datetime) -> Desk:
    """The desk as it was at another moment."""
    return replace(desk, clock=VirtualClock(moment))


def test_all_that_happened_stands_in_one_time_line_newest_first(
    desk: Desk, history: History
) -> None:
    alert_on(at(desk, ago(20)), "gateway", card="system")
    history.commit({UNIVERSE: "n: 2\n"}, ago(10), "more names")
    flows.execute(at(desk, ago(4)), "other", ["sh", "-c", "echo no bars; exit 3"])
    flows.execute(at(desk, ago(3)), "other", ["true"])
    alert = alert_on(desk, card="risk")
    edit = history.write(RISK, "limit: 180\n")
    os.utime(edit, (ago(-2).timestamp(),) * 2)
    found = around(at(desk, ago(-5)), alert)
    assert not found.gaps
    assert kinds(found) == [
        *(Kind.EDIT, Kind.ALERT, Kind.FLOW_FAILURE, Kind.COMMIT, Kind.ALERT, Kind.ON_CALL)
    ]
    said = [row.happening.what for row in found.rows]
    assert said == [
        f"{RISK}: differs from what git has",
        "high gross_exposure (alert 2): above its limit",
        "other failed with exit code 3: no bars",
        "more names",
        "high gateway (alert 1): above its limit",
        "primary: ann instead of bob",
    ]
    assert [row.suspect is None for row in found.rows] == [False, True, False, False, False, False]
    assert found.alert == alerts.get_alert(desk, alert.id)


def test_the_window_is_what_is_listed_and_suspects_are_looked_for_further_back(
    desk: Desk, history: History
) -> None:
    history.commit({RISK: "limit: 180\n"}, ago(60 * 30), "yesterday")
    alert = alert_on(desk)
    found = around(desk, alert, window=timedelta(hours=1))
    assert kinds(found) == [Kind.ALERT, Kind.ON_CALL]
    assert (found.start, found.end) == (ago(60), ago(-60))
    assert found.commits == ()
    first, second = found.suspects[:2]
    assert (first.happening.what, first.why) == (
        "yesterday",
        "touches flow reweight, 1d6h before",
    )
    assert second.happening.kind is Kind.ON_CALL
    wide = around(desk, alert, window=timedelta(days=2))
    assert [change.subject for change in wide.commits] == ["yesterday"]


def test_what_the_alert_names_is_the_first_suspect_with_its_rollback(
    desk: Desk, history: History
) -> None:
    history.commit({RISK: "limit: 180\n"}, ago(60 * 20), "loosen")
    history.commit({UNIVERSE: "n: 2\n"}, ago(1), "more names")
    first = around(desk, alert_on(desk, suspect=RISK)).first
    assert first is not None
    assert first.happening.what == "loosen"
    assert first.why == f"touches {RISK}, which the alert names, 20h before"
    assert first.happening.remedy is not None
    assert (
        first.happening.remedy.command
        == f"mechexo rollback plan config {RISK} --to 2026-03-01T18:29:59Z"
    )


def test_an_alert_of_a_flow_suspects_the_flow_and_not_the_run_that_it_tells_of(
    desk: Desk, history: History
) -> None:
    history.commit({"flows/reweight.py": "2\n"}, ago(30), "quicker")
    flows.execute(at(desk, ago(10)), "reweight", ["sh", "-c", "exit 1"])
    flows.execute(at(desk, ago(1)), "reweight", ["sh", "-c", "exit 1"])
    said = Observation(
        "flow:reweight:failed", True, "high", "reweight_failed", "failed", "flow",
        {"flow": "reweight", "card": "flows"},
    )  # fmt: skip
    (alert,) = alerts.observe(desk, [said])
    found = around(desk, alert)
    by_what = {row.happening.at.minute: row for row in found.rows
               if row.happening.kind is Kind.FLOW_FAILURE}  # fmt: skip
    assert by_what[ago(1).minute].suspect is None
    assert by_what[ago(10).minute].suspect is not None
    assert found.first is not None
    assert found.first.why == "touches flow reweight, 30 min before"
    assert found.first.happening.remedy is not None
    assert found.first.happening.remedy.kind == "flow"


@pytest.mark.parametrize("suspect", ["reweight", RISK])
def test_a_suspect_may_be_a_flow_or_a_file(desk: Desk, history: History, suspect: str) -> None:
    history.commit({"flows/reweight.py": "2\n", RISK: "limit: 2\n"}, ago(30), "both")
    history.commit({UNIVERSE: "n: 2\n"}, ago(1), "more names")
    first = around(desk, alert_on(desk, suspect=suspect)).first
    assert first is not None
    assert first.happening.remedy is not None
    assert first.happening.remedy.name == suspect


def test_an_alert_of_a_probe_on_a_flag_watches_that_flag(desk: Desk) -> None:
    alert = alert_on(desk, "trading_enabled", probe="trading_enabled", card="trading", suspect=RISK)
    watch = what_changed.watch_of(desk, alert.started_at, alert)
    assert watch.flags == ("trading_enabled",)
    assert watch.files == (RISK,)
    assert watch.cards == ("trading",)


def long_ago(history: History) -> None:
    history.commit({RISK: "limit: 180\n"}, ago(60 * 24 * 6), "long ago")


def yesterday(history: History) -> None:
    history.commit({RISK: "limit: 180\n"}, ago(60 * 30), "yesterday")


def just_now(history: History) -> None:
    history.commit({UNIVERSE: "n: 2\n"}, ago(3), "just now")


def afterwards(history: History) -> None:
    history.commit({RISK: "limit: 90\n"}, ago(-3), "tighten again")


def edited(history: History) -> None:
    os.utime(history.write(UNIVERSE, "n: 9\n"), (ago(40).timestamp(),) * 2)


def edited_afterwards(history: History) -> None:
    os.utime(history.write(RISK, "n: 9\n"), (ago(-4).timestamp(),) * 2)


def pulled(history: History) -> None:
    history.git("switch", "--quiet", "-c", "upstream")
    history.commit({UNIVERSE: "n: 5\n"}, ago(60 * 24 * 5), "upstream")
    history.git("switch", "--quiet", "main")
    history.git("merge", "--quiet", "--ff-only", "upstream", when=ago(8))


@pytest.mark.slow
@pytest.mark.parametrize(
    "events",
    [
        (),
        (long_ago,),
        (long_ago, yesterday),
        (yesterday, just_now),
        (pulled, just_now),
        (yesterday, edited),
        (just_now, edited_afterwards, afterwards),
    ],
    ids=lambda events: "+".join(event.__name__ for event in events) or "nothing",
)
@pytest.mark.parametrize("suspect", ["", RISK, "reweight"])
def test_the_screen_and_the_key_agree_on_the_first_suspect(
    desk: Desk,
    history: History,
    events: tuple[Callable[[History], None], ...],
    suspect: str,
) -> None:
    for event in events:
        event(history)
    later = at(desk, ago(-10))
    alert = alert_on(desk, **({"suspect": suspect} if suspect else {}))
    first, gaps = what_changed.suspect(later, alert)
    assert not gaps
    for window in (timedelta(minutes=1), timedelta(hours=6), timedelta(days=9)):
        shown = what_changed.around(later, alert.started_at, alert, window=window)
        assert not shown.gaps
        assert (first and first.happening) == (shown.first and shown.first.happening)
        assert (first and first.reasons) == (shown.first and shown.first.reasons)


def test_what_is_named_and_changed_long_ago_is_suspected_when_nothing_else_changed(
    desk: Desk, history: History
) -> None:
    long_ago(history)
    found = around(desk, alert_on(desk, suspect=RISK))
    assert found.first is not None
    assert found.first.happening.what == "long ago"
    assert around(desk, alert_on(desk, "other")).first is None


def test_without_a_repository_that_is_unknown_and_the_rest_is_there(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk("[flows.reweight]\n")
    flows.execute(at(desk, ago(4)), "reweight", ["false"])
    found = around(desk, alert_on(desk))
    assert kinds(found) == [Kind.ALERT, Kind.FLOW_FAILURE]
    assert [gap.source for gap in found.gaps] == ["commits and edits not in git"]
    assert found.exit_code == 2
    with pytest.raises(ConfigError, match="repository is not set"):
        what_changed.suspect(desk, None)


def test_a_repository_that_cannot_be_read_is_a_gap_and_no_clean_bill(
    desk: Desk, history: History
) -> None:
    (history.root / ".git/HEAD").write_text("rubbish\n")
    found = what_changed.around(desk, START)
    assert [gap.unknown for gap in found.gaps] == [True]
    assert found.exit_code in (2, 5)
    with pytest.raises(MechexoError):
        what_changed.suspect(desk, None)


def test_a_damaged_table_is_a_gap_of_its_own_source_only(desk: Desk, history: History) -> None:
    history.commit({RISK: "limit: 180\n"}, ago(5), "loosen")
    with desk.state.write() as transaction:
        transaction.execute("DROP TABLE flow_run")
    found = what_changed.around(desk, START)
    assert Kind.COMMIT in kinds(found)
    assert [(gap.source, gap.exit_code) for gap in found.gaps] == [("flow failures", 5)]


def test_a_calendar_that_cannot_be_read_is_a_gap(
    make_desk: Callable[..., Desk], history: History
) -> None:
    desk = make_desk(TOML + 'calendar = "oncall.ics"\n')
    found = what_changed.around(desk, START)
    assert [gap.source for gap in found.gaps] == ["on-call changes"]
    assert "oncall.ics" in found.gaps[0].reason


def test_with_nothing_configured_to_roll_back_nobody_is_suspected_in_so_many_words(
    make_desk: Callable[..., Desk], history: History
) -> None:
    desk = make_desk('[rollback]\nrepository = "repo"\n')
    with pytest.raises(ConfigError, match=r"\[rollback\] configs is not set"):
        what_changed.suspect(desk, None)


def test_a_storm_of_alerts_is_listed_near_the_start_and_said_to_be_longer(
    desk: Desk, history: History
) -> None:
    for minute in (30, 20):
        alerts.observe(
            at(desk, ago(minute)),
            [Observation(f"{minute}-{n}", True, "low", f"a{n}", "s", "x") for n in range(150)],
        )
    alert = alert_on(desk)
    found = around(desk, alert)
    assert kinds(found).count(Kind.ALERT) == what_changed.MOST_ALERTS
    assert [(gap.source, gap.unknown) for gap in found.gaps] == [("earlier alerts", False)]
    assert found.exit_code == 0


def test_a_hand_over_to_come_has_changed_nothing(desk: Desk, history: History) -> None:
    found = what_changed.around(desk, START, window=timedelta(days=2))
    times = [row.happening.at for row in found.rows if row.happening.kind is Kind.ON_CALL]
    assert times == [ago(30), ago(30 + 24 * 60)]


def test_an_alert_that_does_not_exist_is_named(desk: Desk) -> None:
    with pytest.raises(NotFoundError, match="there is no alert 7"):
        what_changed.around_alert(desk, 7)
