"""mechexo's own ways, and the bare reading of the columns that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import polars as pl

from mechexo.costs.bench.generating import FIRST
from mechexo.costs.bench.task import FILL_COLUMNS, QUOTE_COLUMNS, Answer, Places, Row
from mechexo.costs.values import CostRow


def own(places: Places, kind: str) -> Answer:
    """`mechexo costs` by day, symbol and hour, of the desk of that kind: reading the configuration,
    fills and quotes, checking, pricing, all figures of the report."""
    from datetime import UTC, datetime, time

    from mechexo.costs.day_report import report_by_days
    from mechexo.desk import Desk

    desk = Desk.open(places.desk(kind))
    start = datetime.combine(FIRST, time(), UTC)
    report = report_by_days(desk, start=start, end=start + timedelta(days=3_000), sensitivity=False)
    return Answer(
        _row(report.totals),
        {name: {row.key[name]: _row(row) for row in rows} for name, rows in report.by.items()},
        {point.label: point.realised_bps or 0.0 for point in report.markouts},
    )


def _row(row: CostRow) -> Row:
    return Row(row.fills, row.priced, row.total_ccy or 0.0, row.p95_bps or 0.0)


def bare_read(places: Places) -> None:
    """Reads the columns that a run needs, day by day, and does nothing with them."""
    for path in sorted(places.fills.glob("*.parquet")):
        pl.scan_parquet(path).select(FILL_COLUMNS).collect(engine="in-memory")
        day = places.store / "days" / path.name
        pl.scan_parquet(day).select(QUOTE_COLUMNS).collect(engine="in-memory")


def settings(places: Places, kind: str, horizons: Mapping[str, timedelta]) -> str:
    """The configuration of a desk of the benchmark."""
    fills = places.fills if kind.startswith("store") else places.plain_fills
    quotes = "store" if kind.startswith("store") else f"{places.plain_quotes}/*.parquet"
    return (
        '[desk]\nname = "bench"\nmode = "paper"\nzone = "UTC"\n[costs]\n'
        f'fills = "{fills}/*.parquet"\nquotes = "{quotes}"\nstore = "{places.store}"\n'
        f"horizons = {list(horizons)!r}\n"
    )
