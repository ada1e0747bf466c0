"""What a screen asks of a priced run: windows that add up to the whole, and agree with the rest."""

from __future__ import annotations

import csv
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costs.frames import FILLS, QUOTES, RULES, fills_frame, quotes_frame
from costs.oracle import T0, Fill, Quote, at
from mechexo.clock import VirtualClock
from mechexo.config import CostSettings
from mechexo.costs.aggregate import fills_of, grouped, totals, with_keys
from mechexo.costs.dimensions import Grouping
from mechexo.costs.fills import normalise_fills
from mechexo.costs.kernel import price_fills
from mechexo.costs.markouts import add_markouts
from mechexo.costs.operations import default_period
from mechexo.costs.quotes import normalise_quotes
from mechexo.costs.rules import QuoteRule
from mechexo.costs.running import Run
from mechexo.costs.saved import Acknowledgement
from mechexo.costs.values import CostRow
from mechexo.costs.viewing import Viewer
from mechexo.costs.viewing_export import export
from mechexo.costs.viewing_rows import MOST_ROWS
from mechexo.costs.views import (
    GROUP_SORTS,
    SORTS,
    ExceptionsAsked,
    FillAsked,
    FillsAsked,
    FillsPage,
    Period,
    PlotsAsked,
    TableAsked,
    moments_of,
    period_asked,
)
from mechexo.desk import Desk
from mechexo.errors import NotFoundError, UnreachableError, UsageError

pytestmark = pytest.mark.slow

some = settings(max_examples=25, deadline=None)

DAY = timedelta(days=1)
SETTINGS = CostSettings(horizons=(timedelta(seconds=10),))
FIGURE = {
    **{name: f"{name}_bps" for name in ("total", "commission", "slippage", "spread", "beyond")},
    "amount": "total_ccy",
    "value": "notional",
    "fills": "fills",
    "p95": "p95_bps",
}


def viewer(fills: list[Fill], quotes: list[Quote], rule: QuoteRule | None = None) -> Viewer:
    rule = rule or QuoteRule()
    checked = normalise_fills(fills_frame(fills), "USD")
    symbols = tuple(checked.accepted["symbol"].unique().sort().to_list())
    known = normalise_quotes(quotes_frame(quotes), symbols, rule)
    priced = add_markouts(price_fills(checked, known, rule), known, rule, SETTINGS.horizons)
    return Viewer(
        Run(checked, priced, known, rule, None, None), SETTINGS, Grouping(), T0 - DAY, T0 + DAY
    )


def shown(row: CostRow) -> str:
    """All figures of a row, but for the digits in which sums of another order may differ."""
    return repr(
        {
            each.name: f"{value:.6f}" if isinstance(value, float) else value
            for each in fields(row)
            if not isinstance(value := getattr(row, each.name), dict)
        }
        | row.key
    )


def twenty(count: int = 20, **options: object) -> Viewer:
    """Fills of one symbol, ten seconds apart, each dearer than the one before."""
    quotes = [Quote(at(seconds - 1), "AAA", 99.99, 100.01) for seconds in range(0, 400, 10)]
    fills = [
        Fill(f"f{n:02}", at(n * 10), "AAA", "buy", 100.0, 100.01 + n / 100, 1.0,
             strategy="base" if n % 2 else "canary")
        for n in range(count)
    ]  # fmt: skip
    return viewer(fills, quotes)


# Windows


@some
@given(FILLS, QUOTES, RULES, st.sampled_from(["symbol", "side", "strategy", "source", "hour"]),
       st.integers(1, 3))  # fmt: skip
def test_the_windows_of_a_table_are_together_what_the_report_says(
    fills: list[Fill], quotes: list[Quote], rule: QuoteRule, by: str, limit: int
) -> None:
    made = viewer(fills, quotes, rule)
    whole = grouped(made._lean(), [by], Grouping())
    rows: list[CostRow] = []
    while True:
        page = made.table(TableAsked((by,), offset=len(rows), limit=limit))
        assert page.count == len(whole)
        assert len(page.rows) <= limit
        if not page.rows:
            break
        rows += page.rows
    assert [shown(row) for row in rows] == [shown(row) for row in whole]
    assert shown(page.totals) == shown(totals(made._lean()))


