"""Rows, fills and heads of costs, for what shows them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from mechexo.costs.values import (
    CostRow,
    FillCost,
    SourceShare,
)
from mechexo.costs.views import (
    RunHead,
)
from mechexo_tui.costs_apart import Seen
from mechexo_tui.widgets.format import Look
from mechexo_tui.widgets.lines import text_of

NOW = datetime(2026, 3, 2, 14, 33, tzinfo=UTC)
LOOK = Look(120, NOW, ZoneInfo("UTC"))
WIDTHS = (60, 80, 120, 200)

ROW = CostRow(
    key={"day": "2026-03-02"}, fills=40, priced=40, notional=1e6,
    commission_bps=1.0, spread_bps=2.0, slippage_bps=1.5, total_bps=2.5, p50_bps=2.0,
    p95_bps=4.0, p99_bps=5.0, commission_ccy=100.0, slippage_ccy=150.0, total_ccy=250.0,
    spread_ccy=200.0, beyond_bps=-0.5, beyond_ccy=-50.0, with_total=40,
    sources={"quote": SourceShare(40, 1.0, 1.0)},
)  # fmt: skip
NOTHING = CostRow({"day": "2026-03-03"}, 2, 0, 0.0, *(None,) * 10,
                  sources={"none": SourceShare(2, 1.0, 1.0)}, few=True)  # fmt: skip

FILL = FillCost(
    fill_id="f1", at=NOW, symbol="AAPL", side="buy", quantity=100.0, price=100.02, bid=99.99,
    ask=100.01, quote_age_s=1.0, ref_source="quote", flags="", reason="", notional=10_000.0,
    commission_bps=0.5, spread_bps=1.0, beyond_bps=1.0, slippage_bps=2.0, total_bps=2.5,
    commission_ccy=0.5, slippage_ccy=2.0, total_ccy=2.5, order_id="o1", mid=100.0,
    spread_ccy=1.0, beyond_ccy=1.0, residual_bps=1e-12,
    realised_bps={"1s": 0.5}, impact_bps={"1s": 1.5},
)  # fmt: skip

HEAD = RunHead(
    start=NOW - timedelta(days=5), end=NOW, currency="USD", zone="America/New_York",
    quote_rule="mid of the last valid quote strictly before the fill", fills=42, priced=40,
    unpriced=2, suspect=0, rejected=3, without_commission=0, by_source={"quote": 40},
    newest_fill_at=NOW, newest_quote_at=NOW, dimensions=("day", "symbol", "hour", "order_id"),
)  # fmt: skip

FIGURE = st.one_of(st.none(), st.floats(-50, 50))


def texts(lines: Any) -> str:
    return "\n".join(text_of(line) for line in lines)


def seen(view: Any) -> Seen[Any]:
    return Seen(view, HEAD, 1, NOW)
