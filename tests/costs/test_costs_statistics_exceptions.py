"""Which fills are exceptions, and that acknowledging them is written down."""

from __future__ import annotations

import json
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings

from costs.statistics_oracle import Row
from costs.statistics_rows import ROWS, T0, priced_frame
from mechexo.actor import Actor
from mechexo.costs import records
from mechexo.costs.exceptions import KINDS, LISTED, ExceptionRule, Exceptions, find_exceptions
from mechexo.costs.findings import CostException
from mechexo.costs.inspecting import acknowledge_exception, withdraw_acknowledgement
from mechexo.costs.saved import Acknowledgement
from mechexo.desk import Desk
from mechexo.errors import NotAllowedError, UsageError

some = settings(max_examples=50, deadline=None)
NONE_REJECTED = pl.DataFrame(
    schema={
        "fill_id": pl.String,
        "ts": pl.Datetime("us", "UTC"),
        "symbol": pl.String,
        "reason": pl.String,
    }
)
LOW = ExceptionRule(at_least=3, outlier_z=2.0, commission_z=2.0, worst_share=1.0)


def usual(count: int = 40, **changes: object) -> list[Row]:
    """Fills at the ask or a little inside of it, for 1 bps of commission."""
    return [
        replace(
            Row(
                f"u{n:03}",
                T0 + timedelta(seconds=n),
                "AAA",
                1,
                100.0 + n % 3,
                100.01 - n % 5 / 1_000,
                100.0,
                0.01,
                commission=(100.0 + n % 3) / 100,
            ),
            **changes,  # type: ignore[arg-type]
        )
        for n in range(count)
    ]


def found(
    rows: Sequence[Row], rejected: pl.DataFrame = NONE_REJECTED, rule: ExceptionRule | None = None
) -> Exceptions:
    return find_exceptions(priced_frame(rows), rejected, rule or ExceptionRule())


def of_kind(answer: Exceptions, kind: str) -> list[CostException]:
    return [row for row in answer.rows if row.kind == kind]


def ids(answer: Exceptions, kind: str) -> list[str]:
    return [row.fill_id for row in of_kind(answer, kind)]


def odd(**changes: object) -> Row:
    return replace(usual(1)[0], fill_id="odd", **changes)  # type: ignore[arg-type]


def test_usual_fills_are_no_exceptions_but_the_dearest_are_named() -> None:
    assert set(found(usual()).by_kind) == {"worst_cash", "worst_bps"}


def test_a_suspect_is_an_exception_with_its_distance() -> None:
    (row,) = of_kind(found([*usual(), odd(price=50.0, suspect=True)]), "suspect")
    assert row.fill_id == "odd"
    assert row.reason == "suspect: 50.0 % from 100"


@pytest.mark.parametrize(
    ("side", "price", "words"),
    [
        (1, 100.08, "bought 3.5 spreads above the ask"),
        (1, 99.92, "bought 3.5 spreads below the bid"),
        (-1, 99.92, "sold 3.5 spreads below the bid"),
        (-1, 100.08, "sold 3.5 spreads above the ask"),
    ],
)
def test_a_fill_outside_its_quote_is_one_on_either_side(
    side: int, price: float, words: str
) -> None:
    (row,) = of_kind(found([*usual(), odd(side=side, price=price)]), "outside_touch")
    assert row.fill_id == "odd"
    assert row.reason.startswith(words)


def test_a_spread_that_is_narrower_than_usual_counts_as_the_usual_one() -> None:
    assert ids(found([*usual(), odd(half=0.0, price=100.03)]), "outside_touch") == []
    assert ids(found([*usual(), odd(half=0.0, price=100.05)]), "outside_touch") == ["odd"]


def test_a_fill_measured_against_a_trade_has_no_touch_to_be_outside_of() -> None:
    row = odd(price=101.0, source="trade", half=None)
    assert ids(found([*usual(), row]), "outside_touch") == []


