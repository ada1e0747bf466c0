"""Every row of the real data sets as DuckDB prices it, and samples as plain loops do."""

from __future__ import annotations

import polars as pl
import pytest

from costs.frames import priced
from costs.known_sets import SETS, btcusdt, by_duckdb
from costs.oracle import Fill, Quote, price
from mechexo.costs.aggregate import totals
from mechexo.costs.rules import QuoteRule

NEVER_WIDE = 1e6
"""The known answers use every quote that is not crossed, however wide it is."""

FIGURES = ("mid", "slippage_bps", "spread_bps", "beyond_bps")


@pytest.mark.parametrize("name", SETS)
def test_every_fill_costs_what_duckdb_finds(name: str) -> None:
    known = SETS[name]()
    rule = QuoteRule(strictly_before=known.strictly_before, wide_factor=NEVER_WIDE)
    checked, answer = priced(known.fills, known.quotes, rule)
    assert checked.rejected.is_empty()
    ours, theirs = answer.sort("fill_id"), by_duckdb(known)
    assert ours["fill_id"].equals(theirs["fill_id"])
    for figure in FIGURES:
        pair = pl.DataFrame({"ours": ours[figure], "theirs": theirs[figure]})
        assert pair["ours"].is_null().equals(pair["theirs"].is_null()), figure
        apart = (pair["ours"] - pair["theirs"]).abs().max()
        assert apart is None or apart < 1e-8, figure


@pytest.mark.parametrize("name", SETS)
def test_samples_cost_what_plain_loops_find(name: str) -> None:
    known = SETS[name]()
    rule = QuoteRule(strictly_before=known.strictly_before, wide_factor=NEVER_WIDE)
    _, answer = priced(known.fills, known.quotes, rule)
    rows = answer.gather_every(max(1, len(answer) // 12))
    for row in rows.iter_rows(named=True):
        near = known.quotes.filter(
            (pl.col("symbol") == row["symbol"]) & (pl.col("ts") <= row["ts"])
        ).tail(60)
        quotes = [
            Quote(q["ts"], q["symbol"], q["bid"], q["ask"]) for q in near.iter_rows(named=True)
        ]
        side = "buy" if row["side"] > 0 else "sell"
        fill = Fill("x", row["ts"], row["symbol"], side, row["quantity"], row["price"])
        expected = price(fill, quotes, rule)
        assert row["ref_source"] == expected.source
        assert row["slippage_bps"] == (
            None if expected.slippage_bps is None else pytest.approx(expected.slippage_bps)
        )


def test_real_trades_at_binance_cost_what_is_known() -> None:
    known = btcusdt()
    _, answer = priced(known.fills, known.quotes, QuoteRule(wide_factor=NEVER_WIDE))
    assert (len(known.fills), len(known.quotes)) == (2001, 451)
    matched = answer.filter(pl.col("mid").is_not_null())
    assert len(matched) == 1971
    assert matched["slippage_bps"].mean() == pytest.approx(0.636, abs=5e-4)
    assert matched["quote_age_us"].median() == pytest.approx(53_000, abs=1_000)
    assert totals(answer).priced == 1971
