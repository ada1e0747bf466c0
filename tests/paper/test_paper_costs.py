"""The costs wing, over the paper desk's own files."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from mechexo.costs.operations import report
from mechexo.desk import Desk

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
