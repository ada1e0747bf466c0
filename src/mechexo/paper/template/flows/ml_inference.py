"""Scores every symbol with a small fitted model: bars -> model_scores.

The model is a ridge regression of the next day's return on four features of the daily bars,
fitted in closed form and kept in models/score_model.json with the date of its fit.
Run by itself: python flows/ml_inference.py
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tools.flow import BadInput, command_line, read_bars

FEATURES = ("move", "range", "volatility", "spread")


def with_features(bars: pl.DataFrame) -> pl.DataFrame:
    """The day's move, range, volatility and spread, standardised over the symbols of the day."""
    raw = bars.with_columns(
        move=(pl.col("close") / pl.col("open")).log(),
        range=(pl.col("high") / pl.col("low")).log(),
        volatility=pl.col("realised_volatility"),
        spread=pl.col("spread_bps"),
        target=(pl.col("close").shift(-1) / pl.col("close")).log().over("symbol"),
    )
    return raw.with_columns(
        [
            ((pl.col(name) - pl.col(name).mean()) / (pl.col(name).std() + 1e-12))
            .over("day")
            .alias(name)
            for name in FEATURES
        ]
    )


def solve(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Solves a small linear system by elimination with pivots."""
    size = len(right)
    rows = [[*line, value] for line, value in zip(matrix, right, strict=True)]
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(rows[row][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        if abs(rows[column][column]) < 1e-12:
            raise BadInput("the features are degenerate; the model cannot be fitted")
        for row in range(column + 1, size):
            factor = rows[row][column] / rows[column][column]
            rows[row] = [a - factor * b for a, b in zip(rows[row], rows[column], strict=True)]
    solution = [0.0] * size
    for row in range(size - 1, -1, -1):
        known = sum(rows[row][column] * solution[column] for column in range(row + 1, size))
        solution[row] = (rows[row][size] - known) / rows[row][row]
    return solution


def fit(features: pl.DataFrame, ridge: float, min_rows: int, now: datetime) -> dict[str, Any]:
    """Ridge in closed form: (X'X + ridge I) w = X'y."""
    known = features.drop_nulls(["target", *FEATURES]).filter(pl.col("target").is_finite())
    if known.height < min_rows:
        raise BadInput(f"{known.height} symbol-days of bars; the model needs {min_rows}")
    table = known.select(FEATURES).rows()
    target = known["target"].to_list()
    size = range(len(FEATURES))
    squares = [
        [sum(row[i] * row[j] for row in table) + (ridge if i == j else 0.0) for j in size]
        for i in size
    ]
    products = [sum(row[i] * y for row, y in zip(table, target, strict=True)) for i in size]
    weights = solve(squares, products)
    return {
        "features": list(FEATURES),
        "weights": [round(weight, 12) for weight in weights],
        "ridge": ridge,
        "rows": known.height,
        "fitted_on": [str(known["day"].min()), str(known["day"].max())],
        "fitted_at": now.isoformat(),
    }


def load_model(path: Path) -> dict[str, Any] | None:
    """The stored model, or None when there is none yet."""
    if not path.exists():
        return None
    try:
        model: dict[str, Any] = json.loads(path.read_text())
        if len(model["weights"]) != len(FEATURES):
            raise BadInput("models/score_model.json has other features; delete it to fit anew")
        datetime.fromisoformat(model["fitted_at"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput("models/score_model.json is damaged; delete it to fit anew") from error
    return model


def score(features: pl.DataFrame, model: dict[str, Any]) -> list[tuple[str, float]]:
    """Scores from -1 to 1: the rank of each symbol's predicted return on the newest full day."""
    newest = features.filter(pl.col("day") == pl.col("day").max())
    predicted = newest.select(
        "symbol",
        value=pl.sum_horizontal(
            [pl.col(name) * weight for name, weight in zip(FEATURES, model["weights"], strict=True)]
        ),
    ).sort("value", "symbol")
    last = max(predicted.height - 1, 1)
    return [(symbol, 2 * place / last - 1) for place, symbol in enumerate(predicted["symbol"])]


def run(desk: Path, now: datetime) -> str:
    """Fits when the model is too old, scores, stores. Returns one line of result."""
    settings = yaml.safe_load((desk / "config/strategy.yaml").read_text())["model"]
    # A day that has hardly begun says too little.
    bars = read_bars(desk).filter(pl.col("hours") >= 1).sort("symbol", "day")
    features = with_features(bars)
    path = desk / "models/score_model.json"
    model = load_model(path)
    age = timedelta(days=settings["refit_after_days"])
    fitted = model is None or now - datetime.fromisoformat(model["fitted_at"]) > age
    if model is None or fitted:
        model = fit(features, settings["ridge"], settings["min_rows"], now)
        path.parent.mkdir(exist_ok=True)
        beside = path.with_name(f".{path.name}.part")
        beside.write_text(json.dumps(model, indent=2) + "\n")
        os.replace(beside, path)  # noqa: PTH105
    scores = score(features, model)
    with sqlite3.connect(desk / "trading.sqlite", timeout=5) as connection:
        connection.executemany(
            "INSERT OR REPLACE INTO model_scores VALUES (?, ?, ?, ?)",
            [
                (symbol, round(value, 6), now.isoformat(), model["fitted_at"])
                for symbol, value in scores
            ],
        )
    connection.close()
    age_said = "fitted now" if fitted else f"of {model['fitted_at'][:10]}"
    return f"{len(scores)} symbols scored; model {age_said}"


if __name__ == "__main__":
    sys.exit(command_line("ml_inference", __doc__, run))
