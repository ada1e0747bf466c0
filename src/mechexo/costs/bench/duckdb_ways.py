"""DuckDB's ways: its ASOF join on plain files, and tuned by hand on the tick store."""

# ruff: noqa: S608 (every name in these queries is ours)

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mechexo.costs.bench.task import HORIZONS, LEVELS, SUSPECT, USABLE_US, Answer, Places, Row
from mechexo.value_classes import dataclass

_LEVELS = f"quantile_cont(bps, {list(LEVELS)})"
_ALL_LEVELS = "[0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]"
_SUMS = (
    "sum(fills) fills, sum(priced) priced, sum(notional) notional, sum(slippage) slippage, "
    "sum(spread) spread, sum(beyond) beyond, sum(commission) commission, "
    "sum(slippage + commission) total"
)


@dataclass(frozen=True, slots=True)
class Names:
    """What numbers stand for."""

    days: list[str]
    symbols: list[str]


_KEYS = {"day": "day", "symbol": "sid", "hour": "hour"}


def plain(places: Places, *, all_figures: bool = False) -> Answer:
    """One ASOF join over all files, on text symbols, as its documentation shows it."""
    database = _connected()
    reach = f"INTERVAL {USABLE_US // 1_000_000} SECOND"
    matched = f"""
        one AS (
            SELECT strftime(f.ts, '%Y-%m-%d') AS day, f.symbol AS sid,
                   extract('hour' FROM f.ts) AS hour,
                   CASE WHEN f.side = 'buy' THEN f.quantity ELSE -f.quantity END AS signed,
                   f.price, f.commission,
                   CASE WHEN f.ts - q.ts <= {reach} THEN q.bid END AS bid,
                   CASE WHEN f.ts - q.ts <= {reach} THEN q.ask END AS ask
            FROM read_parquet('{places.plain_fills}/*.parquet') f
            ASOF LEFT JOIN (
                SELECT symbol, ts, bid, ask FROM read_parquet('{places.plain_quotes}/*.parquet')
                WHERE bid > 0 AND ask >= bid
            ) q ON f.symbol = q.symbol AND f.ts > q.ts)
        """
    database.execute(f"CREATE TEMP TABLE priced AS {_figures(matched)}")
    _put_sums(database, first=True)
    _put_fills(database, first=True, weights=all_figures)
    if all_figures:
        _work_out_all_figures(database)
    return _answer(database)


def plain_all_figures(places: Places) -> Answer:
    """As `plain`, with every figure that mechexo's report has of each group."""
    return plain(places, all_figures=True)


def tuned(places: Places) -> Answer:
    """By hand on the store: day by day, symbol and time as one number, sums by cell, and a narrow
    table of bps for the percentiles."""
    database = _connected()
    names = _by_days(database, places)
    return _answer(database, names)


def tuned_all_figures(places: Places) -> Answer:
    """As `tuned`, with every figure that mechexo's report has of each group."""
    database = _connected()
    names = _by_days(database, places, weights=True)
    _work_out_all_figures(database)
    return _answer(database, names)


def tuned_markouts(places: Places, *, all_figures: bool = False) -> Answer:
    """As `tuned`, with six more ASOF joins on the same number, one for each horizon."""
    database = _connected()
    names = _by_days(database, places, markouts=True, weights=all_figures)
    if all_figures:
        _work_out_all_figures(database)
    found = database.execute(
        "SELECT "
        + ", ".join(f"1e4 * sum(realised_{label}) / sum(known_{label})" for label in HORIZONS)
        + " FROM later"
    ).fetchone()
    whole = _answer(database, names)
    return Answer(whole.total, whole.groups, dict(zip(HORIZONS, found, strict=True)))


def tuned_markouts_all_figures(places: Places) -> Answer:
    """As `tuned_markouts`, with every figure that mechexo's report has of each group."""
    return tuned_markouts(places, all_figures=True)