def test_an_outlier_is_one_for_its_symbol_and_not_for_another() -> None:
    calm = usual(40)
    wild = [
        replace(row, fill_id=f"w{n}", symbol="WILD", price=100 + (n - 20) / 10)
        for n, row in enumerate(usual(40))
    ]
    assert ids(found([*calm, *wild, odd(price=100.5)]), "outlier") == ["odd"]
    assert ids(found([*calm, *wild, odd(price=100.5, symbol="WILD")]), "outlier") == []


def test_a_symbol_of_few_fills_has_no_outliers() -> None:
    assert ids(found([*usual(18), odd(price=102.0)]), "outlier") == []
    assert ids(found([*usual(19), odd(price=102.0)]), "outlier") == ["odd"]


def test_where_most_fills_cost_the_same_another_one_still_stands_out() -> None:
    same = usual(40, price=100.01)
    assert ids(found([*same, odd(price=100.03)]), "outlier") == ["odd"]
    assert ids(found(same), "outlier") == []


def test_the_dearest_are_ranked_and_are_a_small_share() -> None:
    rows = [replace(row, price=100 + n / 100) for n, row in enumerate(usual(100))]
    worst = of_kind(found(rows), "worst_bps")
    assert [row.fill_id for row in worst] == ["u099", "u098", "u097", "u096", "u095"]
    assert worst[0].reason == "number 1 of 100 fills in bps"
    assert len(ids(found(usual(1_000)), "worst_cash")) == 10
    assert len(ids(found(usual(5)), "worst_cash")) == 1


def test_what_costs_nothing_is_not_among_the_dearest() -> None:
    cheap = usual(40, price=99.99, commission=0.0)
    assert found(cheap).by_kind == {}


def test_large_fills_without_a_fresh_reference_are_exceptions_and_small_ones_are_not() -> None:
    none = {"source": "none", "mid": None, "half": None}
    rows = [
        *usual(),
        odd(quantity=9_000.0, **none),
        replace(odd(quantity=1.0, **none), fill_id="small"),
        replace(odd(quantity=9_000.0, source="stale"), fill_id="old"),
    ]
    answer = found(rows)
    assert ids(answer, "no_reference") == ["odd"]
    assert of_kind(answer, "no_reference")[0].reason == "no quote; among the largest 10%"
    assert ids(answer, "stale_reference") == ["old"]
    assert of_kind(answer, "stale_reference")[0].reason.startswith("its quote was 1 s old")


def test_a_missing_commission_is_an_exception_whether_priced_or_not() -> None:
    rows = [
        *usual(),
        odd(commission=None),
        replace(odd(commission=None, source="none", mid=None, half=None), fill_id="both"),
    ]
    assert sorted(ids(found(rows), "commission_missing")) == ["both", "odd"]


def with_brokers(rows: Sequence[Row], broker: Callable[[Row], str]) -> pl.DataFrame:
    frame = priced_frame(rows)
    by_id = {row.fill_id: broker(row) for row in rows}
    names = pl.col("fill_id").replace_strict(by_id, return_dtype=pl.String)
    return frame.with_columns(broker=names)


def test_a_commission_is_held_against_that_of_its_own_broker() -> None:
    dear = [replace(row, fill_id=f"d{row.fill_id}", commission=10.0) for row in usual()]
    rows = [*usual(), *dear, odd(commission=10.0)]
    frame = with_brokers(rows, lambda row: "DEAR" if row.fill_id.startswith("d") else "CHEAP")
    answer = find_exceptions(frame, NONE_REJECTED)
    assert ids(answer, "commission_unusual") == ["odd"]
    (row,) = of_kind(answer, "commission_unusual")
    assert row.reason == "commission 10, 10.00 bps; usually at CHEAP 1.01, 1.00 bps"


