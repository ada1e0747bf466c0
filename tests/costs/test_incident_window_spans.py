"""Where the baseline of a window lies, against a look at every minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.costs.incident_window_spans import Span, matched_spans

NEW_YORK = ZoneInfo("America/New_York")
MINUTE = timedelta(minutes=1)


def local(text: str, zone: ZoneInfo = NEW_YORK, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


def hours(spans: tuple[Span, ...]) -> float:
    return sum((span.end - span.start).total_seconds() for span in spans) / 3600


def minutes_by_looking(window: Span, weeks: int, zone: ZoneInfo) -> set[datetime]:
    """Every minute before the window that the exchange's clock shows as it does one of the
    window's, whole weeks earlier."""

    def shown(moment: datetime) -> datetime:
        return moment.astimezone(zone).replace(tzinfo=None, fold=0)

    wanted, moment = set(), window.start
    while moment < window.end:
        wanted |= {shown(moment) - week * timedelta(days=7) for week in range(1, weeks + 1)}
        moment += MINUTE
    found, moment = set(), window.start - timedelta(days=7 * weeks + 2)
    while moment < window.start:
        if shown(moment) in wanted:
            found.add(moment)
        moment += MINUTE
    return found


def minutes_of(spans: tuple[Span, ...]) -> list[datetime]:
    return [
        span.start + place * MINUTE
        for span in spans
        for place in range(int((span.end - span.start) / MINUTE))
    ]


@pytest.mark.slow
@given(
    start=st.sampled_from(
        [
            local("2026-03-08T00:00"),
            local("2026-03-14T20:00"),
            local("2026-11-01T00:00"),
            local("2026-11-07T22:00"),
            datetime(2026, 4, 5, 12, tzinfo=UTC),
            datetime(2026, 3, 28, 22, tzinfo=UTC),
        ]
    ),
    after=st.integers(0, 600),
    length=st.integers(1, 2_000),
    zone=st.sampled_from(["America/New_York", "Europe/Zurich", "Australia/Lord_Howe", "UTC"]),
)
def test_it_is_what_a_look_at_every_minute_finds(
    start: datetime, after: int, length: int, zone: str
) -> None:
    window = Span(start + after * MINUTE, start + (after + length) * MINUTE)
    found = matched_spans(window, weeks=1, zone=ZoneInfo(zone)).spans
    minutes = minutes_of(found)
    assert len(minutes) == len(set(minutes))
    assert set(minutes) == minutes_by_looking(window, 1, ZoneInfo(zone))


def test_a_quiet_window_has_as_many_hours_in_each_week_before() -> None:
    window = Span(local("2026-06-17T10:00"), local("2026-06-17T11:30"))
    found = matched_spans(window, weeks=4, zone=NEW_YORK).spans
    assert [span.start for span in found] == [
        local(f"2026-{day}T10:00") for day in ("05-20", "05-27", "06-03", "06-10")
    ]
    assert hours(found) == pytest.approx(6.0)


def test_a_change_of_clocks_in_between_moves_nothing_on_the_exchange_clock() -> None:
    window = Span(local("2026-03-10T09:30"), local("2026-03-10T10:00"))
    (before,) = matched_spans(window, weeks=1, zone=NEW_YORK).spans
    assert before == Span(local("2026-03-03T09:30"), local("2026-03-03T10:00"))
    assert window.start - before.start == timedelta(days=7, hours=-1)


def test_a_time_that_the_clock_jumped_over_has_no_baseline_in_that_week() -> None:
    window = Span(local("2026-03-15T02:30"), local("2026-03-15T02:45"))
    assert matched_spans(window, weeks=1, zone=NEW_YORK).spans == ()
    (before,) = matched_spans(window, weeks=2, zone=NEW_YORK).spans
    assert before.start == local("2026-03-01T02:30")


def test_a_time_that_the_clock_showed_twice_has_both() -> None:
    window = Span(local("2026-11-08T01:30"), local("2026-11-08T01:45"))
    found = matched_spans(window, weeks=1, zone=NEW_YORK).spans
    assert [span.start for span in found] == [
        local("2026-11-01T01:30", fold=0),
        local("2026-11-01T01:30", fold=1),
    ]


def test_a_window_in_both_of_two_equal_hours_has_one_hour_before() -> None:
    window = Span(local("2026-11-01T01:00", fold=0), local("2026-11-01T02:00"))
    assert window.end - window.start == timedelta(hours=2)
    (before,) = matched_spans(window, weeks=1, zone=NEW_YORK).spans
    assert before.end - before.start == timedelta(hours=1)


def test_a_window_longer_than_a_day_is_cut_at_the_exchanges_midnights() -> None:
    window = Span(local("2026-06-16T20:00"), local("2026-06-18T08:00"))
    found = matched_spans(window, weeks=1, zone=NEW_YORK).spans
    assert [span.start for span in found] == [
        local("2026-06-09T20:00"),
        local("2026-06-10T00:00"),
        local("2026-06-11T00:00"),
    ]
    assert hours(found) == pytest.approx(36.0)


def test_a_window_longer_than_a_week_is_no_baseline_of_itself() -> None:
    window = Span(local("2026-06-01T00:00"), local("2026-06-11T00:00"))
    found = matched_spans(window, weeks=2, zone=NEW_YORK).spans
    assert max(span.end for span in found) == window.start
    assert min(span.start for span in found) == local("2026-05-18T00:00")
    assert hours(found) == pytest.approx(14 * 24)


def test_a_day_that_another_incident_touched_is_left_out_whole() -> None:
    window = Span(local("2026-06-17T10:00"), local("2026-06-17T12:00"))
    other = Span(local("2026-06-10T11:59"), local("2026-06-10T18:00"))
    found = matched_spans(window, weeks=2, zone=NEW_YORK, excluded=[other])
    assert [span.start for span in found.spans] == [local("2026-06-03T10:00")]
    assert found.left_out == (date(2026, 6, 10),)


def test_an_incident_of_other_hours_takes_nothing() -> None:
    window = Span(local("2026-06-17T10:00"), local("2026-06-17T12:00"))
    other = Span(local("2026-06-10T12:00"), local("2026-06-10T18:00"))
    found = matched_spans(window, weeks=1, zone=NEW_YORK, excluded=[other])
    assert len(found.spans) == 1
    assert found.left_out == ()
