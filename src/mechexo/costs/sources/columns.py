"""Mapping a source's own columns to ours: names, types, time zones."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

from mechexo.costs.expressions import null_of
from mechexo.costs.sources.protocol import RawTable, Window
from mechexo.errors import ConfigError
from mechexo.value_classes import dataclass

EXPLICIT_COSTS = ("commission", "fees", "taxes", "rebate")

Kind = Literal["time", "text", "number", "integer"]


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that we want of a source, by our names, and the setting that maps them."""

    setting: str
    needed: Mapping[str, Kind]
    optional: Mapping[str, Kind]
    dates: bool = False
    """Whether a date stands for its first moment, in the naive zone or else UTC."""

    @property
    def kinds(self) -> dict[str, Kind]:
        """All columns, in our order."""
        return {**self.needed, **self.optional}

    @property
    def times(self) -> tuple[str, ...]:
        """The times: one, or the several moments between which an order lived."""
        return tuple(name for name, kind in self.kinds.items() if kind == "time")

    def without(self, names: Collection[str]) -> Columns:
        """These columns without some optional ones."""
        left = {name: kind for name, kind in self.optional.items() if name not in names}
        return replace(self, optional=left)

    def with_tags(self, tags: Iterable[str]) -> Columns:
        """These columns and the desk's own tags, as optional text."""
        further: dict[str, Kind] = {tag: "text" for tag in tags if tag not in self.kinds}
        return replace(self, optional={**self.optional, **further})


FILL_COLUMNS = Columns(
    "fill_columns",
    {"fill_id": "text", "ts": "time", "symbol": "text", "quantity": "number", "price": "number"},
    {
        "side": "text",
        # Costs are positive amounts; a rebate is what we were given.
        "commission": "number",
        "fees": "number",
        "taxes": "number",
        "rebate": "number",
        "commission_currency": "text",
        "multiplier": "number",
        "fx": "number",
        "currency": "text",
        "strategy": "text",
        "venue": "text",
        "broker": "text",
        "order_id": "text",
        "order_type": "text",
        "liquidity": "text",
        # What the broker says the market was when it took the order.
        "arrival_price": "number",
        # `open` or `close`, and the price at which that auction uncrossed.
        "auction": "text",
        "auction_price": "number",
        # `bust` takes the fill of this id back, `correct` stands in for it; null for a plain fill.
        "correction": "text",
    },
)
QUOTE_COLUMNS = Columns(
    "quote_columns",
    {"ts": "time", "symbol": "text", "bid": "number", "ask": "number"},
    {"seq": "integer", "venue": "text", "bid_size": "number", "ask_size": "number"},
)
TRADE_COLUMNS = Columns(
    "trade_columns",
    {"ts": "time", "symbol": "text", "price": "number"},
    {"size": "number", "seq": "integer"},
)
BAR_COLUMNS = Columns(
    "bar_columns",
    {"ts": "time", "symbol": "text"},
    {"high": "number", "low": "number", "close": "number", "volume": "number"},
)
ORDER_COLUMNS = Columns(
    "order_columns",
    {"order_id": "text", "symbol": "text", "side": "text", "quantity": "number"},
    {
        "decision_at": "time",
        "arrival_at": "time",
        "end_at": "time",
        "limit_price": "number",
        "benchmark_price": "number",
        "strategy": "text",
        "broker": "text",
        "algo": "text",
    },
)
RATE_COLUMNS = Columns(
    "rate_columns",
    {"ts": "time", "currency": "text", "rate": "number"},
    {},
    dates=True,
)

