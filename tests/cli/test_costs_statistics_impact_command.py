"""`mechexo costs impact` on a desk whose fills follow the square-root model."""

from __future__ import annotations

import csv
import io
import json
import math
import random
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from mechexo.cli import main

pytestmark = pytest.mark.slow

OPEN = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
PERIOD = ("--from", "2026-03-02", "--to", "2026-03-02")
TOML = """
[costs]
fills = "fills.parquet"
quotes = "quotes.parquet"
bars = "bars.parquet"
zone = "America/New_York"
"""
Y, SIGMA, VOLUME = 0.8, 0.01, 50_000.0
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(make_desk) -> Path:
    """Forty fills at the ask and Y sigma sqrt(Q / ADV) above it; forty days of bars before them."""
    desk = make_desk(TOML)
    dice = random.Random(2)
    moments = [OPEN + timedelta(minutes=n) for n in range(40)]
    quotes = {"ts": moments, "symbol": "AAA", "bid": 99.99, "ask": 100.01}
    pl.DataFrame(quotes).write_parquet(desk.root / "quotes.parquet")
    fills = []
    for place, at in enumerate(moments):
        quantity = float(round(10 ** dice.uniform(1, 3.5)))
        impact = 100.0 * Y * SIGMA * math.sqrt(quantity / VOLUME)
        fills.append(
            {
                "fill_id": f"f{place:02}",
                "ts": at + timedelta(seconds=1),
                "symbol": "AAA",
                "side": "buy",
                "quantity": quantity,
                "price": 100.01 + impact + (0.5 if place == 7 else 0.0),
                "commission": 1.0,
                "order_id": f"o{place:02}",
            }
        )
    pl.DataFrame(fills).write_parquet(desk.root / "fills.parquet")
    days = [OPEN - timedelta(days=40 - n) for n in range(40)]
    # Up and down in turn by as much: the deviation of the returns is known.
    bars = {
        "ts": days,
        "symbol": "AAA",
        "close": [100.0 * math.exp(SIGMA / 2 * (-1) ** n) for n in range(40)],
        "volume": VOLUME,
    }
    pl.DataFrame(bars).write_parquet(desk.root / "bars.parquet")
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


def test_the_model_that_made_the_fills_is_found_and_the_odd_one_stands_first(run: Run) -> None:
    code, out, err = run("costs", "impact", *PERIOD, "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["schema"] == "mechexo.cost_impact/1"
    assert document["market"] == "bars"
    fit = document["fit"]
    assert abs(fit["y"] - Y) < 3 * fit["y_se"]
    assert fit["orders"] == 40
    first, second = document["orders"][:2]
    assert first["order_id"] == "o07"
    assert first["residual_bps"] == pytest.approx(50.0, abs=5.0)
    assert first["sigma_bps"] == pytest.approx(100.0, abs=2.0)
    assert abs(second["residual_bps"]) < 10.0


def test_the_table_shows_the_fit_and_the_dearest_orders(run: Run) -> None:
    code, out, _ = run("costs", "impact", *PERIOD, "--limit", "3")
    assert code == 0
    assert "on 40 orders" in out
    assert "Free exponent" in out
    assert "Orders: 3 of 40" in out
    assert "o07" in out


def test_every_order_is_in_the_csv(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(run("costs", "impact", *PERIOD, "--csv")[1])))
    assert len(rows) == 40
    assert rows[0]["order_id"] == "o07"


def test_without_enough_orders_the_default_stands_and_is_said(run: Run, config: Path) -> None:
    path = config.parent / "fills.parquet"
    pl.read_parquet(path).head(3).write_parquet(path)
    out = run("costs", "impact", *PERIOD)[1]
    assert "▲ Y could not be fitted, the default stands: 3 orders are too few" in out
    assert "Expected: half-spread + 1.00 sigma" in out


def test_the_day_that_is_not_over_has_no_part_in_the_facts(run: Run, config: Path) -> None:
    path = config.parent / "bars.parquet"
    midday = ("--from", "2026-03-02", "--to", "2026-03-02T15:30:00Z", "--json")
    before = run("costs", "impact", *midday)[1]
    wild = {"ts": [OPEN - timedelta(hours=1)], "symbol": "AAA", "close": 500.0, "volume": 1.0}
    pl.concat([pl.read_parquet(path), pl.DataFrame(wild)]).write_parquet(path)
    after = run("costs", "impact", *midday)[1]
    assert json.loads(before)["fit"] == json.loads(after)["fit"]
    assert json.loads(after)["fit"]["y"] is not None


def test_trades_serve_where_there_are_no_bars(run: Run, config: Path) -> None:
    config.write_text(config.read_text().replace('bars = "bars', 'trades = "bars'))
    path = config.parent / "bars.parquet"
    pl.read_parquet(path).rename({"close": "price", "volume": "size"}).write_parquet(path)
    document = json.loads(run("costs", "impact", *PERIOD, "--json")[1])
    assert document["market"] == "trades"
    assert document["fit"]["orders"] == 40


def test_without_the_markets_days_it_says_what_to_set(run: Run, config: Path) -> None:
    config.write_text(config.read_text().replace('bars = "bars.parquet"\n', ""))
    code, out, err = run("costs", "impact", *PERIOD)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "set [costs] bars (better) or trades" in err


def test_bars_without_a_close_are_refused(run: Run, config: Path) -> None:
    path = config.parent / "bars.parquet"
    pl.read_parquet(path).rename({"close": "high"}).with_columns(low="high").write_parquet(path)
    code, _, err = run("costs", "impact", *PERIOD)
    assert code == 2
    assert "bars have no close" in err