@some
@given(FILLS, QUOTES, RULES, st.sampled_from(GROUP_SORTS), st.booleans())
def test_groups_come_in_the_order_that_is_asked_for_and_unknown_figures_last(
    fills: list[Fill], quotes: list[Quote], rule: QuoteRule, sort: str, turned: bool
) -> None:
    made = viewer(fills, quotes, rule)
    asked = TableAsked(("symbol", "strategy"), sort=sort, turned=turned)
    rows = made.table(asked).rows
    if sort == "key":
        keys = [tuple(row.key.values()) for row in rows]
        assert keys == sorted(keys, reverse=turned)
        return
    values = [getattr(row, FIGURE[sort]) if row.priced or sort == "fills" else None for row in rows]
    known = [value for value in values if value is not None]
    assert values == known + [None] * (len(values) - len(known))
    # The figure of the row and the one it was ordered by may differ in their last digit.
    assert known == pytest.approx(sorted(known, reverse=not turned), rel=1e-9, abs=1e-9)


@some
@given(FILLS, QUOTES, st.sampled_from(SORTS), st.booleans(), st.integers(1, 4))
def test_the_windows_of_the_fills_hold_each_fill_once_and_in_order(
    fills: list[Fill], quotes: list[Quote], sort: str, turned: bool, limit: int
) -> None:
    made = viewer(fills, quotes)
    seen: list[FillsPage] = []
    offset = 0
    while True:
        page = made.fills(FillsAsked(sort=sort, turned=turned, offset=offset, limit=limit))
        if not page.fills:
            break
        seen.append(page)
        offset += len(page.fills)
    rows = [fill for page in seen for fill in page.fills]
    assert sorted(fill.fill_id for fill in rows) == sorted(made._run.priced["fill_id"])
    assert page.count == len(rows)
    names = FIGURE | {"key": "at", "fills": "quantity"}
    values = [getattr(fill, names[sort]) for fill in rows]
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=(sort != "key") is not turned)
    assert values == known + [None] * (len(values) - len(known))


@some
@given(FILLS, QUOTES, st.sampled_from(["symbol", "side", "strategy", "hour", "source", "size"]))
def test_the_fills_behind_a_group_are_those_that_the_report_counts_in_it(
    fills: list[Fill], quotes: list[Quote], by: str
) -> None:
    made = viewer(fills, quotes)
    for row in made.table(TableAsked((by,))).rows:
        among = tuple(row.key.items())
        page = made.fills(FillsAsked(among=among))
        expected = fills_of(made._run.priced, row.key, Grouping())
        assert [fill.fill_id for fill in page.fills] == expected["fill_id"].to_list()
        assert page.count == row.fills
        assert page.totals.total_ccy == pytest.approx(row.total_ccy, abs=1e-9)
        deeper = made.table(TableAsked(("day",), among=among))
        assert sum(each.fills for each in deeper.rows) == row.fills


def test_a_suspect_is_in_the_group_of_its_size_against_the_mid_in_every_table() -> None:
    # At its price it would be worth more than a million, at the mid it is worth less.
    suspect = Fill("f1", at(10), "AAA", "buy", 169.0, 118.8, None, 50.0)
    made = viewer([suspect], [Quote(at(0), "AAA", 99.0, 99.0)])
    (row,) = made.table(TableAsked(("size",))).rows
    assert (row.key, row.fills, row.priced) == ({"size": "100k to 1M"}, 1, 0)
    assert made.fills(FillsAsked(among=(("size", "100k to 1M"),))).count == 1


