"""The report of a desk: period, groups, coverage, freshness."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from costs.frames import fills_frame, quotes_frame
from costs.oracle import Fill, Quote
from mechexo.clock import VirtualClock
from mechexo.costs.operations import default_period, report, trades
from mechexo.costs.period import read_period
from mechexo.desk import Desk
from mechexo.errors import ConfigError, UsageError

OPEN = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
NEW_YORK = """
[costs]
fills = "fills/*.parquet"
quotes = "quotes/*.parquet"
zone = "America/New_York"
"""


@pytest.fixture
def desk(make_desk) -> Desk:
    return make_desk(NEW_YORK)


def store(desk: Desk, fills: Sequence[Fill], quotes: Sequence[Quote], day: str = "day") -> None:
    for name, frame in (("fills", fills_frame(fills)), ("quotes", quotes_frame(quotes))):
        folder = desk.root / name
        folder.mkdir(exist_ok=True)
        frame.write_parquet(folder / f"{day}.parquet")


def session(desk: Desk, opening: datetime = OPEN, count: int = 40) -> None:
    """A fill each ten minutes, one second after its quote; the last two have none in time."""
    moments = [opening + timedelta(minutes=10 * n) for n in range(count)]
    quotes = [
        Quote(at, symbol, 99.99, 100.01, n)
        for n, at in enumerate(moments[:-2])
        for symbol in ("AAA", "BBB")
    ]
    fills = [
        Fill(
            f"{opening:%m%d}-{n:03}",
            at + timedelta(seconds=1),
            "AAA" if n % 2 else "BBB",
            "sell" if n % 3 else "buy",
            100 + n,
            99.98 if n % 3 else 100.02,
            0.5,
            strategy="canary" if n % 4 == 0 else None,
        )
        for n, at in enumerate(moments)
    ]
    store(desk, fills, quotes, f"{opening:%Y-%m-%d}")


def whole_day(opening: datetime = OPEN) -> dict[str, datetime]:
    return {"start": opening - timedelta(hours=5), "end": opening + timedelta(hours=18)}


def test_the_report_weighs_counts_and_explains(desk: Desk) -> None:
    session(desk)
    answer = report(desk, **whole_day())
    assert answer.totals.slippage_bps == pytest.approx(2.0)
    assert answer.totals.spread_bps == pytest.approx(1.0)
    shares = sum(100 + n for n in range(38))
    assert answer.totals.notional == pytest.approx(shares * 100.0)
    assert answer.totals.commission_ccy == pytest.approx(38 * 0.5)
    assert answer.totals.commission_all_ccy == pytest.approx(40 * 0.5)
    assert answer.totals.commission_bps == pytest.approx(1e4 * 19 / (shares * 100))
    assert answer.coverage.by_benchmark == {"quote": 38, "none": 2}
    assert [fill.fill_id for fill in answer.coverage.unpriced] == ["0302-038", "0302-039"]
    assert answer.coverage.reasons == {"no quote recent enough before it": 2}
    assert answer.residual_bps is not None
    assert answer.residual_bps < 1e-9
    assert "strictly before" in answer.quote_rule


def test_the_newest_fill_and_quote_say_how_fresh_the_answer_is(desk: Desk) -> None:
    session(desk)
    answer = report(desk, **whole_day())
    assert answer.newest_fill_at == OPEN + timedelta(minutes=390, seconds=1)
    assert answer.newest_quote_at == OPEN + timedelta(minutes=370)


def test_days_and_hours_are_those_of_the_exchange(desk: Desk) -> None:
    session(desk)
    answer = report(desk, **whole_day())
    assert [row.key["day"] for row in answer.by["day"]] == ["2026-03-02"]
    assert [row.key["hour"] for row in answer.by["hour"]][:2] == ["09:00", "10:00"]


def test_hours_follow_the_change_of_clocks(desk: Desk) -> None:
    after = datetime(2026, 3, 9, 13, 30, tzinfo=UTC)
    session(desk)
    session(desk, after)
    answer = report(desk, start=OPEN - timedelta(hours=1), end=after + timedelta(hours=12))
    nine = answer.by["hour"][0]
    assert (nine.key["hour"], nine.fills) == ("09:00", 6)


def test_an_evening_in_new_york_belongs_to_its_day_there(desk: Desk) -> None:
    session(desk, datetime(2026, 3, 3, 1, 0, tzinfo=UTC), count=5)
    answer = report(desk, start=OPEN, end=OPEN + timedelta(days=1))
    assert [row.key["day"] for row in answer.by["day"]] == ["2026-03-02"]


def test_fills_without_a_tag_have_a_group_of_their_own(desk: Desk) -> None:
    session(desk)
    answer = report(desk, **whole_day(), by=["strategy", "venue", "side", "liquidity"])
    counts = {row.key["strategy"]: row.fills for row in answer.by["strategy"]}
    assert counts == {"(none)": 30, "canary": 10}
    assert [row.key["side"] for row in answer.by["side"]] == ["buy", "sell"]
    assert [row.key["venue"] for row in answer.by["venue"]] == ["(none)"]


def test_two_halves_of_a_period_add_up_to_it(desk: Desk) -> None:
    session(desk)
    day = whole_day()
    cut = OPEN + timedelta(minutes=100, seconds=1)
    parts = [report(desk, start=day["start"], end=cut), report(desk, start=cut, end=day["end"])]
    whole = report(desk, **day)
    assert sum(part.totals.fills for part in parts) == whole.totals.fills
    assert math.fsum(part.totals.total_ccy or 0 for part in parts) == pytest.approx(
        whole.totals.total_ccy
    )


def test_a_quote_from_before_the_period_still_serves_its_first_fill(desk: Desk) -> None:
    session(desk)
    answer = report(desk, start=OPEN + timedelta(seconds=1), end=OPEN + timedelta(minutes=5))
    assert (answer.totals.fills, answer.totals.priced) == (1, 1)


def test_a_period_without_fills_has_no_figures_rather_than_zeros(desk: Desk) -> None:
    session(desk)
    answer = report(desk, start=OPEN - timedelta(days=20), end=OPEN - timedelta(days=10))
    assert (answer.totals.fills, answer.coverage.fills) == (0, 0)
    assert answer.by == {"day": (), "symbol": (), "hour": ()}
    names = ("commission_bps", "spread_bps", "slippage_bps", "total_bps", "p50_bps", "total_ccy")
    assert [getattr(answer.totals, name) for name in names] == [None] * len(names)
    assert (answer.newest_fill_at, answer.newest_quote_at) == (None, None)
    assert answer.residual_bps is None


def test_fills_without_any_quote_are_counted_with_their_commission(desk: Desk) -> None:
    session(desk)
    store(desk, [], [Quote(OPEN, "ZZZ", 1.0, 2.0, 0)], "2026-03-02-quotes")
    (desk.root / "quotes" / "2026-03-02.parquet").unlink()
    answer = report(desk, **whole_day())
    assert (answer.totals.fills, answer.totals.priced) == (40, 0)
    assert answer.totals.total_bps is None
    assert answer.totals.commission_ccy is None
    assert answer.totals.commission_all_ccy == pytest.approx(20.0)
    assert answer.coverage.by_benchmark == {"quote": 0, "none": 40}
    assert answer.coverage.reasons == {"no quote of this symbol": 40}


def test_fills_without_a_commission_have_a_slippage_but_no_total(desk: Desk) -> None:
    session(desk)
    path = desk.root / "fills" / "2026-03-02.parquet"
    import polars as pl

    pl.read_parquet(path).drop("commission").write_parquet(path)
    answer = report(desk, **whole_day())
    assert answer.totals.slippage_bps == pytest.approx(2.0)
    assert answer.totals.commission_bps is None
    assert answer.totals.total_bps is None
    assert answer.coverage.without_commission == 38


def test_suspects_and_rejected_rows_stand_apart_with_their_reasons(desk: Desk) -> None:
    quotes = [Quote(OPEN, "AAA", 99.99, 100.01, 0)]
    second = OPEN + timedelta(seconds=1)
    fills = [
        Fill("good", second, "AAA", "buy", 10, 100.01, 0.1),
        Fill("split", second, "AAA", "buy", 10, 50.0, 0.1),
        Fill("nan", second, "AAA", "buy", 10, float("nan"), 0.1),
        Fill("good", second, "AAA", "buy", 10, 100.02, 0.1),
    ]
    store(desk, fills, quotes)
    answer = report(desk, **whole_day())
    covered = answer.coverage
    assert (covered.fills, covered.priced) == (2, 1)
    assert [fill.fill_id for fill in covered.suspects] == ["split"]
    assert {fill.fill_id: fill.reason for fill in covered.rejected} == {
        "nan": "the price is not finite",
        "good": "the fill id was used before",
    }
    assert answer.totals.slippage_bps == pytest.approx(1.0)


def test_a_fill_with_a_stale_quote_counts_and_is_said_to(desk: Desk) -> None:
    late = Fill("late", OPEN + timedelta(seconds=90), "AAA", "buy", 10, 100.01, 0.1)
    store(desk, [late], [Quote(OPEN, "AAA", 99.99, 100.01, 0)])
    answer = report(desk, **whole_day())
    assert answer.coverage.by_benchmark == {"quote": 0, "stale": 1, "none": 0}
    assert answer.totals.priced == 1


def test_the_inclusive_rule_can_be_configured(make_desk) -> None:
    desk = make_desk(NEW_YORK + 'quote_rule = "at_or_before"\nmax_age = "10s"\n')
    store(
        desk,
        [Fill("f", OPEN, "AAA", "buy", 10, 100.0, 0.1)],
        [Quote(OPEN, "AAA", 99.99, 100.01, 0)],
    )
    answer = report(desk, **whole_day())
    assert answer.totals.priced == 1
    assert answer.quote_rule.startswith(
        "mid of the last valid quote at or before the fill, at most 10s"
    )


def test_trades_show_each_fill_with_its_quote(desk: Desk) -> None:
    session(desk)
    answer = trades(desk, **whole_day(), limit=3)
    assert (len(answer.fills), answer.count) == (3, 40)
    priced, _, last = answer.fills
    assert (priced.bid, priced.ask, priced.quote_age_s) == (99.99, 100.01, 1.0)
    assert (priced.ref_source, priced.flags, priced.reason) == ("quote", "", "")
    assert (last.ref_source, last.total_bps, last.bid) == ("none", None, None)
    assert last.reason == "no quote recent enough before it"


def test_an_unknown_dimension_is_refused_with_the_closest(desk: Desk) -> None:
    with pytest.raises(UsageError, match="did you mean symbol"):
        report(desk, **whole_day(), by=["symbols"])


def test_an_empty_or_reversed_period_is_refused(desk: Desk) -> None:
    for end in (OPEN, OPEN - timedelta(days=1)):
        with pytest.raises(UsageError, match="must end after its start"):
            report(desk, start=OPEN, end=end)


def test_a_desk_without_sources_says_what_to_set(make_desk) -> None:
    with pytest.raises(ConfigError, match=r"\[costs\] fills is not set"):
        report(make_desk(), **whole_day())


@pytest.mark.parametrize(
    ("now", "first"),
    [
        ("2026-03-02T14:30:00Z", date(2026, 2, 23)),  # Monday: the whole week before
        ("2026-03-06T14:30:00Z", date(2026, 2, 27)),  # Friday
        ("2026-03-07T14:30:00Z", date(2026, 3, 2)),  # Saturday
        ("2026-03-08T14:30:00Z", date(2026, 3, 2)),  # Sunday, when the clocks change
        ("2026-03-10T03:30:00Z", date(2026, 3, 2)),  # still Monday in New York
    ],
)
def test_the_default_period_is_today_and_the_five_session_days_before(
    make_desk, now: str, first: date
) -> None:
    moment = datetime.fromisoformat(now)
    desk = replace(make_desk(NEW_YORK), clock=VirtualClock(moment))
    start, end = default_period(desk)
    assert end == moment
    assert start == datetime.combine(first, time(), ZoneInfo("America/New_York"))


FUTURES = NEW_YORK + 'day_starts = "18:00"\n'
EVENING = datetime(2026, 3, 1, 23, tzinfo=UTC)
"""18:00 in New York on Sunday, when Monday's session begins."""