def _work_out_all_figures(database: Any) -> None:
    """Of each group seven percentiles, mean, deviation, least and most, winsorised mean and two
    weighted percentiles, from the narrow table with its notionals."""
    for key in ("0", "day", "sid", "hour"):
        database.execute(
            f"""
            WITH levels AS (
                SELECT {key} k, quantile_cont(bps, {_ALL_LEVELS}) p, avg(bps), stddev_samp(bps),
                       min(bps), max(bps), count(*) n, sum(notional) whole
                FROM thin GROUP BY 1),
            drawn AS (
                SELECT {key} k, avg(least(greatest(bps, p[1]), p[7])) winsorised
                FROM thin JOIN levels ON levels.k = {key} GROUP BY 1),
            reached AS (
                SELECT {key} k, bps, sum(notional) OVER (
                    PARTITION BY {key} ORDER BY bps ROWS UNBOUNDED PRECEDING) so_far
                FROM thin),
            weighted AS (
                SELECT reached.k, min(bps) FILTER (WHERE so_far >= 0.50 * whole),
                       min(bps) FILTER (WHERE so_far >= 0.95 * whole)
                FROM reached JOIN levels ON levels.k = reached.k GROUP BY 1)
            SELECT * FROM levels JOIN drawn USING (k) JOIN weighted USING (k) ORDER BY k
            """
        ).fetchall()


def _connected() -> Any:
    import duckdb

    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    database.execute("SET preserve_insertion_order = false")
    return database


def _by_days(
    database: Any, places: Places, *, markouts: bool = False, weights: bool = False
) -> Names:
    symbols: list[str] = json.loads((places.store / "symbols.json").read_text())["symbols"]
    database.execute("CREATE TEMP TABLE symbols (symbol VARCHAR, sid BIGINT)")
    database.execute(
        "INSERT INTO symbols SELECT unnest(?), unnest(range(?))", [symbols, len(symbols)]
    )
    files = sorted((places.store / "days").glob("*.parquet"))
    if markouts:
        database.execute(
            "CREATE TEMP TABLE ends AS SELECT sid, max(epoch_us(ts)) AS last "
            f"FROM read_parquet('{places.store}/days/*.parquet') GROUP BY sid"
        )
    for number, path in enumerate(files):
        first = number == 0
        matched = _matched(places, path, number, markouts=markouts)
        database.execute(
            f"CREATE OR REPLACE TEMP TABLE priced AS {_figures(matched, markouts=markouts)}"
        )
        _put_sums(database, first=first)
        _put_fills(database, first=first, weights=weights)
        if markouts:
            columns = ", ".join(
                f"sum(realised_{label}) realised_{label}, "
                f"sum(CASE WHEN realised_{label} IS NOT NULL THEN notional END) known_{label}"
                for label in HORIZONS
            )
            _put(database, "later", f"SELECT {columns} FROM priced", first=first)
    return Names([path.stem for path in files], symbols)


def _matched(places: Places, day: Path, number: int, *, markouts: bool) -> str:
    midnight = f"epoch_us(TIMESTAMPTZ '{day.stem} 00:00:00+00')"
    later = joins = ""
    if markouts:
        later = ", " + ", ".join(
            f"CASE WHEN e.last >= f.us + {us} AND f.key + {us} - q_{label}.key <= {USABLE_US} "
            f"THEN (q_{label}.bid + q_{label}.ask) / 2 END AS mid_{label}"
            for label, us in _horizons_us().items()
        )
        joins = "LEFT JOIN ends e ON e.sid = f.sid " + " ".join(
            f"ASOF LEFT JOIN q q_{label} ON f.key + {us} >= q_{label}.key"
            for label, us in _horizons_us().items()
        )
    return f"""
        raw AS (
            SELECT sid, epoch_us(ts) AS us, side, quantity, price, commission
            FROM read_parquet('{places.fills}/{day.name}') JOIN symbols USING (symbol)),
        f AS (
            SELECT (sid << 38) + us - {midnight} AS key, us, sid,
                   ((us // 3600000000) % 24)::UTINYINT AS hour,
                   CASE WHEN side = 'buy' THEN quantity ELSE -quantity END AS signed,
                   price, commission
            FROM raw),
        q AS (
            SELECT (sid::BIGINT << 38) + epoch_us(ts) - {midnight} AS key, bid, ask
            FROM read_parquet('{day}') WHERE bid > 0 AND ask >= bid),
        one AS (
            SELECT {number}::USMALLINT AS day, f.sid::USMALLINT AS sid, f.hour, f.signed, f.price,
                   f.commission,
                   CASE WHEN f.key - q.key <= {USABLE_US} THEN q.bid END AS bid,
                   CASE WHEN f.key - q.key <= {USABLE_US} THEN q.ask END AS ask{later}
            FROM f ASOF LEFT JOIN q ON f.key > q.key {joins})
        """


