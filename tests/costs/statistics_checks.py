"""Every figure of a group against plain loops over its fills."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from costs.oracle import percentile
from costs.statistics_oracle import (
    PARTS,
    Row,
    cash_sum,
    deviation,
    own_totals,
    own_values,
    weighted_bps,
    weighted_percentile,
    winsorised_mean,
)
from costs.statistics_rows import HORIZON
from mechexo.costs.own_values import STATISTICS
from mechexo.costs.values import CostRow


def close(first: float | None, second: float | None, bound: float = 1e-9) -> bool:
    if first is None or second is None:
        return first is second
    return math.isclose(first, second, rel_tol=bound, abs_tol=bound)


def check(row: CostRow, rows: list[Row]) -> None:
    """Every figure of a row against the loops over its fills."""
    counting = [each for each in rows if each.counts]
    assert (row.fills, row.priced) == (len(rows), len(counting))
    assert close(row.notional, math.fsum(each.notional or 0.0 for each in counting))
    for part in PARTS:
        assert close(getattr(row, f"{part}_bps"), weighted_bps(rows, part)), part
        assert close(getattr(row, f"{part}_ccy"), cash_sum(rows, part)), part
        behind = [each.notional or 0.0 for each in counting if each.cash(part) is not None]
        assert close(row.component_notional[part], math.fsum(behind)), part
    for name, answer in (("realised", row.realised_bps), ("impact", row.impact_bps)):
        assert answer is not None
        assert close(answer[HORIZON], weighted_bps(rows, name))
    later = sum(each.cash("realised") is not None for each in counting)
    assert row.markout_fills == {HORIZON: later}
    known = [each.commission for each in rows if each.commission is not None]
    assert close(row.commission_all_ccy, math.fsum(known) if known else None)
    pairs = own_totals(rows)
    assert (row.with_total, row.few) == (len(pairs), len(pairs) < 20)
    check_statistics({name: getattr(row, name) for name in STATISTICS}, pairs)
    if pairs or not counting:
        assert row.slippage_statistics is None
    else:
        assert row.slippage_statistics is not None
        check_statistics(row.slippage_statistics, own_values(rows, "slippage"))
    check_sources(row, rows)


def check_statistics(
    found: Mapping[str, float | None], pairs: Sequence[tuple[float, float]]
) -> None:
    """Each statistic against the loops over the fills' own values with their notional."""
    values = [value for value, _ in pairs]
    assert set(found) == set(STATISTICS)
    for level in (5, 25, 50, 75, 95, 99):
        expected = percentile(values, level / 100) if values else None
        assert close(found[f"p{level}_bps"], expected), level
    assert close(found["mean_bps"], math.fsum(values) / len(values) if values else None)
    spread = deviation(values)
    assert close(found["sd_bps"], spread)
    assert close(found["se_bps"], None if spread is None else spread / math.sqrt(len(values)))
    assert close(found["min_bps"], min(values, default=None))
    assert close(found["max_bps"], max(values, default=None))
    assert close(found["winsorised_mean_bps"], winsorised_mean(values) if values else None)
    assert close(found["weighted_p50_bps"], weighted_percentile(pairs, 0.5) if values else None)
    assert close(found["weighted_p95_bps"], weighted_percentile(pairs, 0.95) if values else None)


def check_sources(row: CostRow, rows: list[Row]) -> None:
    """The coverage of a row against the loops over its fills."""
    for name, share in row.sources.items():
        of_it = [each for each in rows if ("suspect" if each.suspect else each.source) == name]
        assert share.fills == len(of_it) > 0
        assert close(share.fills_share, len(of_it) / len(rows))
        whole = math.fsum(each.value for each in rows)
        assert close(share.notional_share, math.fsum(each.value for each in of_it) / whole)
    assert sum(share.fills for share in row.sources.values()) == len(rows)
