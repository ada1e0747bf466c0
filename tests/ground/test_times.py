"""Reading and writing moments and durations."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.errors import UsageError
from mechexo.times import (
    format_duration,
    from_iso_z,
    in_zone,
    iso_z,
    parse_duration,
    parse_instant,
    stamps_in_zone,
)

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
SIZES = {"s": 1, "m": 60, "h": 3600, "d": 86400}
moments = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - the strategy adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from("smhd")), min_size=1, max_size=4))
def test_a_duration_is_the_sum_of_its_parts(parts: list[tuple[int, str]]) -> None:
    text = "".join(f"{number}{unit}" for number, unit in parts)
    assert parse_duration(text).total_seconds() == sum(n * SIZES[unit] for n, unit in parts)


@given(st.text())
def test_any_text_is_a_duration_or_a_usage_error(text: str) -> None:
    with suppress(UsageError):
        assert parse_duration(text) >= timedelta(0)


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "5 m", "5x", "1e3s", "٣m", "1m,2s", "5mm"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a duration"):
        parse_duration(text)


def test_a_duration_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(UsageError, match="too long"):
        parse_duration("9" * 400 + "d")


@given(st.integers(0, 10**9))
def test_a_written_duration_reads_back_to_within_its_smaller_unit(seconds: int) -> None:
    text = format_duration(seconds)
    smaller = 1 if seconds < 600 else 60 if seconds < 86400 else 3600
    assert 0 <= seconds - parse_duration(text).total_seconds() < smaller


def test_durations_are_written_in_their_two_largest_units() -> None:
    written = [format_duration(s) for s in (0, 4, 75, 720, 12_000, 439_200, -75)]
    assert written == ["0s", "4s", "1m15s", "12m", "3h20m", "5d2h", "-1m15s"]


@given(moments)
def test_a_written_moment_reads_back_exactly(moment: datetime) -> None:
    assert from_iso_z(iso_z(moment)) == moment


def test_the_two_hours_of_a_clock_that_is_set_back_are_written_apart() -> None:
    first = datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK)
    second = first.replace(fold=1)
    assert first == second, "Python takes them for the same"
    written = [iso_z(first), iso_z(second), iso_z(first)]
    assert written == [
        "2026-11-01T05:30:00.000000Z",
        "2026-11-01T06:30:00.000000Z",
        "2026-11-01T05:30:00.000000Z",
    ]


@given(moments, moments)
def test_the_order_of_written_moments_is_the_order_of_time(one: datetime, two: datetime) -> None:
    assert (iso_z(one) < iso_z(two)) == (one < two)


@given(st.text())
def test_any_text_is_a_moment_or_a_usage_error(text: str) -> None:
    with suppress(UsageError):
        assert parse_instant(text, NEW_YORK, NOW).at.utcoffset() == timedelta(0)


@given(
    st.datetimes(timezones=st.timezones() | st.none()).map(lambda m: m.isoformat()),
    st.timezones(),
)
def test_any_written_iso_time_is_a_moment_or_a_usage_error(text: str, zone: ZoneInfo) -> None:
    with suppress(UsageError):
        assert parse_instant(text, zone, NOW).at.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00+05:00", "9999-12-31T23:59-05:00", "9999-12-31T23:59", "-9999999d"]
)
def test_a_moment_outside_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_instant(text, NEW_YORK, NOW)


@pytest.mark.parametrize(
    ("text", "at", "reading"),
    [
        ("now", NOW, "now"),
        ("-15m", NOW - timedelta(minutes=15), "15m ago"),
        ("2026-03-02T09:30", NOW, "2026-03-02T09:30 America/New_York"),
        ("2026-03-02 09:30:00", NOW, "2026-03-02 09:30:00 America/New_York"),
        ("2026-03-02T14:30Z", NOW, "2026-03-02T14:30:00.000000Z"),
        ("2026-03-02T15:30+01:00", NOW, "2026-03-02T14:30:00.000000Z"),
    ],
)
def test_a_moment_says_how_it_was_read(text: str, at: datetime, reading: str) -> None:
    instant = parse_instant(text, NEW_YORK, NOW)
    assert (instant.at, instant.reading) == (at, reading)


def test_a_local_time_that_the_change_of_clocks_skips_is_refused_with_both_readings() -> None:
    with pytest.raises(UsageError, match=r"does not exist .*T06:30.*T07:30"):
        parse_instant("2026-03-08T02:30", NEW_YORK, NOW)


def test_a_local_time_that_happens_twice_is_refused_with_both_readings() -> None:
    with pytest.raises(UsageError, match=r"happens twice .*T05:30.*T06:30"):
        parse_instant("2026-11-01T01:30", NEW_YORK, NOW)


@given(moments)
def test_a_moment_for_people_is_to_the_second_and_names_the_zone(moment: datetime) -> None:
    shown = in_zone(moment, NEW_YORK)
    text, _, name = shown.rpartition(" ")
    offset = {"EST": "-05:00", "EDT": "-04:00"}[name]
    assert datetime.fromisoformat(text + offset) == moment.replace(microsecond=0)


def test_a_zone_without_letters_is_named_by_its_distance() -> None:
    assert in_zone(NOW, ZoneInfo("America/Sao_Paulo")) == "2026-03-02 11:30:00 UTC-03"


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (datetime(2026, 11, 1, 5, 30, tzinfo=UTC), "2026-11-01 01:30:00 EDT"),
        (datetime(2026, 11, 1, 6, 30, tzinfo=UTC), "2026-11-01 01:30:00 EST"),
        (datetime(2026, 11, 1, 7, 30, tzinfo=UTC), "2026-11-01 02:30:00"),
    ],
)
def test_the_doubled_hour_names_its_zone_also_where_the_place_around_it_does(
    moment: datetime, shown: str
) -> None:
    assert in_zone(moment, NEW_YORK, named=False) == shown


@given(st.lists(moments, max_size=4))
def test_every_stamp_of_a_text_is_shown_in_the_zone(found: list[datetime]) -> None:
    text = "; ".join(f"held until {iso_z(moment)}, then box" for moment in found)
    shown = "; ".join(f"held until {in_zone(moment, NEW_YORK)}, then box" for moment in found)
    assert stamps_in_zone(text, NEW_YORK) == shown


@pytest.mark.parametrize(
    "text",
    [
        "waits in state/x.flow-runs/2026-11-26T18:38:55.123456Z-77-ab.json",
        "from=2026-11-26T18:38:55Z",
        "2026-13-45T18:38:55Z lies nowhere",
        "2026-11-26",
        "0001-01-01T00:00:00Z",
    ],
)
def test_what_is_no_stamp_of_a_sentence_stays(text: str) -> None:
    assert stamps_in_zone(text, NEW_YORK) == text


@pytest.mark.parametrize("around", ["({})", "{}.", "until {}: why", "'{}'"])
def test_a_stamp_is_found_beside_the_marks_of_a_sentence(around: str) -> None:
    stamp, shown = "2026-11-26T18:38:55Z", "2026-11-26 13:38:55 EST"
    assert stamps_in_zone(around.format(stamp), NEW_YORK) == around.format(shown)