def _horizons_us() -> dict[str, int]:
    return {label: int(each.total_seconds() * 1e6) for label, each in HORIZONS.items()}


def _figures(matched: str, *, markouts: bool = False) -> str:
    """Each fill's figures; null for one that does not count."""
    later = "".join(
        f", CASE WHEN ok THEN signed * (price - mid_{label}) END AS realised_{label}"
        for label in (HORIZONS if markouts else ())
    )
    return f"""
        WITH {matched},
        mids AS (SELECT *, (bid + ask) / 2 AS mid FROM one),
        checked AS (SELECT *, abs(price - mid) <= {SUSPECT} * mid AS ok FROM mids)
        SELECT day, sid, hour,
               CASE WHEN ok THEN abs(signed) * mid END AS notional,
               CASE WHEN ok THEN signed * (price - mid) END AS slippage,
               CASE WHEN ok THEN abs(signed) * (ask - bid) / 2 END AS spread,
               CASE WHEN ok
                    THEN signed * (price - CASE WHEN signed > 0 THEN ask ELSE bid END)
                    END AS beyond,
               CASE WHEN ok THEN commission END AS commission{later}
        FROM checked
        """


def _put_sums(database: Any, *, first: bool) -> None:
    _put(
        database,
        "cells",
        "SELECT day, sid, hour, count(*) fills, count(notional) priced, sum(notional) notional, "
        "sum(slippage) slippage, sum(spread) spread, sum(beyond) beyond, "
        "sum(commission) commission FROM priced GROUP BY day, sid, hour",
        first=first,
    )


def _put_fills(database: Any, *, first: bool, weights: bool = False) -> None:
    _put(
        database,
        "thin",
        "SELECT day, sid, hour, 1e4 * (slippage + commission) / notional AS bps"
        f"{', notional' if weights else ''} FROM priced WHERE notional IS NOT NULL",
        first=first,
    )


def _put(database: Any, table: str, query: str, *, first: bool) -> None:
    start = f"CREATE TEMP TABLE {table} AS" if first else f"INSERT INTO {table}"
    database.execute(f"{start} {query}")


def _answer(database: Any, names: Names | None = None) -> Answer:
    whole = database.execute(
        f"SELECT fills, priced, total, p[2] FROM (SELECT {_SUMS} FROM cells), "
        f"(SELECT {_LEVELS} p FROM thin)"
    ).fetchone()
    groups = {}
    for name, key in _KEYS.items():
        rows = database.execute(
            f"SELECT k, fills, priced, total, p[2] FROM (SELECT {key} k, {_SUMS} FROM cells "
            f"GROUP BY 1) LEFT JOIN (SELECT {key} k, {_LEVELS} p FROM thin GROUP BY 1) USING (k) "
            "ORDER BY k"
        ).fetchall()
        groups[name] = {_text(name, key, names): _row(row) for key, *row in rows}
    return Answer(_row(whole), groups)


def _row(values: Any) -> Row:
    fills, priced, total, p95 = values
    return Row(int(fills), int(priced), float(total or 0.0), float(p95 or 0.0))


def _text(name: str, key: Any, names: Names | None) -> str:
    if name == "hour":
        return f"{int(key):02}:00"
    if names is None:
        return str(key)
    texts = names.symbols if name == "symbol" else names.days
    return texts[int(key)]