@pytest.mark.parametrize(
    "commission",
    [
        lambda row: 1.0,  # so much for each fill
        lambda row: 0.005 * row.quantity,  # by unit
        lambda row: 1e-4 * row.value,  # by value
    ],
)
def test_however_a_broker_counts_its_usual_commission_is_no_exception(
    commission: Callable[[Row], float],
) -> None:
    dice = random.Random(4)
    rows = []
    for row in usual(60):
        price = dice.choice([10.0, 100.0, 900.0])
        other = replace(row, quantity=float(dice.randint(1, 5_000)), price=price, mid=price)
        rows.append(replace(other, commission=commission(other)))
    assert ids(found(rows), "commission_unusual") == []
    tenfold = replace(rows[0], fill_id="odd", commission=10 * (rows[0].commission or 0.0))
    flagged = ids(found([*rows, tenfold]), "commission_unusual")
    assert flagged in ([], ["odd"])
    hundredfold = replace(tenfold, commission=1_000 * (rows[0].commission or 0.0))
    assert ids(found([*rows, hundredfold]), "commission_unusual") == ["odd"]


def test_a_small_difference_of_a_constant_commission_is_no_exception() -> None:
    same = usual(40, commission=1.0, quantity=100.0)
    assert ids(found([*same, odd(commission=1.2)]), "commission_unusual") == []
    assert ids(found([*same, odd(commission=1.5)]), "commission_unusual") == ["odd"]


def test_rejected_rows_are_listed_and_duplicates_by_themselves() -> None:
    rejected = pl.DataFrame(
        [
            ("twice", T0, "AAA", "the fill id was used before"),
            (None, None, None, "no fill id"),
        ],
        schema=NONE_REJECTED.schema,
        orient="row",
    )
    answer = found(usual(), rejected)
    (double,), (bad,) = of_kind(answer, "duplicate"), of_kind(answer, "rejected")
    assert (double.fill_id, double.at) == ("twice", T0)
    assert (bad.fill_id, bad.at, bad.symbol, bad.reason) == ("", None, "", "no fill id")


def robust(values: Sequence[float]) -> tuple[float, float]:
    middle = statistics.median(values)
    away = [abs(value - middle) for value in values]
    return middle, 1.4826 * statistics.median(away) or 1.2533 * statistics.fmean(away)


@some
@given(ROWS)
def test_outliers_and_fills_outside_their_quote_are_those_of_plain_loops(rows: list[Row]) -> None:
    outliers, outside = set(), set()
    for symbol in {row.symbol for row in rows}:
        counting = [row for row in rows if row.symbol == symbol and row.counts]
        costs = {
            row.fill_id: 1e4 * (row.cash("slippage") or 0.0) / (row.notional or 1.0)
            for row in counting
        }
        if len(counting) >= LOW.at_least:
            middle, scale = robust(list(costs.values()))
            outliers |= {
                fill_id
                for fill_id, cost in costs.items()
                if scale and abs(cost - middle) / scale > LOW.outlier_z
            }
        quoted = [row for row in counting if row.half is not None]
        if quoted:
            width = statistics.median(2 * (row.half or 0.0) for row in quoted)
            for row in quoted:
                away = abs(row.price - (row.mid or 0.0)) - (row.half or 0.0)
                spread = max(width, 2 * (row.half or 0.0))
                ratio = away / spread if spread else 0.0
                if ratio > LOW.touch_spreads + 1e-9:
                    outside.add(row.fill_id)
    answer = found(rows, rule=LOW)
    assert set(ids(answer, "outlier")) == outliers
    assert set(ids(answer, "outside_touch")) ^ outside <= {
        # On the very edge the last digit of a float decides.
        row.fill_id
        for row in of_kind(answer, "outside_touch")
        if abs(row.score - LOW.touch_spreads) < 1e-9
    }


@some
@given(ROWS)
def test_every_exception_is_counted_and_the_order_of_the_fills_changes_nothing(
    rows: list[Row],
) -> None:
    answer = found(rows, rule=LOW)
    assert sum(answer.by_kind.values()) == len(answer.rows)
    assert set(answer.by_kind) <= set(KINDS)
    assert all(row.reason for row in answer.rows)
    backwards = find_exceptions(priced_frame(rows).reverse(), NONE_REJECTED, LOW)
    assert {(r.kind, r.fill_id) for r in backwards.rows} == {
        (r.kind, r.fill_id) for r in answer.rows
    }


