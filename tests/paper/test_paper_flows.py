"""The four flows compute on the desk's data and say in one line what is wrong with it."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.paper.build import TEMPLATE
from support.paper_flows import canary, data_pipeline, ml_inference, reweight

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 3, 16, 0, tzinfo=UTC)
FLOWS = ("data_pipeline", "ml_inference", "reweight", "canary")


def run(paper: Path, name: str) -> subprocess.CompletedProcess[str]:
    # From another folder than the desk's: a flow finds what it needs by itself.
    return subprocess.run(
        [sys.executable, paper / f"flows/{name}.py", "--at", NOW.isoformat()],
        cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip


def contents(paper: Path) -> dict[Path, bytes]:
    return {
        each: each.read_bytes()
        for each in paper.rglob("*")
        if each.is_file() and not {"__pycache__", "state", ".git"} & set(each.parts)
    }


def assert_one_clear_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize("name", FLOWS)
def test_in_stub_mode_each_flow_says_the_same_and_changes_nothing(
    paper: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(paper)
    monkeypatch.setenv("MECHEXO_STUB", "1")
    done = run(paper, name)
    assert done.stderr == ""
    assert contents(paper) == before
    monkeypatch.delenv("MECHEXO_STUB")
    assert done.stdout.removesuffix(" (on a copy)\n") == run(paper, name).stdout.strip()
    assert contents(paper) != before


@pytest.mark.parametrize("name", FLOWS)
def test_each_flow_runs_by_itself(paper: Path, name: str) -> None:
    done = run(paper, name)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{name}: ")
    assert done.stderr == ""


@pytest.mark.parametrize("name", FLOWS)
def test_each_flow_says_in_one_line_that_its_files_are_missing(tmp_path: Path, name: str) -> None:
    bare = tmp_path / "bare"
    for programs in ("flows", "tools"):
        shutil.copytree(TEMPLATE / programs, bare / programs)
    assert_one_clear_line(run(bare, name))


def test_bars_are_the_mids_of_the_accepted_quotes(paper: Path) -> None:
    path = sorted((paper / "data/quotes").glob("*.parquet"))[0]
    quotes = pl.read_parquet(path).filter((pl.col("bid") > 0) & (pl.col("ask") >= pl.col("bid")))
    bars = pl.read_parquet(paper / "data/bars" / path.name)
    for symbol in ("AAPL", "XOM"):
        mids = quotes.filter(pl.col("symbol") == symbol).select(
            (pl.col("bid") + pl.col("ask")) / 2
        ).to_series()  # fmt: skip
        bar = bars.row(by_predicate=pl.col("symbol") == symbol, named=True)
        assert (bar["open"], bar["close"]) == (mids[0], mids[-1])
        assert (bar["high"], bar["low"]) == (mids.max(), mids.min())
        assert bar["quotes"] == mids.len()


def test_minute_bars_end_with_their_minute_and_hold_the_shares_that_quotes_showed(
    paper: Path,
) -> None:
    path = sorted((paper / "data/quotes").glob("*.parquet"))[0]
    quotes = pl.read_parquet(path).filter((pl.col("bid") > 0) & (pl.col("ask") >= pl.col("bid")))
    bars = pl.read_parquet(paper / "data/minutes" / path.name)
    assert bars["volume"].sum() == quotes["bid_size"].sum() + quotes["ask_size"].sum()
    bar = bars.filter(pl.col("symbol") == "XOM").row(100, named=True)
    minute = quotes.filter(
        pl.col("symbol") == "XOM",
        pl.col("ts") >= bar["ts"] - timedelta(minutes=1),
        pl.col("ts") < bar["ts"],
    )
    mids = minute.select((pl.col("bid") + pl.col("ask")) / 2).to_series()
    assert (bar["high"], bar["low"], bar["close"]) == (mids.max(), mids.min(), mids[-1])


def test_minute_bars_that_are_missing_are_made_again(paper: Path) -> None:
    first = sorted((paper / "data/minutes").glob("*.parquet"))[0]
    before = first.read_bytes()
    first.unlink()
    assert run(paper, "data_pipeline").returncode == 0
    assert first.read_bytes() == before


def test_every_rejected_quote_is_counted(query) -> None:
    for total, accepted, crossed, empty in query(
        "SELECT quotes, accepted, crossed, empty FROM data_quality"
    ):
        assert total == accepted + crossed + empty
    assert query("SELECT SUM(crossed) > 0, SUM(empty) > 0 FROM data_quality") == [(1, 1)]


def test_quotes_are_judged_one_by_one() -> None:
    frame = pl.DataFrame(
        {
            "bid": [10.0, 10.0, 10.2, 0.0, None, math.nan, math.inf, -1.0],
            "ask": [10.1, 10.0, 10.1, 10.0, 10.0, 10.0, 10.0, 10.0],
        }
    )
    assert data_pipeline.judge(frame)["verdict"].to_list() == [
        "accepted", "accepted", "crossed", "empty", "empty", "empty", "empty", "empty",
    ]  # fmt: skip


def test_a_day_with_too_many_bad_quotes_stops_the_pipeline_and_keeps_the_old_bars(
    paper: Path,
) -> None:
    path = sorted((paper / "data/quotes").glob("*.parquet"))[-1]
    before = (paper / "data/bars" / path.name).read_bytes()
    frame = pl.read_parquet(path)
    crossed = frame.with_columns(bid=pl.when(pl.col("seq") % 10 == 0).then(9e9).otherwise("bid"))
    crossed.write_parquet(path)
    assert_one_clear_line(run(paper, "data_pipeline"), "crossed", "max_rejected_pct")
    assert (paper / "data/bars" / path.name).read_bytes() == before


def test_a_corrupted_file_of_quotes_is_named(paper: Path) -> None:
    path = sorted((paper / "data/quotes").glob("*.parquet"))[-1]
    path.write_bytes(path.read_bytes()[:1000])
    assert_one_clear_line(run(paper, "data_pipeline"), path.name)
    assert_one_clear_line(run(paper, "canary"))


@pytest.mark.parametrize("name", ["ml_inference", "reweight"])
def test_bars_that_are_missing_or_damaged_are_named_by_each_flow_that_reads_them(
    paper: Path, name: str
) -> None:
    bars = sorted((paper / "data/bars").glob("*.parquet"))
    bars[-1].write_bytes(bars[-1].read_bytes()[:100])
    assert_one_clear_line(run(paper, name), f"{name}: data/bars cannot be read: ")
    for path in bars:
        path.unlink()
    assert_one_clear_line(run(paper, name), "run flows/data_pipeline.py first")


def test_the_model_is_kept_until_it_is_too_old(paper: Path) -> None:
    path = paper / "models/score_model.json"
    before = path.read_text()
    assert "model of 2026-03-03" in ml_inference.run(paper, NOW + timedelta(days=4))
    assert path.read_text() == before
    assert "fitted now" in ml_inference.run(paper, NOW + timedelta(days=6))
    assert json.loads(path.read_text())["fitted_at"].startswith("2026-03-09")


def test_a_damaged_model_is_not_used(paper: Path) -> None:
    path = paper / "models/score_model.json"
    path.write_text(path.read_text()[:40])
    assert_one_clear_line(run(paper, "ml_inference"), "models/score_model.json", "delete it")


def test_scores_run_from_minus_one_to_one_and_carry_their_time(paper: Path, query) -> None:
    ml_inference.run(paper, NOW)
    rows = query("SELECT score, as_of FROM model_scores ORDER BY score")
    assert (len(rows), rows[0][0], rows[-1][0]) == (12, -1.0, 1.0)
    assert {as_of for _, as_of in rows} == {NOW.isoformat()}


def test_the_fit_is_the_ridge_solution() -> None:
    matrix = [[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]]
    wanted = [0.3, -1.2, 2.5]
    right = [sum(a * b for a, b in zip(line, wanted, strict=True)) for line in matrix]
    assert ml_inference.solve(matrix, right) == pytest.approx(wanted)


def test_degenerate_features_are_no_model() -> None:
    with pytest.raises(ml_inference.BadInput, match="degenerate"):
        ml_inference.solve([[1.0, 2.0], [2.0, 4.0]], [1.0, 2.0])


shares = st.dictionaries(st.text(min_size=1, max_size=3), st.floats(0.01, 100), min_size=1)


@given(shares, st.floats(0.1, 3.0), st.floats(0.02, 0.6))
def test_capped_weights_keep_every_cap_and_use_all_that_the_caps_allow(given_shares, gross, cap):
    weights = reweight.capped(given_shares, gross, cap)
    assert weights.keys() == given_shares.keys()
    assert all(0 <= weight <= cap + 1e-9 for weight in weights.values())
    assert sum(weights.values()) == pytest.approx(min(gross, cap * len(given_shares)))


def test_weights_keep_the_limits_of_the_configuration(paper: Path, query) -> None:
    path = paper / "config/risk.yaml"
    path.write_text(path.read_text().replace("max_symbol_weight: 0.45", "max_symbol_weight: 0.12"))
    reweight.run(paper, NOW)
    assert query("SELECT MAX(weight) <= 0.12 + 1e-6 FROM weights") == [(1,)]
    assert query("SELECT used <= \"limit\" FROM risk_limits WHERE name = 'largest_weight_pct'") == [
        (1,)
    ]


def test_the_bad_limit_lets_one_weight_break_the_mandate(paper: Path, query) -> None:
    reweight.run(paper, NOW)
    assert query("SELECT used > \"limit\" FROM risk_limits WHERE name = 'largest_weight_pct'") == [
        (1,)
    ]


def test_stale_scores_are_refused(paper: Path) -> None:
    with pytest.raises(reweight.BadInput, match="3 days old"):
        reweight.run(paper, NOW + timedelta(days=4))


def test_the_canary_switches_itself_off_below_its_threshold(paper: Path, query) -> None:
    path = paper / "config/canary.yaml"
    path.write_text(path.read_text().replace("threshold_bps: -8.0", "threshold_bps: 500.0"))
    assert "(off)" in canary.run(paper, NOW)
    assert query("SELECT value FROM flags WHERE key = 'canary_enabled'") == [("false",)]


def test_the_canary_is_not_judged_on_few_fills(paper: Path, query) -> None:
    path = paper / "config/canary.yaml"
    text = path.read_text().replace("threshold_bps: -8.0", "threshold_bps: 500.0")
    path.write_text(text.replace("min_fills: 40", "min_fills: 40000"))
    assert "too few fills" in canary.run(paper, NOW)
    assert query("SELECT value FROM flags WHERE key = 'canary_enabled'") == [("true",)]


def test_the_canary_never_switches_itself_on_again(paper: Path, query) -> None:
    from mechexo.paper.trading import set_flag

    set_flag(paper, "canary_enabled", "false", NOW)
    canary.run(paper, NOW)
    assert query("SELECT value FROM flags WHERE key = 'canary_enabled'") == [("false",)]


def test_a_markout_is_how_far_the_mid_moved_in_our_favour() -> None:
    at = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
    quotes = pl.DataFrame(
        {"ts": [at + timedelta(minutes=31)], "symbol": ["X"], "bid": [100.9], "ask": [101.1]}
    )
    fills = pl.DataFrame(
        {"ts": [at, at], "symbol": ["X", "X"], "side": ["buy", "sell"],
         "price": [100.0, 100.0], "quantity": [10, 10]}
    )  # fmt: skip
    found = canary.markouts(fills, quotes, 30)
    assert sorted(found["markout_bps"].to_list()) == pytest.approx([-100.0, 100.0])