def test_combined_groups_open_into_their_fills() -> None:
    made = twenty()
    row = made.table(TableAsked(("strategy", "hour"))).rows[0]
    assert row.key == {"strategy": "base", "hour": "14:00"}
    page = made.fills(FillsAsked(among=tuple(row.key.items())))
    assert {fill.strategy for fill in page.fills} == {"base"}
    keyed = with_keys(made._run.priced, ["strategy", "hour"], Grouping())
    assert page.count == len(keyed.filter(keyed["key_strategy"] == "base"))


def test_of_many_groups_only_those_of_the_window_are_worked_out() -> None:
    quotes = [Quote(at(-1), "AAA", 99.99, 100.01)]
    fills = [
        Fill(f"f{n}", at(n // 100), "AAA", "buy", 1.0, 100.0 + n / 1e6, strategy=f"s{n // 2:04}")
        for n in range(2 * (MOST_ROWS + 500))
    ]
    made = viewer(fills, quotes)
    whole = {row.key["strategy"]: row for row in grouped(made._lean(), ["strategy"], Grouping())}
    page = made.table(TableAsked(("strategy",), sort="total", offset=10, limit=30))
    assert page.count == MOST_ROWS + 500
    assert [row.key["strategy"] for row in page.rows] == [f"s{1489 - n:04}" for n in range(30)]
    assert [shown(row) for row in page.rows] == [shown(whole[r.key["strategy"]]) for r in page.rows]
    few = made.table(TableAsked(("strategy",), words="s000"))
    assert [row.key["strategy"] for row in few.rows] == [f"s000{n}" for n in range(10)]


def test_a_window_is_never_longer_than_windows_are() -> None:
    assert len(twenty().fills(FillsAsked(limit=10**9)).fills) == 20
    assert twenty().fills(FillsAsked(offset=10**9)).fills == ()
    assert twenty().table(TableAsked(("day",), offset=5)).rows == ()


def test_the_place_of_a_group_and_of_a_fill_in_the_order_is_known() -> None:
    made = twenty()
    asked = TableAsked(("strategy",), find=(("strategy", "canary"),))
    assert made.table(asked).found_at == 1
    assert made.fills(FillsAsked(sort="total", find="f19")).found_at == 0
    assert made.fills(FillsAsked(sort="total", turned=True, find="f19")).found_at == 19
    assert made.fills(FillsAsked(find="gone")).found_at is None


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ("canary", 10),
        ("CANARY buy", 10),
        ("!canary", 10),
        ("f07", 1),
        ("sell", 0),
        ("quote aaa", 20),
        ("!", 20),
        ("f.7", 0),
        ("(", 0),
        ("f0 base", 5),
    ],
)
def test_words_keep_the_fills_that_have_them_all_as_text_not_as_a_pattern(
    words: str, count: int
) -> None:
    page = twenty().fills(FillsAsked(words=words))
    assert page.count == len(page.fills) == page.totals.fills == count


def test_words_keep_groups_by_their_names() -> None:
    made = twenty()
    assert [
        row.key["strategy"] for row in made.table(TableAsked(("strategy",), words="can")).rows
    ] == ["canary"]
    turned = made.table(TableAsked(("strategy",), words="!can"))
    assert [row.key["strategy"] for row in turned.rows] == ["base"]
    assert turned.totals.fills == 20


def test_an_unknown_dimension_is_refused() -> None:
    with pytest.raises(UsageError, match="symbol"):
        twenty().table(TableAsked(("symbo",)))


# Bars


def test_bars_reach_as_far_as_the_longest_group() -> None:
    page = twenty().table(TableAsked(("strategy",)))
    longest = max(row.total_bps or 0 for row in page.rows)
    assert page.most_bps == pytest.approx(longest)
    assert page.least_bps == 0.0


def test_a_fill_far_beyond_all_others_does_not_make_their_bars_vanish() -> None:
    quotes = [Quote(at(-1), "AAA", 99.99, 100.01)]
    prices = [100.01] * 30 + [104.0]
    fills = [Fill(f"f{n}", at(n), "AAA", "buy", 1.0, price) for n, price in enumerate(prices)]
    page = viewer(fills, quotes).fills(FillsAsked())
    assert page.most_bps == pytest.approx(2.0)


