"""pandas' way: merge_asof by symbol on plain files."""

from __future__ import annotations

from typing import Any

from mechexo.costs.bench.task import SUSPECT, USABLE_US, Answer, Places, Row


def merge_asof(places: Places) -> Answer:
    """All files at once, matched with `merge_asof`, summed with `groupby`."""
    import pandas as pd

    def read(folder: Any, columns: list[str]) -> Any:
        files = sorted(folder.glob("*.parquet"))
        return pd.concat([pd.read_parquet(path, columns=columns) for path in files])

    fills = read(places.plain_fills, ["ts", "symbol", "side", "quantity", "price", "commission"])
    quotes = read(places.plain_quotes, ["ts", "symbol", "bid", "ask"])
    quotes = quotes[(quotes.bid > 0) & (quotes.ask >= quotes.bid)]
    matched = pd.merge_asof(
        fills,
        quotes,
        on="ts",
        by="symbol",
        allow_exact_matches=False,
        tolerance=pd.Timedelta(USABLE_US, "us"),
    )
    sign = (matched.side == "buy") * 2.0 - 1.0
    mid = (matched.bid + matched.ask) / 2
    counts = (matched.price - mid).abs() <= SUSPECT * mid
    touch = matched.ask.where(sign > 0, matched.bid)
    frame = pd.DataFrame(
        {
            "day": matched.ts.dt.strftime("%Y-%m-%d"),
            "symbol": matched.symbol,
            "hour": matched.ts.dt.hour,
            "notional": (matched.quantity * mid).where(counts),
            "slippage": (matched.quantity * sign * (matched.price - mid)).where(counts),
            "spread": (matched.quantity * (matched.ask - matched.bid) / 2).where(counts),
            "beyond": (matched.quantity * sign * (matched.price - touch)).where(counts),
            "commission": matched.commission.where(counts),
        }
    )
    frame["total"] = frame.slippage + frame.commission
    frame["bps"] = 1e4 * frame.total / frame.notional
    frame["all"] = 0
    groups = {name: _grouped(frame, name) for name in ("day", "symbol", "hour")}
    return Answer(_grouped(frame, "all")["0"], groups)


def _grouped(frame: Any, name: str) -> dict[str, Row]:
    by = frame.groupby(name)
    sums = by[["notional", "slippage", "spread", "beyond", "commission", "total"]].sum()
    counts, priced = by.size(), by.bps.count()
    levels = by.bps.quantile([0.50, 0.95, 0.99]).unstack()
    return {
        f"{key:02}:00" if name == "hour" else str(key): Row(
            int(counts[key]), int(priced[key]), float(sums.total[key]), float(levels[0.95][key])
        )
        for key in counts.index
    }