def test_a_bare_date_is_a_whole_session_day(make_desk) -> None:
    desk = make_desk(FUTURES)
    day = read_period(desk, "2026-03-02", "2026-03-02")
    assert day == (EVENING, EVENING + timedelta(days=1))
    session(desk, EVENING, 6 * 24)
    session(desk, EVENING - timedelta(days=1), 6 * 24)
    session(desk, EVENING + timedelta(days=1), 6 * 24)
    found = report(desk, start=day[0], end=day[1], by=["day"])
    assert [(row.key["day"], row.fills) for row in found.by["day"]] == [("2026-03-02", 144)]


@pytest.mark.parametrize(
    ("now", "first"),
    [
        ("2026-03-02T22:59:00Z", date(2026, 2, 23)),  # Monday's session still
        ("2026-03-02T23:00:00Z", date(2026, 2, 24)),  # Tuesday's has begun
        ("2026-03-01T23:30:00Z", date(2026, 2, 23)),  # Sunday evening is Monday's session
        ("2026-03-01T22:30:00Z", date(2026, 2, 23)),  # Sunday's own, which is none
    ],
)
def test_the_default_period_begins_with_a_session_day(make_desk, now: str, first: date) -> None:
    moment = datetime.fromisoformat(now)
    desk = replace(make_desk(FUTURES), clock=VirtualClock(moment))
    evening = datetime.combine(first - timedelta(days=1), time(18), ZoneInfo("America/New_York"))
    assert default_period(desk) == (evening, moment)