def test_improvements_and_rebates_reach_to_the_left() -> None:
    quotes = [Quote(at(-1), "AAA", 99.98, 100.02)]
    fills = [Fill("f1", at(0), "AAA", "buy", 100.0, 99.98, -1.0)]
    page = viewer(fills, quotes).table(TableAsked(("symbol",)))
    assert page.most_bps == pytest.approx(2.0)  # the half-spread
    assert page.least_bps == pytest.approx(-4.0 - 1.0)  # bought at the bid, with a rebate of 1 bp


# One fill


def test_a_fill_stands_between_its_quotes_and_the_reference_is_marked() -> None:
    quotes = [Quote(at(n), "AAA", 100.0 + n, 100.02 + n) for n in range(8)]
    quotes += [Quote(at(n), "BBB", 50.0, 50.1) for n in range(8)]
    fills = [Fill("f1", at(4), "AAA", "buy", 1.0, 103.02)]
    found = viewer(fills, quotes).fill(FillAsked("f1", before=2, after=3))
    assert [row.at for row in found.before] == [at(2), at(3)]
    assert [row.reference for row in found.before] == [False, True]
    assert found.before[-1].bid == found.fill.bid == 103.0
    # A quote of the fill's own moment is not known before it.
    assert [row.at for row in found.after] == [at(4), at(5), at(6)]
    assert not any(row.reference for row in found.after)
    assert found.mids == {"10s": None}
    assert found.multiplier == found.fx == 1.0


def test_the_reference_is_shown_however_many_unusable_rows_came_after_it() -> None:
    quotes = [Quote(at(0), "AAA", 100.0, 100.02)]
    quotes += [Quote(at(n), "AAA", 100.05, 100.01) for n in range(1, 9)]  # crossed
    found = viewer([Fill("f1", at(9), "AAA", "buy", 1.0, 100.02)], quotes).fill(
        FillAsked("f1", before=2)
    )
    assert [(row.at, row.kind, row.reference) for row in found.before] == [
        (at(0), "used", True),
        (at(7), "crossed", False),
        (at(8), "crossed", False),
    ]
    assert found.before[1].stood_at == at(0)


def test_a_fill_without_any_quote_says_so_with_empty_hands() -> None:
    found = viewer([Fill("f1", at(0), "AAA", "buy", 1.0, 100.0)], []).fill(FillAsked("f1"))
    assert found.before == found.after == ()
    assert found.fill.total_bps is None


def test_a_withdrawn_quote_is_a_row_of_its_own() -> None:
    quotes = [Quote(at(0), "AAA", 100.0, 100.02), Quote(at(1), "AAA", 0.0, 0.0)]
    found = viewer([Fill("f1", at(2), "AAA", "buy", 1.0, 100.0)], quotes).fill(FillAsked("f1"))
    assert [row.kind for row in found.before] == ["used", "withdrawn"]
    assert found.before[-1].bid is None
    assert not any(row.reference for row in found.before)


@some
@given(FILLS, QUOTES, RULES)
def test_the_marked_reference_is_the_quote_of_the_kernel(
    fills: list[Fill], quotes: list[Quote], rule: QuoteRule
) -> None:
    made = viewer(fills, quotes, rule)
    for fill in made.fills(FillsAsked()).fills:
        found = made.fill(FillAsked(fill.fill_id))
        marked = [row for row in found.before if row.reference]
        if fill.ref_source in ("quote", "stale"):
            (row,) = marked
            assert (row.bid, row.ask) == (fill.bid, fill.ask)
            assert fill.quote_age_s == pytest.approx((fill.at - row.at).total_seconds())
        else:
            assert not marked
        known = [row.at for row in (*found.before, *found.after)]
        assert known == sorted(known)
        assert all(row.at <= fill.at for row in found.before)
        assert all(row.at >= fill.at for row in found.after)


def test_a_fill_that_is_gone_is_named() -> None:
    with pytest.raises(NotFoundError, match="gone"):
        twenty().fill(FillAsked("gone"))


