"""Volatility-targeted weights under the limits of config/risk.yaml: scores and bars -> weights.

Weights start from the inverse variance of each symbol, are tilted by its score, capped, and
scaled so that the book's expected volatility meets its target.
Run by itself: python flows/reweight.py
"""

from __future__ import annotations

import math
import sqlite3
import sys
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tools.flow import BadInput, command_line, read_bars

SESSION_HOURS = 6.5
MAX_SCORE_AGE = timedelta(days=3)


def volatilities(desk: Path) -> dict[str, float]:
    """Volatility a day of each symbol, from the realised volatility of its bars."""
    # A day's variance grows with the hours seen; a day that has just begun says too little.
    seen = read_bars(desk).filter((pl.col("hours") >= 1) & (pl.col("realised_volatility") > 0))
    by_symbol = seen.group_by("symbol").agg(
        variance=(pl.col("realised_volatility") ** 2 * SESSION_HOURS / pl.col("hours")).mean()
    )
    return {
        symbol: math.sqrt(variance) for symbol, variance in by_symbol.sort("symbol").iter_rows()
    }


def read_scores(connection: sqlite3.Connection, now: datetime) -> dict[str, float]:
    """The newest scores; too old ones are no basis for a trade."""
    rows = connection.execute("SELECT symbol, score, as_of FROM model_scores").fetchall()
    if not rows:
        raise BadInput("model_scores is empty; run flows/ml_inference.py first")
    oldest = min(datetime.fromisoformat(as_of) for _, _, as_of in rows)
    if now - oldest > MAX_SCORE_AGE:
        raise BadInput(f"the scores are of {oldest:%Y-%m-%d %H:%M}; they may be 3 days old")
    return {symbol: score for symbol, score, _ in rows}


def capped(shares: dict[str, float], gross: float, cap: float) -> dict[str, float]:
    """Shares scaled to `gross`, none above `cap`; what is cut goes to the others."""
    weights = dict.fromkeys(shares, 0.0)
    free = dict(shares)
    left = min(gross, cap * len(shares))
    while free and left > 1e-12:
        total = sum(free.values())
        full = [name for name, share in free.items() if left * share / total >= cap]
        if not full:
            return weights | {name: left * share / total for name, share in free.items()}
        for name in full:
            weights[name] = cap
            left -= cap
            del free[name]
    return weights


def book_volatility_pct(
    weights: dict[str, float], daily: dict[str, float], correlation: float
) -> float:
    """Expected volatility a year in percent, with one correlation between all pairs."""
    risks = [weights[name] * daily[name] for name in weights]
    own = sum(risk * risk for risk in risks)
    variance = (1 - correlation) * own + correlation * sum(risks) ** 2
    return 100 * math.sqrt(max(variance, 0.0) * 252)


def target_weights(
    daily: dict[str, float], scores: dict[str, float], risk: dict[str, float]
) -> dict[str, float]:
    """Long weights in shares of capital, within every limit of config/risk.yaml."""
    shares = {
        name: (1 + risk["score_tilt"] * scores[name]) / volatility**2
        for name, volatility in daily.items()
    }
    weights = capped(shares, risk["max_gross"], risk["max_symbol_weight"])
    expected = book_volatility_pct(weights, daily, risk["average_correlation"])
    scale = min(1.0, risk["target_volatility_pct"] / expected) if expected > 0 else 0.0
    return {name: weight * scale for name, weight in weights.items()}


def run(desk: Path, now: datetime) -> str:
    """Computes and stores the weights. Returns one line of result."""
    risk = yaml.safe_load((desk / "config/risk.yaml").read_text())
    daily = volatilities(desk)
    connection = sqlite3.connect(desk / "trading.sqlite", timeout=5)
    try:
        scores = read_scores(connection, now)
        missing = sorted(set(scores) - set(daily))
        if missing or not daily:
            raise BadInput(f"no volatility of {', '.join(missing) or 'any symbol'}")
        weights = target_weights({name: daily[name] for name in sorted(scores)}, scores, risk)
        largest = max(weights.values())
        with connection:
            connection.executemany(
                "INSERT OR REPLACE INTO weights VALUES (?, ?, ?, ?)",
                [
                    (name, round(weight, 6), round(daily[name], 8), now.isoformat())
                    for name, weight in weights.items()
                ],
            )
            connection.execute(
                "UPDATE risk_limits SET used = ?, updated_at = ? WHERE name = 'largest_weight_pct'",
                (round(100 * largest, 4), now.isoformat()),
            )
    finally:
        connection.close()
    expected = book_volatility_pct(weights, daily, risk["average_correlation"])
    gross = sum(weights.values())
    return f"gross {gross:.2f}, largest {largest:.1%}, volatility {expected:.1f} % a year"


if __name__ == "__main__":
    sys.exit(command_line("reweight", __doc__, run))
