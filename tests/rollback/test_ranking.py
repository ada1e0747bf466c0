"""The ranking of suspects: every figure is explained, and no order is an accident."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mechexo.rollback import ranking
from mechexo.rollback.happenings import Happening, Kind, Remedy, Targets, Watch
from mechexo.rollback.ranking import Suspect, rank, words_of

START = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
RISK, LIMITS, CODE = "config/risk.yaml", "config/limits.yaml", "flows/reweight.py"
WATCH = Watch(
    START,
    files=(RISK,),
    flows=("reweight",),
    flags=("trading_enabled",),
    cards=("risk",),
    words=words_of("gross_exposure"),
    own=("alert:7",),
)

kinds = st.sampled_from(Kind)
spans = st.integers(-30_000, 200_000).map(lambda seconds: timedelta(seconds=seconds))
happenings = st.builds(
    Happening,
    key=st.text("abcdef", min_size=1, max_size=6),
    kind=kinds,
    at=spans.map(lambda span: START - span),
    what=st.sampled_from(["Loosen the gross limit", "tidy", "run failed", ""]),
    paths=st.lists(st.sampled_from([RISK, LIMITS, CODE]), unique=True, max_size=3).map(tuple),
    flows=st.sampled_from([(), ("reweight",), ("canary",)]),
    flags=st.sampled_from([(), ("trading_enabled",), ("speed",)]),
    cards=st.sampled_from([(), ("risk",), ("data",)]),
    size=st.none() | st.integers(0, 500),
    seldom=st.sampled_from(["", "Bob seldom commits here (1 of 200)"]),
    adds_risk=st.booleans(),
)
watches = st.sampled_from([WATCH, Watch(START), replace(WATCH, files=()), Watch(START, (LIMITS,))])


def commit(minutes: float = 4, **known: object) -> Happening:
    """A commit so long before the alert."""
    plain = Happening("commit:1", Kind.COMMIT, START - timedelta(minutes=minutes), "tidy")
    return replace(plain, **known)  # type: ignore[arg-type]


def only(each: Happening, watch: Watch = WATCH) -> Suspect:
    (found,) = rank([each], watch)
    return found


@given(st.lists(happenings, max_size=12, unique_by=lambda each: each.key), watches, st.randoms())
def test_the_order_does_not_depend_on_the_order_in_which_things_are_found(
    found: list[Happening], watch: Watch, random: object
) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert rank(shuffled, watch) == rank(found, watch)


@given(st.lists(happenings, max_size=12, unique_by=lambda each: each.key), watches)
def test_the_score_is_the_sum_of_its_reasons_and_the_ranks_follow_it(
    found: list[Happening], watch: Watch
) -> None:
    ranked = rank(found, watch)
    assert [each.rank for each in ranked] == list(range(1, len(ranked) + 1))
    assert [each.score for each in ranked] == sorted((e.score for e in ranked), reverse=True)
    for each in ranked:
        assert each.reasons
        assert each.score == sum(reason.points for reason in each.reasons)
        assert all(reason.points >= 0 and reason.why for reason in each.reasons)
        assert all(reason.why in each.why for reason in each.reasons)


@given(happenings, st.lists(happenings, max_size=8), watches)
def test_a_score_does_not_depend_on_what_else_happened(
    each: Happening, others: list[Happening], watch: Watch
) -> None:
    alone = rank([each], watch)
    among = [found for found in rank([each, *others], watch) if found.happening == each]
    assert {found.reasons for found in among} == {found.reasons for found in alone}


@given(happenings, spans, watches)
def test_what_happened_closer_before_the_alert_is_never_suspected_less(
    each: Happening, span: timedelta, watch: Watch
) -> None:
    later = replace(each, at=START - min(max(span, timedelta(0)), abs(START - each.at)))
    earlier = replace(each, at=START - abs(START - each.at))
    assume(each.kind is not Kind.ALERT or later.at < START)
    for found in rank([earlier], watch):
        assert only(later, watch).score >= found.score


@given(st.lists(happenings, max_size=10, unique_by=lambda each: each.key))
def test_what_the_alert_names_comes_before_everything_else(found: list[Happening]) -> None:
    ranked = rank(found, WATCH)
    named = [RISK in each.happening.paths for each in ranked
             if each.happening.kind is not Kind.ON_CALL]  # fmt: skip
    assert named == sorted(named, reverse=True)


@given(st.lists(happenings, max_size=10), watches)
def test_nothing_that_came_after_the_alert_is_suspected_but_an_edit_within_hours(
    found: list[Happening], watch: Watch
) -> None:
    suspected = {id(each.happening) for each in rank(found, watch)}
    for each in found:
        hours = 6 if each.kind is Kind.EDIT else 0
        together = each.kind is Kind.ALERT and each.at == watch.at
        came_first = each.at <= watch.at + timedelta(hours=hours)
        spoken_for = any(reason.points for reason in ranking.reasons(each, watch))
        assert (id(each) in suspected) is (came_first and not together and spoken_for)


def test_the_alert_itself_is_not_its_own_suspect() -> None:
    assert rank([replace(commit(), key="alert:7", kind=Kind.ALERT)], WATCH) == ()


def test_an_edit_that_was_saved_again_after_the_alert_is_suspected_for_what_it_touches_only() -> (
    None
):
    again = replace(commit(-3), kind=Kind.EDIT, paths=(RISK,))
    assert only(again).why == (
        f"touches {RISK}, which the alert names, last written 3m after, not in git"
    )
    assert only(again).score == ranking.NAMED + ranking.UNREVIEWED


@pytest.mark.parametrize(
    ("each", "says"),
    [
        (commit(paths=(RISK,)), f"touches {RISK}, which the alert names, 4 min before"),
        (commit(flows=("reweight",)), "touches flow reweight, 4 min before"),
        (commit(flows=("canary",)), "touches flow canary, 4 min before"),
        (commit(0.5), "touches a watched file, 30 s before"),
        (commit(90), "touches a watched file, 1h30m before"),
        (
            commit(what="Loosen the gross limit"),
            "shares the word gross with the alert, 4 min before",
        ),
        (commit(size=3), "touches a watched file, 4 min before, touches 3 files"),
        (
            commit(flags=("trading_enabled",), kind=Kind.FLAG, adds_risk=True),
            "is flag trading_enabled, which the alert watches, 4 min before, adds risk",
        ),
        (commit(kind=Kind.FLAG, flags=("speed",)), "is a flag, 4 min before"),
        (
            commit(kind=Kind.FLOW_FAILURE, flows=("reweight",)),
            "of the same flow, reweight, 4 min before",
        ),
        (commit(kind=Kind.ALERT, cards=("risk",)), "on the same card, risk, 4 min before"),
        (commit(kind=Kind.ON_CALL), "4 min before"),
        (
            commit(seldom="Bob seldom commits here (1 of 200)"),
            "touches a watched file, 4 min before, Bob seldom commits here (1 of 200)",
        ),
    ],
)
def test_a_suspect_says_why_row_by_row(each: Happening, says: str) -> None:
    assert only(each).why == says


def test_closeness_halves_after_half_an_hour() -> None:
    points = [ranking.closeness(timedelta(minutes=minutes)) for minutes in (0, 30, 90, 60 * 48)]
    assert points == [40, 20, 10, 0]


def test_a_large_change_and_a_stranger_weigh_more() -> None:
    small = only(commit(size=2)).score
    assert only(commit(size=3)).score - small == ranking.MIDDLING
    assert only(commit(size=10)).score - small == ranking.LARGE
    assert only(commit(seldom="Bob")).score - small == ranking.SELDOM


def test_what_nothing_speaks_for_is_no_suspect() -> None:
    assert rank([commit(60 * 24, kind=Kind.ON_CALL)], WATCH) == ()


def test_trouble_is_suspected_less_than_a_change_at_the_same_moment() -> None:
    change = commit(flows=("reweight",))
    trouble = replace(change, kind=Kind.FLOW_FAILURE, key="run:1")
    handed_over = replace(change, kind=Kind.ON_CALL, key="on-call:1")
    ranked = rank([handed_over, trouble, change], WATCH)
    assert [each.happening for each in ranked] == [change, trouble, handed_over]


TARGETS = Targets(
    configs=("config/*.yaml",),
    never=("config/secret.yaml",),
    flows={"reweight": ("flows/reweight.py", "config/risk.yaml"), "canary": ("flows/canary.py",)},
    flow_flags={"reweight": ("speed",)},
)
TO = START - timedelta(seconds=1)


@pytest.mark.parametrize(
    ("paths", "watch", "target"),
    [
        ((LIMITS, RISK), Watch(START, (RISK,)), ("config", RISK)),
        ((CODE, RISK), Watch(START, flows=("reweight",)), ("flow", "reweight")),
        ((CODE,), Watch(START), ("flow", "reweight")),
        ((LIMITS,), Watch(START, (RISK,)), ("config", LIMITS)),
        ((LIMITS, "config/other.yaml"), Watch(START), ("config", LIMITS)),
        ((LIMITS, RISK, CODE), Watch(START), ("flow", "reweight")),
        (("config/secret.yaml",), Watch(START), None),
        (("config/.env",), Watch(START), None),
        (("lib/util.py",), Watch(START), None),
    ],
)
def test_the_rollback_of_a_change_is_of_the_named_file_the_alerts_flow_or_what_there_is(
    paths: tuple[str, ...], watch: Watch, target: tuple[str, str] | None
) -> None:
    found = TARGETS.remedy(paths, TO, watch)
    assert (found and (found.kind, found.name)) == target
    assert found is None or found.to == TO


@pytest.mark.parametrize(
    ("paths", "says"),
    [
        ((RISK,), ""),
        ((CODE, RISK), ""),
        ((CODE, RISK, "lib/util.py"), "takes back 2 of its 3 watched files"),
        ((LIMITS, "config/other.yaml"), "takes back 1 of its 2 watched files"),
        (("lib/util.py",), ""),
    ],
)
def test_a_remedy_says_when_it_does_not_take_all_of_a_change_back(
    paths: tuple[str, ...], says: str
) -> None:
    watch = Watch(START, flows=("reweight",))
    assert commit(paths=paths, remedy=TARGETS.remedy(paths, TO, watch)).partly == says


def test_a_remedy_is_a_command_that_can_be_pasted() -> None:
    assert Remedy("flow", "reweight", TO).command == (
        "mechexo rollback plan flow reweight --to 2026-03-02T14:29:59Z"
    )
    odd = Remedy("config", "config/it's here.yaml", None)
    assert odd.command == ("mechexo rollback plan config 'config/it'\"'\"'s here.yaml' --to now")
    assert Remedy("config", "config/\udcff.yaml", None).command == ""


def test_a_flag_belongs_to_the_flows_that_name_it() -> None:
    assert TARGETS.flows_with("speed") == ("reweight",)
    assert TARGETS.flows_of([CODE, "flows/canary.py"]) == ("reweight", "canary")