def test_the_last_hour_of_a_day_of_25_has_its_quotes(make_desk) -> None:
    desk = make_desk(NEW_YORK)
    late = datetime(2026, 11, 2, 4, tzinfo=UTC)  # 23:00 of the Sunday on which clocks go back
    store(
        desk,
        [Fill("late", late + timedelta(seconds=1), "AAA", "buy", 100, 100.02, 0.5)],
        [Quote(late, "AAA", 99.99, 100.01)],
    )
    found = report(desk, start=late, end=late + timedelta(minutes=20), by=["day"])
    assert (found.totals.fills, found.totals.priced) == (1, 1)


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31"])
def test_a_date_at_the_edge_of_the_calendar_is_refused_in_words(make_desk, text: str) -> None:
    desk = make_desk(NEW_YORK.replace("America/New_York", "Asia/Tokyo") + 'day_starts = "18:00"')
    with pytest.raises(UsageError):
        read_period(desk, text, text)


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-03",
        "0001-01-10T00:00Z",
        "1969-12-31",
        "9998-12-31",
        "9999-12-30",
        "9999-06-01T00:00Z",
    ],
)
def test_a_period_that_reaches_an_end_of_the_calendar_is_refused_in_words(
    desk: Desk, text: str
) -> None:
    early = text < "1970"
    with pytest.raises(UsageError, match=f"'{text}' lies outside the years 1970 to 9998"):
        read_period(desk, text if early else None, None if early else text)


