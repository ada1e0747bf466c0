"""The `heartbeat` kind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mechexo.health.values import CheckIn, Status

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)


def beat(look_with, age_s: float, *, ok: bool = True, detail: str = ""):
    last = CheckIn("nightly", NOW - timedelta(seconds=age_s), ok, detail)
    return look_with(
        "heartbeat", job="nightly", every_expected="5m", grace="1m", check_ins={"nightly": last}
    )


@pytest.mark.parametrize(
    ("age_s", "status", "detail"),
    [
        (60, Status.OK, "nightly checked in 1m ago"),
        (330, Status.OK, "nightly checked in 5m30s ago, late but within its grace"),
        (361, Status.CRITICAL, "nightly last checked in 6m1s ago, expected every 5m"),
        (-30, Status.OK, "nightly checked in 0s ago"),
        (
            -7200,
            Status.UNKNOWN,
            "nightly checked in 2h in the future, so a clock is wrong",
        ),
    ],
)
def test_the_age_of_the_last_check_in_decides(look_with, age_s, status, detail):
    outcome = beat(look_with, age_s)
    assert (outcome.status, outcome.detail) == (status, detail)


def test_a_failed_check_in_is_a_failure_with_its_reason(look_with):
    outcome = beat(look_with, 10, ok=False, detail="exit code 3")
    assert outcome.status == Status.CRITICAL
    assert outcome.detail == "nightly reported a failure 10s ago: exit code 3"


@pytest.mark.parametrize(
    ("watched_s", "status"), [(0, Status.UNKNOWN), (360, Status.UNKNOWN), (361, Status.CRITICAL)]
)
def test_a_job_that_never_checked_in_is_unknown_for_a_while_and_then_a_failure(
    look_with, watched_s, status
):
    outcome = look_with(
        "heartbeat",
        every_expected="5m",
        grace="1m",
        first_seen_at=NOW - timedelta(seconds=watched_s),
    )
    assert outcome.status == status
    assert outcome.detail.startswith("watched has never checked in")


@pytest.mark.parametrize("began_s", [30, 290])
def test_a_start_is_told_of_and_is_no_check_in(look_with, began_s):
    outcome = look_with(
        "heartbeat",
        job="nightly",
        every_expected="5m",
        grace="1s",
        check_ins={"nightly": CheckIn("nightly", NOW - timedelta(seconds=302), True)},
        starts={"nightly": NOW - timedelta(seconds=began_s)},
    )
    assert outcome.status == Status.CRITICAL
    assert outcome.detail.endswith(" ago and has not ended")


def test_a_start_before_the_last_check_in_is_over(look_with):
    outcome = look_with(
        "heartbeat",
        job="nightly",
        every_expected="5m",
        check_ins={"nightly": CheckIn("nightly", NOW - timedelta(seconds=60), True)},
        starts={"nightly": NOW - timedelta(seconds=90)},
    )
    assert (outcome.status, outcome.detail) == (Status.OK, "nightly checked in 1m ago")


def test_a_job_that_began_and_never_checked_in_says_both(look_with):
    outcome = look_with(
        "heartbeat", every_expected="5m", starts={"watched": NOW - timedelta(seconds=90)}
    )
    assert outcome.status == Status.UNKNOWN
    assert outcome.detail.startswith("watched has never checked in")
    assert outcome.detail.endswith("; it began 1m30s ago and has not ended")