def test_a_thousand_of_a_kind_are_listed_and_all_are_counted_the_open_ones_first() -> None:
    rows = usual(LISTED + 5, commission=None)
    key = ("u000", "commission_missing")
    seen = {key: Acknowledgement(*key, T0, "somebody")}
    answer = find_exceptions(priced_frame(rows), NONE_REJECTED, acknowledged=seen)
    assert answer.by_kind["commission_missing"] == LISTED + 5
    assert len(of_kind(answer, "commission_missing")) == LISTED
    assert "u000" not in ids(answer, "commission_missing")
    assert answer.acknowledged == 1


def test_without_fills_there_are_no_exceptions() -> None:
    assert found([]) == Exceptions((), {}, 0)


VIEWER = '[access]\nviewer = ["looker"]\n'


def audit(desk: Desk) -> list[tuple[str, str, str]]:
    return [(each.action, each.target, each.outcome) for each in desk.audit_entries()]


def test_an_acknowledgement_is_kept_with_its_author_and_audited(desk: Desk) -> None:
    (done,) = acknowledge_exception(desk, "f1", ["outlier"], note="a  block\ntrade")
    assert (done.acknowledged_by, done.note) == ("tester", "a block trade")
    assert records.acknowledgements(desk.state) == {("f1", "outlier"): done}
    assert audit(desk) == [("costs.acknowledge", "f1", "done")]
    assert desk.verify_audit().problems == ()


def test_acknowledging_again_changes_nothing_unless_it_says_something_new(desk: Desk) -> None:
    (first,) = acknowledge_exception(desk, "f1", ["outlier"], note="a block")
    assert acknowledge_exception(desk, "f1", ["outlier"]) == (first,)
    assert len(audit(desk)) == 1
    (second,) = acknowledge_exception(desk, "f1", ["outlier"], note="a late report")
    assert second.note == "a late report"
    payload = json.loads(desk.audit_entries()[-1].payload)
    assert payload["before"] == {"outlier": "a block"}
    assert payload["after"] == {"outlier": "a late report"}


def test_a_note_holds_no_secret_and_no_escape(desk: Desk) -> None:
    (done,) = acknowledge_exception(desk, "f1", ["outlier"], note="password=hunter2 \x1b[31mred")
    assert "hunter2" not in done.note
    assert "\x1b" not in done.note


def test_an_acknowledgement_can_be_taken_back_once(desk: Desk) -> None:
    acknowledge_exception(desk, "f1", ["outlier", "worst_bps"])
    assert withdraw_acknowledgement(desk, "f1", ["outlier"], reason="too early") == ("outlier",)
    assert withdraw_acknowledgement(desk, "f1", ["outlier"], reason="too early") == ()
    assert set(records.acknowledgements(desk.state)) == {("f1", "worst_bps")}
    assert len(audit(desk)) == 2


def test_a_viewer_may_not_acknowledge_and_the_refusal_is_written_down(make_desk) -> None:
    desk = make_desk(VIEWER, actor=Actor(12_345, "looker"))
    with pytest.raises(NotAllowedError, match="needs the role responder"):
        acknowledge_exception(desk, "f1", ["outlier"])
    assert records.acknowledgements(desk.state) == {}
    assert audit(desk) == [("costs.acknowledge", "f1", "refused")]


def test_a_live_desk_needs_no_reason_to_acknowledge_and_one_to_take_it_back(make_desk) -> None:
    desk = make_desk(mode="live")
    acknowledge_exception(desk, "f1", ["outlier"])
    with pytest.raises(UsageError, match="needs a reason"):
        withdraw_acknowledgement(desk, "f1", ["outlier"])


def test_a_row_without_an_id_cannot_be_acknowledged(desk: Desk) -> None:
    with pytest.raises(UsageError, match="mend it at its source"):
        acknowledge_exception(desk, "", ["rejected"])