DTYPES: dict[Kind, pl.DataType] = {
    "time": pl.Datetime("us", "UTC"),
    "text": pl.String(),
    "number": pl.Float64(),
    "integer": pl.Int64(),
}
_REST, _ZONED, _BARE, _DAY = " left over", " with zone", " without zone", " as a day"
"""What the helper columns of a time written as text are called, after its name."""
_SPELLINGS = (
    ("%+", _ZONED, "UTC"),
    ("%Y-%m-%d %H:%M:%S%.f%#z", _ZONED, "UTC"),
    ("%Y-%m-%d %H:%M:%S%.f", _BARE, None),
    ("%Y-%m-%dT%H:%M:%S%.f", _BARE, None),
    ("%Y-%m-%dT%H:%M:%S%.f%#z", _ZONED, "UTC"),
    ("%Y-%m-%dT%H:%M%#z", _ZONED, "UTC"),
    ("%Y-%m-%d %H:%M%#z", _ZONED, "UTC"),
    ("%Y-%m-%dT%H:%M", _BARE, None),
    ("%Y-%m-%d %H:%M", _BARE, None),
)
"""How a time may be written, the usual ways first; and which column it then fills."""
_WHITE = " \t\n\r\v\f"
_SAID_OTHERWISE = ("side",)
"""Optional text that a blank is no lack of: a fill that says a side nobody can read is rejected."""
NAIVE = "naive time"
"""The helper column that marks times written without a zone."""


def nothing(columns: Columns) -> pl.DataFrame:
    """No rows, with the needed columns."""
    return pl.DataFrame(schema={ours: DTYPES[kind] for ours, kind in columns.needed.items()})


def dtypes(columns: Columns) -> dict[str, pl.DataType]:
    """All columns with the types that they are read as."""
    return {ours: DTYPES[kind] for ours, kind in columns.kinds.items()}


def check_mapping(columns: Columns, mapping: Mapping[str, str]) -> None:
    """Refuses a mapping of a column that we do not have.

    Raises:
        ConfigError: naming it and the closest ones.
    """
    for ours in mapping:
        if ours not in columns.kinds:
            raise ConfigError(
                f"[costs.{columns.setting}] {ours}: no such column of ours; "
                f"{closest(ours, columns.kinds)}"
            )


def typed(
    table: RawTable,
    columns: Columns,
    mapping: Mapping[str, str],
    naive_zone: str | None,
    window: Window,
) -> tuple[pl.LazyFrame, frozenset[str]]:
    """The table's rows of the window under our names and types, and which of ours it has.

    Columns that the table lacks are null; values that cannot be read are null, and so is optional
    text that is empty or blank. The window is applied to the table's own time and symbol first, so
    that files and row groups outside it are not read.
    A row with several times is in the window when any moment between them is; one without a
    readable time is always in.

    Raises:
        ConfigError: a needed column is missing, or times lack a zone that nothing declares.
    """
    frame = table.frame
    schema = frame.collect_schema()
    constants = {name: each for name, each in table.constants.items() if name not in schema}
    if constants:
        symbol = mapping.get("symbol", "symbol")
        if symbol in constants and not _wanted(constants[symbol], window):
            frame = frame.head(0)
        frame = frame.with_columns(
            pl.lit(value, dtype=pl.String()).alias(name) for name, value in constants.items()
        )
        schema = frame.collect_schema()
    present = {ours for ours in columns.kinds if mapping.get(ours, ours) in schema}
    for ours in columns.kinds:
        theirs = mapping.get(ours, ours)
        if theirs not in schema and (ours in columns.needed or ours in mapping):
            raise ConfigError(
                f"{table.where}: no column {theirs!r}; {closest(theirs, schema.names())} "
                f"(name it in [costs.{columns.setting}] {ours})"
            )
    times = {ours: mapping.get(ours, ours) for ours in columns.times if ours in present}
    only_those_inside = False
    if len(times) == 1:
        (time_name,) = times.values()
        if isinstance(schema[time_name], pl.Datetime):
            frame = frame.filter(_coarse(pl.col(time_name), schema[time_name], window))
            only_those_inside = _is_exact(schema[time_name])
    symbol = mapping.get("symbol", "symbol")
    if window.symbols is not None and "symbol" in columns.kinds and schema[symbol] == pl.String:
        frame = frame.filter(pl.col(symbol).is_in(list(window.symbols)))
    for ours, theirs in times.items():
        if schema[theirs] == pl.String:
            frame = _spelt_out(frame, ours, theirs, dates=columns.dates)
    moments = {
        ours: _moment(ours, pl.col(theirs), schema[theirs], naive_zone, columns.dates, table.where)
        for ours, theirs in times.items()
    }
    expressions = [
        moments[ours][0].alias(ours)
        if ours in moments
        else _value(ours, mapping.get(ours, ours), kind, schema, may_lack=ours in columns.optional)
        for ours, kind in columns.kinds.items()
    ]
    naive = pl.any_horizontal(pl.lit(False), *(naive for _, naive in moments.values()))
    rows = frame.select(*expressions, naive.alias(NAIVE))
    if window.symbols is not None and "symbol" in columns.kinds:
        rows = rows.filter(pl.col("symbol").is_in(list(window.symbols)))
    if not times or only_those_inside:
        return rows, frozenset(present)
    first, last = pl.min_horizontal(*times), pl.max_horizontal(*times)
    inside = (last >= window.start) & (first < window.end)
    return rows.filter(inside | first.is_null()), frozenset(present)


