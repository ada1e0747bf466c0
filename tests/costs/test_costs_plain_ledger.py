"""Plain fills that wait for their second look: whole and in order, in memory and on the disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mechexo.costs.plain_ledger import PlainRows, PlainSpool

pytestmark = pytest.mark.slow


def rows(first: int, count: int) -> PlainRows:
    values = np.arange(first, first + count)
    return PlainRows(values.astype(np.uint16), values / 7, values * 100.0)


def lists(each: PlainRows) -> tuple[list[float], ...]:
    return each.cell.tolist(), each.total_bps.tolist(), each.notional.tolist()


def test_rows_come_back_in_order_whether_they_fitted_into_memory_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    spool = PlainSpool(memory_mb=1)
    # The second is larger than what is left; smaller ones after it fit again.
    days = [rows(0, 40_000), rows(1, 60_000), rows(2, 5), rows(3, 0), rows(4, 60_000)]
    for day in days:
        spool.add(day)
    assert len(list(tmp_path.rglob("*.arrow"))) == 2
    for _ in range(2):
        assert [lists(each) for each in spool] == [lists(each) for each in days]
    spool.close()
    assert not list(tmp_path.rglob("*.arrow"))
