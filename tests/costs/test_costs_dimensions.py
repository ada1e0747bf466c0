"""How fills fall into groups: days and hours of exchanges, sessions, sizes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from costs.statistics_oracle import Row, session_date, wall_bucket
from costs.statistics_rows import CHANGES, priced_frame
from mechexo.costs.aggregate import grouped, with_keys
from mechexo.costs.dimensions import DIMENSIONS, Grouping, check_dimensions
from mechexo.errors import UsageError

ZONES = ("America/New_York", "Europe/London", "Australia/Lord_Howe")


def fill_at(at: datetime, **changes: object) -> Row:
    return replace(Row(f"{at:%Y%m%dT%H%M%S}", at, "AAA", 1, 100.0, 100.01, 100.0, 0.01), **changes)  # type: ignore[arg-type]


def around_every_change() -> list[Row]:
    return [
        fill_at(change + timedelta(minutes=5 * step))
        for change in CHANGES
        for step in range(-360, 361)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    "starts", [time(0), time(1, 30), time(2, 15), time(4), time(17), time(18), time(23, 45)]
)
def test_days_and_hours_are_right_through_every_change_of_clocks(zone: str, starts: time) -> None:
    rows = around_every_change()
    names = ("day", "hour", "half_hour", "time_of_day")
    keyed = with_keys(priced_frame(rows), names, Grouping(zone, starts))
    assert len(keyed) == len(rows)
    for row in keyed.iter_rows(named=True):
        at = row["ts"]
        assert row["key_day"] == session_date(at, starts, zone).isoformat(), at
        assert row["key_hour"] == wall_bucket(at, 60, zone)
        assert row["key_half_hour"] == wall_bucket(at, 30, zone)
        assert row["key_time_of_day"] == wall_bucket(at, 15, zone)


@pytest.mark.parametrize("zone", ZONES)
def test_a_session_day_never_comes_back_once_it_is_over(zone: str) -> None:
    """The hour that the clock shows twice begins the day once, though its time comes again."""
    rows = sorted(around_every_change(), key=lambda row: row.ts)
    for starts in (time(1, 15), time(1, 45)):
        days = with_keys(priced_frame(rows), ["day"], Grouping(zone, starts))["key_day"].to_list()
        assert days == sorted(days)


def keys(grouping: Grouping, name: str, *rows: Row) -> list[str]:
    return with_keys(priced_frame(rows), [name], grouping)[f"key_{name}"].to_list()


FUTURES = Grouping("America/Chicago", time(17), time(17), time(16))


def test_a_futures_evening_belongs_to_the_next_date() -> None:
    before, opening = (
        datetime(2026, 3, 2, 22, 59, tzinfo=UTC),
        datetime(2026, 3, 2, 23, tzinfo=UTC),
    )
    assert keys(FUTURES, "day", fill_at(before), fill_at(opening)) == ["2026-03-02", "2026-03-03"]
    assert keys(FUTURES, "weekday", fill_at(before), fill_at(opening)) == ["Mon", "Tue"]
    friday_evening = datetime(2026, 2, 28, 0, tzinfo=UTC)
    assert keys(FUTURES, "month", fill_at(friday_evening)) == ["2026-02"]
    assert keys(FUTURES, "week", fill_at(friday_evening)) == ["2026-W09"]


def test_the_small_hours_can_belong_to_the_day_before() -> None:
    rules = Grouping("UTC", time(4))
    night, morning = (datetime(2026, 3, 2, hour, tzinfo=UTC) for hour in (3, 4))
    assert keys(rules, "day", fill_at(night), fill_at(morning)) == ["2026-03-01", "2026-03-02"]


def new_york(*clock: int) -> datetime:
    return datetime(2026, 3, 2, *clock, tzinfo=UTC) + timedelta(hours=5)


SHARES = Grouping("America/New_York", time(0), time(9, 30), time(16))


def test_sessions_follow_the_hours_and_auctions_stand_apart() -> None:
    rows = [
        fill_at(new_york(9, 29, 59)),
        fill_at(new_york(9, 30)),
        fill_at(new_york(15, 59, 59)),
        fill_at(new_york(16, 0)),
        fill_at(new_york(16, 0, 1), auction="close"),
    ]
    assert keys(SHARES, "session", *rows) == ["pre", "regular", "regular", "post", "auction"]
    ordered = [row.key["session"] for row in grouped(priced_frame(rows), ["session"], SHARES)]
    assert ordered == ["pre", "regular", "post", "auction"]


def test_a_session_through_midnight_is_one_session() -> None:
    rows = [
        fill_at(datetime(2026, 3, 2, 22, 30, tzinfo=UTC)),
        fill_at(datetime(2026, 3, 2, 23, tzinfo=UTC)),
        fill_at(datetime(2026, 3, 3, 21, 59, tzinfo=UTC)),
        fill_at(datetime(2026, 3, 3, 22, tzinfo=UTC)),
    ]
    expected = ["post", "regular", "regular", "post"]
    assert keys(FUTURES, "session", *rows) == expected
    assert keys(replace(FUTURES, day_starts=time(0)), "session", *rows) == expected


def test_one_known_hour_parts_the_day_in_two() -> None:
    rows = [fill_at(new_york(9)), fill_at(new_york(17))]
    assert keys(replace(SHARES, session_closes=None), "session", *rows) == ["pre", "regular"]
    assert keys(replace(SHARES, session_opens=None), "session", *rows) == ["regular", "post"]


def test_without_hours_a_session_is_unknown_and_an_auction_is_not() -> None:
    rows = [fill_at(new_york(9)), fill_at(new_york(16), auction="close")]
    assert keys(Grouping("America/New_York"), "session", *rows) == ["(none)", "auction"]


def test_an_edge_lies_in_the_bucket_that_it_begins() -> None:
    base = fill_at(new_york(10))
    rows = [
        replace(base, fill_id=str(place), quantity=quantity)
        for place, quantity in enumerate([99.99, 100.0, 999.99, 1_000.0, 20_000.0])
    ]
    assert keys(SHARES, "size", *rows) == [
        "under 10k",
        "10k to 100k",
        "10k to 100k",
        "100k to 1M",
        "1M and over",
    ]
    assert keys(Grouping(size_buckets=(2_500.0,)), "size", rows[0]) == ["2.5k and over"]
    assert keys(Grouping(size_buckets=()), "size", rows[0]) == ["all"]


def test_a_fill_without_a_reference_has_the_size_of_its_own_price() -> None:
    row = fill_at(new_york(10), source="none", mid=None, half=None, quantity=1_000.0)
    assert keys(SHARES, "size", row) == ["100k to 1M"]


def test_without_a_daily_volume_there_is_no_bucket_of_it() -> None:
    row = fill_at(new_york(10), adv=None)
    assert keys(SHARES, "adv", row) == ["(none)"]
    frame = priced_frame([row]).drop("adv")
    assert with_keys(frame, ["adv"], SHARES)["key_adv"].to_list() == ["(none)"]


def test_sizes_and_weekdays_are_in_their_own_order_and_not_that_of_letters() -> None:
    days = [datetime(2026, 3, day, 15, tzinfo=UTC) for day in (2, 3, 4, 5, 6)]
    rows = [
        replace(fill_at(at), quantity=quantity)
        for at, quantity in zip(days, (20_000.0, 1.0, 500.0, 2_000.0, 3.0), strict=True)
    ]
    frame = priced_frame(rows)
    assert [row.key["weekday"] for row in grouped(frame, ["weekday"], SHARES)] == [
        *("Mon", "Tue", "Wed", "Thu", "Fri")
    ]
    assert [row.key["size"] for row in grouped(frame, ["size"], SHARES)] == [
        *("under 10k", "10k to 100k", "100k to 1M", "1M and over")
    ]


def test_every_dimension_can_group_a_frame() -> None:
    frame = priced_frame([fill_at(new_york(10))])
    for name in DIMENSIONS:
        (row,) = grouped(frame, [name], SHARES)
        assert (list(row.key), row.fills) == ([name], 1)


@pytest.mark.parametrize(
    ("by", "text"),
    [
        (["symbols"], "did you mean symbol"),
        (["alg"], "did you mean algo"),
        (["zzz"], "known: day"),
        (["day", "day"], "'day' twice"),
    ],
)
def test_a_dimension_that_is_none_is_refused(by: list[str], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        check_dimensions(by, ("algo",))