def _wanted(symbol: str | None, window: Window) -> bool:
    return window.symbols is None or symbol in window.symbols


def closest(name: str, present: Iterable[str]) -> str:
    """What to say of a column that is not there: those with a name close to it, or all."""
    names = list(present)
    lowered = {each.lower(): each for each in names}
    near = difflib.get_close_matches(name.lower(), list(lowered), n=3, cutoff=0.5)
    if near:
        return "close names: " + ", ".join(lowered[each] for each in near)
    return "it has: " + ", ".join(names[:20])


def _value(ours: str, theirs: str, kind: Kind, schema: pl.Schema, *, may_lack: bool) -> pl.Expr:
    if theirs not in schema:
        return null_of(DTYPES[kind]).alias(ours)
    column = pl.col(theirs)
    if kind != "text" and schema[theirs] == pl.String:
        column = column.str.strip_chars()
    value = column.cast(DTYPES[kind], strict=False)
    if ours in EXPLICIT_COSTS and schema[theirs] == pl.String:
        # What stands there and is no number must not read as nothing paid: NaN is rejected later.
        value = pl.when(value.is_null() & (column != "")).then(float("nan")).otherwise(value)
    if kind == "text" and may_lack and ours not in _SAID_OTHERWISE and _is_text(schema[theirs]):
        value = value.map_batches(without_blanks, return_dtype=pl.String(), is_elementwise=True)
    return value.alias(ours)


def _is_text(dtype: pl.DataType) -> bool:
    return not (dtype.is_numeric() or dtype.is_temporal() or dtype in (pl.Boolean, pl.Null))


def without_blanks(texts: pl.Series) -> pl.Series:
    """The texts with null for those that are empty or only white space (of ASCII): a CSV file that
    quotes everything has no other way to say that there is nothing.

    Most columns have none, which is seen from how their texts begin, in 1.3 ms for a million; to
    strip these takes ten times as long.
    """
    if texts.null_count() == len(texts) or (texts >= "!").all():
        return texts
    return texts.set((texts.str.strip_chars(_WHITE) == "").fill_null(False), None)


def _coarse(column: pl.Expr, dtype: pl.DataType, window: Window) -> pl.Expr:
    """The window in the column's own type, so that statistics of the file can rule rows out."""
    start, end = window.start, window.end
    zone = getattr(dtype, "time_zone", None)
    if getattr(dtype, "time_unit", None) == "ms":
        # What is between two milliseconds is cut off. Before the zone: its clock may skip this one.
        end += timedelta(microseconds=999)
    if zone is None:
        # No zone is further than a day from UTC.
        start = (start - timedelta(days=1)).replace(tzinfo=None)
        end = (end + timedelta(days=1)).replace(tzinfo=None)
    else:
        start, end = start.astimezone(ZoneInfo(zone)), end.astimezone(ZoneInfo(zone))
    return ((column >= _bound(start, dtype)) & (column < _bound(end, dtype))) | column.is_null()


