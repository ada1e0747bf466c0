"""`mechexo costs compare` and `mechexo costs exceptions` as scripts and people see them."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from mechexo.cli import main

pytestmark = pytest.mark.slow

OPEN = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
TOML = """
[costs]
fills = "fills.parquet"
quotes = "quotes.parquet"
zone = "America/New_York"
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(make_desk) -> Path:
    """Thirty fills on each of two days: ALPHA pays 1 bps of slippage, BETA 3, and 1 to the broker.

    On the second day each pays 1 bps more.
    """
    desk = make_desk(TOML)
    moments = [OPEN + timedelta(days=day, minutes=n) for day in (0, 1) for n in range(30)]
    quotes = {"ts": moments, "symbol": "AAA", "bid": 99.99, "ask": 100.01}
    pl.DataFrame(quotes).write_parquet(desk.root / "quotes.parquet")
    fills = [
        {
            "fill_id": f"f{place:02}",
            "ts": at + timedelta(seconds=1),
            "symbol": "AAA",
            "side": "buy",
            "quantity": 100.0 + place % 7,
            "price": 100 + (3 if place % 2 else 1) / 100 + (place // 30) / 100 + place % 3 / 1e4,
            "commission": (100.0 + place % 7) / 100,
            "broker": "BETA" if place % 2 else "ALPHA",
        }
        for place, at in enumerate(moments)
    ]
    pl.DataFrame(fills).write_parquet(desk.root / "fills.parquet")
    return desk.config_path


@pytest.fixture
def run(config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mechexo", "--config", str(config), *words])
        with pytest.raises(SystemExit) as caught:
            main()
        output = capsys.readouterr()
        return int(caught.value.code or 0), output.out, output.err

    return run


PERIODS = ("--period", "2026-03-02..2026-03-02", "--with", "2026-03-03..2026-03-03")
BROKERS = ("--by", "broker", "--values", "ALPHA,BETA", "--from", "2026-03-02", "--to", "2026-03-03")


def test_two_periods_are_compared_in_a_document(run: Run) -> None:
    code, out, err = run("costs", "compare", *PERIODS, "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["schema"] == "mechexo.cost_comparison/1"
    assert document["first"]["fills"] == document["second"]["fills"] == 30
    total = document["differences"][0]
    assert total["component"] == "total"
    assert total["difference_bps"] == pytest.approx(1.0, abs=0.05)
    assert total["low_bps"] < total["difference_bps"] < total["high_bps"]
    assert total["method"] == "BCa"
    assert document["resampling"] == {"confidence": 0.95, "resamples": 2000, "seed": 1}
    assert document["symbol_overlap"] == 1.0


def test_two_brokers_are_compared_and_told_apart(run: Run) -> None:
    code, out, _ = run("costs", "compare", *BROKERS, "--json")
    differences = {each["component"]: each for each in json.loads(out)["differences"]}
    assert code == 0
    assert differences["slippage"]["difference_bps"] == pytest.approx(2.0, abs=0.05)
    assert differences["slippage"]["told_apart"] is True
    assert differences["commission"]["note"] == "the same for every fill of a side"


def test_the_table_says_what_differs_and_how_it_was_found(run: Run) -> None:
    code, out, _ = run("costs", "compare", *BROKERS, "--seed", "7")
    assert code == 0
    assert "ALPHA: 30 priced of 30 fills" in out
    assert "95% interval (2000 resamples, seed 7)" in out
    assert "differs" in out
    assert "strictly before" in out


def test_the_same_seed_prints_the_same_intervals(run: Run) -> None:
    first, second, other = (
        run("costs", "compare", *BROKERS, "--csv", "--seed", seed)[1] for seed in ("3", "3", "4")
    )
    assert first == second
    assert first != other
    rows = list(csv.DictReader(io.StringIO(first)))
    assert [row["component"] for row in rows] == [
        *("total", "slippage", "spread", "beyond", "commission")
    ]


def test_another_mix_is_warned_of(run: Run, config: Path) -> None:
    path = config.parent / "fills.parquet"
    small = pl.when(pl.col("broker") == "BETA").then(1.0).otherwise("quantity")
    pl.read_parquet(path).with_columns(quantity=small).write_parquet(path)
    out = run("costs", "compare", *BROKERS)[1]
    assert "▲ they trade other sizes: only 0% of the notional overlaps" in out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "give either --period A..B and --with C..D, or --by and --values X,Y"),
        ([*PERIODS[:2]], "give either"),
        ([*PERIODS, *BROKERS], "give either"),
        ([*PERIODS, "--from", "-2d"], "--from and --to are for --by"),
        (["--by", "broker", "--values", "ALPHA"], "--values takes two"),
        (["--by", "brokr", "--values", "A,B"], "did you mean broker"),
        (["--by", "broker", "--values", "A,A"], "not A twice"),
        ([*BROKERS[:3], "ALPHA,BETTA", *BROKERS[4:]], "did you mean BETA"),
        ([*BROKERS[:4], "--from", "2026-01-02", "--to", "2026-01-02"], "there are no fills"),
        ([*BROKERS, "--confidence", "95"], "like 0.95"),
        ([*BROKERS, "--resamples", "7"], "from 100 to 100000"),
        (["--period", "2026-03-02..", "--with", "2026-03-03"], "is no period"),
    ],
)
def test_words_that_do_not_fit_are_one_line(run: Run, words: list[str], text: str) -> None:
    code, out, err = run("costs", "compare", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert text in err


def spoil(config: Path) -> None:
    """One fill far outside its quote, one without a commission, one with too much, one twice."""
    path = config.parent / "fills.parquet"
    rows = pl.read_parquet(path).to_dicts()
    rows[10]["price"] = 101.0
    rows[20]["commission"] = None
    rows[30]["commission"] = 50.0
    rows.append({**rows[40], "price": 100.02})
    pl.DataFrame(rows).write_parquet(path)


WEEK = ("--from", "2026-03-02", "--to", "2026-03-03")


def test_the_exceptions_are_listed_with_their_reasons(run: Run, config: Path) -> None:
    spoil(config)
    code, out, err = run("costs", "exceptions", *WEEK, "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["schema"] == "mechexo.cost_exceptions/1"
    found = {(each["fill_id"], each["kind"]): each for each in document["exceptions"]}
    assert set(document["by_kind"]) == {each["kind"] for each in document["exceptions"]}
    assert "bought 49.5 spreads above the ask" in found["f10", "outside_touch"]["reason"]
    assert found["f20", "commission_missing"]["total_bps"] is None
    assert "commission 50," in found["f30", "commission_unusual"]["reason"]
    assert ("f40", "duplicate") in found
    assert ("f10", "worst_bps") in found


def test_the_exceptions_as_a_table_and_as_csv(run: Run, config: Path) -> None:
    spoil(config)
    out = run("costs", "exceptions", *WEEK)[1]
    assert "exceptions of 60 fills and 1 rejected rows" in out
    assert "the fill id was used before" in out
    rows = list(csv.DictReader(io.StringIO(run("costs", "exceptions", *WEEK, "--csv")[1])))
    assert {"fill_id", "kind", "reason", "acknowledged_by"} <= set(rows[0])
    assert any(row["kind"] == "outside_touch" for row in rows)


def test_a_period_without_fills_has_no_exceptions(run: Run) -> None:
    code, out, _ = run("costs", "exceptions", "--from", "2026-01-02", "--to", "2026-01-02")
    assert code == 0
    assert "0 exceptions of 0 fills" in out
    assert "Exceptions: none open" in out


def kinds_of(out: str, fill_id: str) -> set[str]:
    return {each["kind"] for each in json.loads(out)["exceptions"] if each["fill_id"] == fill_id}


def test_an_acknowledged_fill_leaves_the_list_and_is_kept_with_its_note(
    run: Run, config: Path
) -> None:
    spoil(config)
    code, out, _ = run("costs", "exceptions", "ack", "f20", *WEEK, "--note", "late statement")
    assert (code, out) == (0, "f20: commission_missing acknowledged\n")
    open_ones = run("costs", "exceptions", *WEEK, "--json")[1]
    assert kinds_of(open_ones, "f20") == set()
    assert json.loads(open_ones)["acknowledged"] == 1
    everything = run("costs", "exceptions", *WEEK, "--all", "--json")[1]
    (kept,) = [e for e in json.loads(everything)["exceptions"] if e["fill_id"] == "f20"]
    assert kept["note"] == "late statement"
    assert kept["acknowledged_by"]
    assert json.loads(everything)["exceptions"][-1] == kept


def test_one_kind_of_a_fill_can_be_acknowledged_and_taken_back(run: Run, config: Path) -> None:
    spoil(config)
    before = kinds_of(run("costs", "exceptions", *WEEK, "--json")[1], "f10")
    assert {"outside_touch", "worst_bps"} <= before
    run("costs", "exceptions", "ack", "f10", *WEEK, "--kind", "outside_touch")
    after = kinds_of(run("costs", "exceptions", *WEEK, "--json")[1], "f10")
    assert after == before - {"outside_touch"}
    out = run("costs", "exceptions", "unack", "f10", *WEEK)[1]
    assert out == "f10: outside_touch open again\n"
    assert kinds_of(run("costs", "exceptions", *WEEK, "--json")[1], "f10") == before
    assert run("costs", "exceptions", "unack", "f10", *WEEK)[1] == "f10: nothing was acknowledged\n"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["ack", "nobody", *WEEK], "'nobody' is no exception"),
        (["ack", "f10", "--from", "2026-01-02", "--to", "2026-01-02"], "is no exception from"),
        (["ack", "f10", *WEEK, "--kind", "suspect"], "it is: outside_touch"),
        (["--all", "ack", "f10"], "after the subcommand"),
    ],
)
def test_what_cannot_be_acknowledged_is_said_in_one_line(
    run: Run, config: Path, words: list[str], text: str
) -> None:
    spoil(config)
    code, out, err = run("costs", "exceptions", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert text in err