@pytest.mark.parametrize(("start", "end"), [("1970-01-01", None), (None, "9998-12-30")])
def test_a_period_may_reach_as_far_as_its_days_are_counted(
    desk: Desk, start: str | None, end: str | None
) -> None:
    session(desk, OPEN - timedelta(days=3), 6)
    first, last = read_period(desk, start, end)
    assert report(desk, start=first, end=last, by=["day"]).totals.fills > 0


def test_a_bare_date_is_a_whole_day_of_the_exchange(desk: Desk) -> None:
    start, end = read_period(desk, "2026-03-02", "2026-03-02")
    assert start == datetime(2026, 3, 2, 5, tzinfo=UTC)
    assert end == datetime(2026, 3, 3, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (
            "2026-03-03",
            "2026-03-02",
            "from 2026-03-03 to 2026-03-02 is empty "
            "(2026-03-03 06:00:00 CET to 2026-03-03 06:00:00 CET)",
        ),
        (
            "2026-03-03 10:00",
            "2026-03-03 09:00",
            "from 2026-03-03 10:00 to 2026-03-03 09:00 is empty "
            "(2026-03-03 10:00:00 CET to 2026-03-03 09:00:00 CET)",
        ),
        ("2027-01-01", None, "from 2027-01-01 to now is empty (2027-01-01 06:00:00 CET to "),
        (None, "2020-01-01", "from its default to 2020-01-01 is empty ("),
    ],
)
def test_an_empty_period_is_told_as_it_was_written_and_in_the_desks_zone(
    make_desk, start: str | None, end: str | None, said: str
) -> None:
    desk = make_desk('[costs]\nzone = "America/New_York"', zone="Europe/Berlin")
    with pytest.raises(UsageError) as told:
        read_period(desk, start, end)
    assert said in str(told.value)
    assert str(told.value).endswith("it must end after its start")
    assert "Z" not in str(told.value)


@pytest.mark.parametrize("text", ["2026-02-30", "yesterday", "9999-12-31x"])
def test_a_date_that_is_none_is_refused(desk: Desk, text: str) -> None:
    with pytest.raises(UsageError):
        read_period(desk, text, None)