@lru_cache(maxsize=16)
def _bound(moment: datetime, dtype: pl.DataType) -> pl.Expr:
    # The files of a period have the same; to make one takes as long as to look for it in a file.
    return pl.lit(moment, dtype=dtype)


def _is_exact(dtype: pl.DataType) -> bool:
    """Whether `_coarse` leaves no row of another moment: the times have a zone, and are as fine as
    the ends of a window."""
    return isinstance(dtype, pl.Datetime) and bool(dtype.time_zone) and dtype.time_unit != "ms"


def _moment(
    ours: str,
    column: pl.Expr,
    dtype: pl.DataType,
    naive_zone: str | None,
    dates: bool,
    where: str,
) -> tuple[pl.Expr, pl.Expr]:
    """The time in UTC microseconds (null when it cannot be read), and whether it lacks a zone."""
    utc = pl.Datetime("us", "UTC")
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone is not None:
            return column.dt.convert_time_zone("UTC").dt.cast_time_unit("us"), pl.lit(False)
        if naive_zone is None:
            raise naive_times(where)
        return _placed(column.dt.cast_time_unit("us"), naive_zone), pl.lit(True)
    if dtype == pl.Null:  # an empty table
        return column.cast(utc), pl.lit(False)
    if dates and dtype == pl.Date:
        return _placed(column.cast(pl.Datetime("us")), naive_zone or "UTC"), pl.lit(False)
    if dtype != pl.String:
        raise ConfigError(
            f"{where}: the time is {dtype}, not a timestamp with hours and a zone; "
            "fills and quotes cannot be matched without"
        )
    bare = pl.col(ours + _BARE)
    local = pl.lit(None, dtype=utc) if naive_zone is None else _placed(bare, naive_zone)
    if dates:
        local = pl.coalesce(local, _placed(pl.col(ours + _DAY), naive_zone or "UTC"))
    return pl.coalesce(pl.col(ours + _ZONED), local), bare.is_not_null()


def _spelt_out(frame: pl.LazyFrame, ours: str, theirs: str, *, dates: bool) -> pl.LazyFrame:
    """The frame with what its text says of a time: zoned, bare, and a day where one will do.

    Each spelling is tried on what the ones before it left over: a column in one spelling is read
    once, not once for each.
    """
    rest, zoned, bare = ours + _REST, ours + _ZONED, ours + _BARE
    frame = frame.with_columns(
        pl.col(theirs).str.strip_chars().alias(rest),
        pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias(zoned),
        pl.lit(None, dtype=pl.Datetime("us")).alias(bare),
    )
    for spelling, into, zone in _SPELLINGS:
        found = pl.col(rest).str.to_datetime(spelling, time_unit="us", time_zone=zone, strict=False)
        name = ours + into
        frame = frame.with_columns(pl.coalesce(pl.col(name), found).alias(name)).with_columns(
            pl.when(pl.col(name).is_null()).then(pl.col(rest)).alias(rest)
        )
    if dates:
        day = pl.col(rest).str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
        frame = frame.with_columns(day.alias(ours + _DAY))
    return frame


def _placed(bare: pl.Expr, zone: str) -> pl.Expr:
    """Local times in UTC; null for those that a change of clocks skips or doubles."""
    local = bare.dt.replace_time_zone(zone, ambiguous="null", non_existent="null")
    return local.dt.convert_time_zone("UTC")


def naive_times(where: str) -> ConfigError:
    """The refusal of times without a zone."""
    return ConfigError(
        f"{where}: its times carry no zone; say which in [costs] naive_zone, "
        'like naive_zone = "America/New_York"'
    )
