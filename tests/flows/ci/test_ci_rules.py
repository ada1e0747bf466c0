"""Badges and rate limits, by rule."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import START
from mechexo.config import CiSettings
from mechexo.flows.ci.keeping import from_text, to_text
from mechexo.flows.ci.rules import EARLIER_KEPT_FOR, badges, still_telling
from mechexo.flows.ci.values import CiLook, CiPage, CiRun, CiState
from mechexo.outside.limits import AT_LEAST, hold_until

RUN = CiRun(
    *("1", "tests", "main", CiState.PASSED, "completed", "success", "c0ffee", "", "", "push"),
    *(1, 1, START, START + timedelta(minutes=2)),
)

runs = st.lists(
    st.builds(
        lambda at, state, workflow, branch: replace(
            RUN,
            id=str(at),
            started_at=START - timedelta(hours=at),
            state=state,
            workflow=workflow,
            branch=branch,
        ),
        st.integers(0, 1000),
        st.sampled_from(list(CiState)),
        st.sampled_from(["tests", "lint"]),
        st.sampled_from(["main", "release", "other"]),
    ),
    max_size=15,
    unique_by=lambda run: run.id,
)


@given(runs)
def test_a_badge_is_the_newest_run_that_decides(every: list[CiRun]) -> None:
    found = {(each.branch, each.workflow): each for each in badges(every, ("main", "release"))}
    places = {(run.branch, run.workflow) for run in every if run.branch != "other"}
    assert found.keys() == places
    for place in places:
        own = [run for run in every if (run.branch, run.workflow) == place]
        newest, deciding = None, None
        for run in own:  # the slow way, without sorting
            if newest is None or run.started_at > newest.started_at:
                newest = run
            says = run.state in (CiState.PASSED, CiState.FAILED, CiState.UNKNOWN)
            if says and (deciding is None or run.started_at > deciding.started_at):
                deciding = run
        assert found[place].run == (deciding or newest)


@given(runs)
def test_nothing_but_a_run_that_passed_makes_a_badge_pass(every: list[CiRun]) -> None:
    for badge in badges(every, ("main",)):
        assert badge.state is badge.run.state


@given(runs, runs)
def test_a_verdict_is_kept_until_another_is_listed(before: list[CiRun], now: list[CiRun]) -> None:
    kept = still_telling(before, now, START)
    decided = {(run.branch, run.workflow) for run in now if run.state.decides}
    places = [(run.branch, run.workflow) for run in kept]
    assert len(places) == len(set(places))
    assert not decided & set(places)
    for run in before:
        young = START - run.started_at <= EARLIER_KEPT_FOR
        if run.state.decides and young and (run.branch, run.workflow) not in decided:
            assert (run.branch, run.workflow) in places


def test_a_reset_is_counted_by_the_servers_own_clock() -> None:
    theirs = datetime(2031, 1, 1, tzinfo=UTC)
    headers = {
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": str(int(theirs.timestamp()) + 600),
        "date": format_datetime(theirs, usegmt=True),
    }
    assert hold_until(403, headers, START) == START + timedelta(minutes=10)


def test_a_plain_refusal_holds_nothing() -> None:
    assert hold_until(403, {"x-ratelimit-remaining": "40"}, START) is None


def test_asked_too_often_without_a_time_is_at_least_a_minute() -> None:
    assert hold_until(429, {}, START) == START + AT_LEAST


def test_retry_after_may_be_a_date() -> None:
    headers = {
        "retry-after": format_datetime(START + timedelta(seconds=75), usegmt=True),
        "date": format_datetime(START, usegmt=True),
    }
    assert hold_until(503, headers, START) == START + timedelta(seconds=75)


def test_a_date_at_the_end_of_time_is_a_week_at_most() -> None:
    headers = {
        "retry-after": "Fri, 31 Dec 9999 23:59:59 GMT",
        "date": "Thu, 01 Jan 1970 00:00:00 GMT",
    }
    assert hold_until(503, headers, START) == START + timedelta(days=7)


@pytest.mark.parametrize("status", [200, 304, 403, 404, 429, 500, 503])
@given(
    headers=st.dictionaries(
        st.sampled_from(
            ["retry-after", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit-reset", "date"]
        ),
        st.one_of(st.text(), st.integers().map(str)),
    )
)
def test_garbage_in_headers_never_fails_and_never_holds_in_the_past(
    status: int, headers: dict[str, str]
) -> None:
    until = hold_until(status, headers, START)
    assert until is None or until >= START


KEPT_FOR = CiSettings(repository="desk/strategies")
words = st.text(st.characters(codec="utf-8"), max_size=20)


@given(runs, runs, words, words, st.none() | st.just(START))
def test_what_is_kept_is_read_back_as_it_was(
    listed: list[CiRun], earlier: list[CiRun], title: str, etag: str, since: datetime | None
) -> None:
    titled = tuple(replace(run, title=title) for run in listed)
    look = CiLook((CiPage("/runs", etag, titled, "/next"),), tuple(earlier), since)
    assert from_text(KEPT_FOR, to_text(KEPT_FOR, look)) == look


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(json_values, json_values, st.sampled_from(["", "[", "[]", "{}", "null", "3"]))
def test_what_was_damaged_is_none_and_no_error(pages: object, earlier: object, raw: str) -> None:
    whole = json.loads(to_text(KEPT_FOR, CiLook(())))
    for damaged in (raw, json.dumps(whole | {"pages": pages, "earlier": earlier})):
        look = from_text(KEPT_FOR, damaged)
        assert look is None or look == CiLook(())