# Plots


@some
@given(FILLS, QUOTES, st.integers(1, 60))
def test_the_distribution_counts_every_fill_once(
    fills: list[Fill], quotes: list[Quote], bins: int
) -> None:
    made = viewer(fills, quotes)
    found = made.plots(PlotsAsked(bins=bins))
    if found.histogram is None:
        assert found.totals.with_total == 0
        return
    counted = sum(found.histogram.counts) + found.histogram.below + found.histogram.above
    of_totals = found.histogram.of == "total"
    assert counted == (found.totals.with_total if of_totals else found.totals.priced)
    assert of_totals == bool(found.totals.with_total)
    assert 1 <= len(found.histogram.counts) <= bins
    assert found.histogram.width > 0


def test_plots_are_of_the_chosen_fills_only() -> None:
    found = twenty().plots(PlotsAsked(among=(("strategy", "base"),)))
    assert found.totals.fills == 10
    assert [row.key for row in found.days] == [{"day": "2026-03-02"}]
    assert [(row.key["half_hour"], row.fills) for row in found.times] == [("14:30", 10)]
    (point,) = found.markouts
    assert point.label == "10s"
    assert point.fills == 10


def test_equal_totals_make_one_bar() -> None:
    quotes = [Quote(at(-1), "AAA", 99.99, 100.01)]
    fills = [Fill(f"f{n}", at(n), "AAA", "buy", 1.0, 100.01) for n in range(5)]
    found = viewer(fills, quotes).plots(PlotsAsked()).histogram
    assert found is not None
    assert found.counts == (5,)


# What stands beside


def test_the_head_counts_every_row_once_and_names_what_the_fills_have() -> None:
    quotes = [Quote(at(-1), "AAA", 99.99, 100.01)]
    fills = [
        Fill("f1", at(0), "AAA", "buy", 1.0, 100.01, None, strategy="base"),
        Fill("f2", at(0), "AAA", "buy", 1.0, 200.0),
        Fill("f3", at(0), "BBB", "buy", 1.0, 50.0),
        Fill("f4", at(0), "AAA", "buy", -1.0, 50.0),
    ]
    head = viewer(fills, quotes).head
    assert (head.fills, head.priced, head.suspect, head.unpriced, head.rejected) == (3, 1, 1, 1, 1)
    assert head.without_commission == 1
    assert "strategy" in head.dimensions
    assert "venue" not in head.dimensions
    assert head.dimensions[:3] == ("day", "symbol", "hour")


def test_exceptions_are_windowed_and_the_acknowledged_ones_come_last() -> None:
    quotes = [Quote(at(-1), "AAA", 99.99, 100.01)]
    fills = [Fill(f"f{n}", at(0), "AAA", "buy", 1.0, 200.0 + n) for n in range(5)]
    made = viewer(fills, quotes)
    done = Acknowledgement("f4", "suspect", T0, "ada", "known")
    page = made.exceptions(ExceptionsAsked(), {("f4", "suspect"): done})
    assert page.acknowledged == 1
    assert page.by_kind["suspect"] == 5
    assert page.rows[-1].fill_id == "f4"
    assert page.rows[-1].note == "known"
    few = made.exceptions(ExceptionsAsked(words="f2", limit=1), {})
    assert [row.fill_id for row in few.rows] == ["f2"]


# Periods


@pytest.mark.parametrize("day", range(1, 15))
def test_five_days_are_the_period_of_the_overview(
    desk: Desk, clock: VirtualClock, day: int
) -> None:
    clock.advance(timedelta(days=day))
    assert moments_of(desk, Period(days=5)) == default_period(desk)
    start, end = moments_of(desk, Period(days=20))
    assert end == desk.clock.now()
    days = [start + DAY * n for n in range((end - start).days)]
    assert sum(each.weekday() < 5 for each in days) == 20


