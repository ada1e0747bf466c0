"""The costs wing, over the paper desk's own files."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from mechexo.clock import VirtualClock
from mechexo.costs.expecting import impact
from mechexo.costs.operations import orders, report
from mechexo.desk import Desk
from paper.conftest import BUILT_AT

pytestmark = pytest.mark.slow


def test_nearly_every_fill_has_a_reference_and_costs_look_like_a_desk_s(paper_now: Path) -> None:
    desk = Desk.open(paper_now / "mechexo.toml")
    now = desk.clock.now()
    found = report(desk, start=now - timedelta(days=20), end=now)
    assert found.coverage.fills > 2_000
    assert found.coverage.priced / found.coverage.fills > 0.95
    assert found.coverage.priced < found.coverage.fills
    assert not found.coverage.rejected
    assert found.residual_bps < 1e-9
    assert found.totals.total_bps is not None
    assert 0.3 < found.totals.total_bps < 4.0
    assert len(found.by["day"]) == 11
    assert len(found.by["symbol"]) == 12


def test_every_order_has_its_shortfall_but_for_the_few_without_a_quote(paper: Path) -> None:
    desk = Desk.open(paper / "mechexo.toml", clock=VirtualClock(BUILT_AT))
    found = orders(desk, start=BUILT_AT - timedelta(days=4), end=BUILT_AT)
    whole = [order for order in found if not order.reason]
    assert len(whole) > 0.9 * len(found) > 200
    assert all(abs(order.residual_ccy or 0.0) < 1e-6 for order in whole)
    assert {True, False} == {order.filled < order.ordered for order in whole}
    assert any(order.filled == 0 for order in whole)
    assert any(order.fills > 1 for order in whole)
    assert not any("more was filled" in order.reason for order in found)


def test_the_cost_grows_with_the_size_of_an_order(paper: Path) -> None:
    desk = Desk.open(paper / "mechexo.toml", clock=VirtualClock(BUILT_AT))
    found = impact(desk, BUILT_AT - timedelta(days=10), BUILT_AT)
    assert found.market == "bars"
    assert found.fit.y is not None
    assert found.fit.y_se is not None
    assert 3 * found.fit.y_se < found.fit.y < 1.0
    assert not found.fit.remarks