def test_today_begins_with_the_session_day(make_desk: object, clock: VirtualClock) -> None:
    desk = make_desk('[costs]\nzone = "America/Chicago"\nday_starts = "17:00"\n')  # type: ignore[operator]
    assert moments_of(desk, Period(days=0)) == (
        datetime(2026, 3, 1, 23, 0, tzinfo=UTC),
        clock.now(),
    )


@pytest.mark.parametrize("days", [1, 20])
def test_any_number_of_days_begins_with_a_session_day(
    make_desk: object, clock: VirtualClock, days: int
) -> None:
    desk = make_desk('[costs]\nzone = "America/Chicago"\nday_starts = "17:00"\n')  # type: ignore[operator]
    start, end = moments_of(desk, Period(days=days))
    assert end == clock.now()
    # Monday's session day begins on Sunday at 17:00; Friday's on Thursday.
    assert start == datetime(2026, 3, 1, 23, 0, tzinfo=UTC) - (
        timedelta(days=3) if days == 1 else timedelta(days=28)
    )


@pytest.mark.parametrize("text", ["2026-02-27 to 2026-03-01", "2026-02-27..2026-03-01",
                                  "2026-02-27, 2026-03-01"])  # fmt: skip
def test_a_period_can_be_asked_for(desk: Desk, text: str) -> None:
    period = period_asked(text)
    assert period.text == "2026-02-27 to 2026-03-01"
    assert moments_of(desk, period) == (
        datetime(2026, 2, 27, tzinfo=UTC),
        datetime(2026, 3, 2, tzinfo=UTC),
    )


def test_a_period_without_an_end_lasts_until_now(desk: Desk) -> None:
    start, end = moments_of(desk, period_asked("-2d"))
    assert end - start == timedelta(days=2)


@pytest.mark.parametrize("text", ["soon", "2026-03-02 to 2026-03-01", "2026-13-01"])
def test_what_is_no_period_is_said(desk: Desk, text: str) -> None:
    with pytest.raises(UsageError):
        moments_of(desk, period_asked(text))


# Files


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_an_exported_table_has_every_group_in_its_order(tmp_path: Path) -> None:
    made = twenty()
    asked = TableAsked(("strategy",), sort="total", limit=1)
    done = export(made, asked, tmp_path / "new" / "table.csv", {})
    rows = rows_of(Path(done.path))
    assert done.rows == len(rows) == 2
    expected = made.table(TableAsked(("strategy",), sort="total")).rows
    assert [row["strategy"] for row in rows] == [each.key["strategy"] for each in expected]
    assert float(rows[0]["total_bps"]) == expected[0].total_bps
    assert (tmp_path / "new" / "table.csv").stat().st_mode & 0o777 == 0o600


def test_exported_fills_are_all_of_them_with_moments_in_utc(tmp_path: Path) -> None:
    done = export(
        twenty(), FillsAsked(words="canary", turned=True, limit=1), tmp_path / "fills.csv", {}
    )
    rows = rows_of(tmp_path / "fills.csv")
    assert done.rows == len(rows) == 10
    assert rows[0]["fill_id"] == "f18"
    assert rows[0]["ts"] == "2026-03-02T14:33:00.000000Z"
    assert rows[0]["side"] == "buy"
    assert rows[0]["reason"] == ""


@pytest.mark.parametrize("asked", [FillAsked("f03"), PlotsAsked(), ExceptionsAsked()])
def test_everything_that_is_shown_can_be_exported(tmp_path: Path, asked: object) -> None:
    done = export(twenty(), asked, tmp_path / "out.csv", {})  # type: ignore[arg-type]
    assert done.rows == len(rows_of(tmp_path / "out.csv")) > 0


@pytest.mark.slow
def test_a_file_that_cannot_be_written_says_why_and_leaves_what_was_there(
    small_disk: Path,
) -> None:
    target = small_disk / "fills.csv"
    target.write_text("before")
    with pytest.raises(UnreachableError, match="No space left"):
        export(twenty(20_000), FillsAsked(), target, {})
    assert target.read_text() == "before"
    assert list(small_disk.iterdir()) == [target]
