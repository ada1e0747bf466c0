"""Fills as the kernel takes them: typed, checked row by row, nothing lost without a reason."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import polars as pl

from mechexo.costs.expressions import null_of
from mechexo.costs.rates import rate_at
from mechexo.errors import MechexoError
from mechexo.value_classes import dataclass

TAGS = ("strategy", "venue", "broker", "order_id", "liquidity", "order_type")
"""Optional text columns that a fill may carry."""

AUCTIONS = {"open": ("open", "opening", "o"), "close": ("close", "closing", "c")}
"""How a fill says that it was made in an auction."""

USED_BEFORE = "the fill id was used before"
"""Why a fill whose id an earlier one has is rejected."""

BUY = ("buy", "b", "bot", "bought", "1", "+1", "1.0")
_USUAL_SIDES = ("buy", "sell")
_FEW = 8
"""Up to so many words for a side are compared one by one; more are looked up."""
SELL = ("sell", "s", "sld", "sold", "-1", "-1.0")


@dataclass(frozen=True, slots=True)
class Fills:
    """The accepted fills in time order, and the rejected rows with their reasons.

    `accepted`: fill_id, ts (UTC, us), symbol, side (+1, -1), quantity (> 0), price, commission (all
    explicit costs in the base currency, null when unknown), multiplier, fx, arrival_price, auction
    (`open`, `close`), auction_price, unrated_currency (the currency that a commission is in when it
    is unknown for want of a rate, else null), and the tags, all of these null where absent.
    `rejected`: fill_id, ts, symbol, reason.
    """

    accepted: pl.DataFrame
    rejected: pl.DataFrame


def normalise_fills(
    rows: pl.DataFrame | pl.LazyFrame,
    currency: str,
    *,
    rates: pl.DataFrame | None = None,
    tags: Sequence[str] = (),
) -> Fills:
    """Checks fills and parts them into accepted and rejected.

    Needed columns: fill_id, ts (aware), symbol, quantity, price. Optional: side (without it the
    quantity's sign says it), commission, fees, taxes, rebate (positive when paid to us),
    commission_currency (the base currency unless named), multiplier, fx (rate to `currency`),
    currency, arrival_price, auction, auction_price, tags. A missing multiplier column means 1; a
    missing commission means unknown, not zero, whatever the fees are.

    Args:
        rows: the fills as they were read.
        currency: the base currency.
        rates: ts, currency, rate: for fills and commissions that carry no rate of their own.
        tags: further text columns to keep.

    Raises:
        MechexoError: ts has no zone.
    """
    frame = rows.lazy().collect(engine="in-memory")
    require_zone(frame, "fills")
    typed = frame.select(_typed(frame, tags))
    if "currency" in frame.columns:
        own = pl.col("fx").fill_null(rate_at(typed, "currency", rates))
        typed = typed.with_columns(fx=own)
    typed = _with_explicit_costs(typed, currency, rates)
    growing = _grows(typed["fill_id"])
    if _surely_sound(typed, frame, growing):
        good, flawed = typed, typed.clear()
    else:
        failed = (failed for failed, _ in _checks(typed, frame, currency))
        good, flawed = _parted(typed, pl.any_horizontal(*failed))
    good = good.with_columns(quantity=pl.col("quantity").abs(), fx=_rate(frame, currency))
    if not flawed.is_empty():
        growing = _grows(good["fill_id"])
    repeated = good.clear()
    if growing:
        good = good.with_columns(pl.col("fill_id").set_sorted())
    else:
        good, repeated = _parted(good, _used_before(good))
    rejected = _with_reasons(flawed, frame, currency).select(_OF_REJECTED)
    if not repeated.is_empty():
        again = repeated.with_columns(reason=pl.lit(USED_BEFORE)).select(_OF_REJECTED)
        rejected = pl.concat([rejected, again])
    return Fills(
        _in_order(good.drop("currency", *_ONLY_READ), growing=growing),
        rejected.sort("ts", "fill_id", maintain_order=True),
    )


def _parted(rows: pl.DataFrame, marked: pl.Expr | pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that are not marked, and those that are."""
    marks = rows.select(marked.alias("marked"))["marked"].fill_null(False)
    if not marks.any():
        return rows, rows.clear()
    return rows.filter(~marks), rows.filter(marks)


def _surely_sound(typed: pl.DataFrame, frame: pl.DataFrame, growing: bool) -> bool:
    """Whether no row can fail any of `_checks`, as the ends and sums of its columns tell; most
    files are so, and need not be looked at row by row."""
    if "currency" in frame.columns:
        return False
    numbers = ["quantity", "price", "multiplier", *(["fx"] if "fx" in frame.columns else [])]
    nulls = typed.select("fill_id", "ts", "symbol", "side", *numbers).null_count().row(0)
    if typed.is_empty() or any(nulls):
        return False
    # A sum with NaN or infinity in it is not finite; that of finite numbers may be so as well.
    sums = typed.select(pl.col(*numbers, "commission").sum()).row(0)
    ends = [(typed[name].min(), typed[name].max()) for name in numbers]
    least, most = (math.prod(cast("float", each[place]) for each in ends) for place in (0, 1))
    return (
        all(math.isfinite(each) for each in (*sums, most))
        and all(cast("float", low) > 0 for low, _ in ends)
        and least > 0
        and not _may_be_blank(_ends(typed["fill_id"]) if growing else typed["fill_id"])
        and not _may_be_blank(typed["symbol"])
    )


def _grows(ids: pl.Series) -> bool:
    """Whether each id is greater than the one before it: none is there twice."""
    return bool((ids.slice(1) > ids.head(max(len(ids) - 1, 0))).all())


def _ends(texts: pl.Series) -> pl.Series:
    return texts.gather([0, len(texts) - 1]) if len(texts) else texts


def _in_order(fills: pl.DataFrame, *, growing: bool) -> pl.DataFrame:
    """The fills ordered by (ts, fill_id); most come so, and need not be moved."""
    if growing and fills["ts"].is_sorted():
        return fills
    before = pl.col("ts").shift(1)
    in_order = (pl.col("ts") > before) | (
        (pl.col("ts") == before) & (pl.col("fill_id") >= pl.col("fill_id").shift(1))
    )
    if fills.select(in_order.slice(1).all()).item():
        return fills
    return fills.sort("ts", "fill_id", maintain_order=True)


def require_zone(frame: pl.DataFrame, what: str) -> None:
    """Refuses times that could be any zone's: taken as UTC they would match the wrong quotes."""
    kind = frame.schema["ts"]
    if not isinstance(kind, pl.Datetime) or kind.time_zone is None:
        raise MechexoError(f"costs: the times of the {what} are {kind}, without a zone")


_ONLY_READ = ("fees", "taxes", "rebate", "commission_currency")
_OF_REJECTED = ("fill_id", "ts", "symbol", "reason")


def _typed(frame: pl.DataFrame, tags: Sequence[str]) -> list[pl.Expr]:
    def column(name: str, kind: type[pl.DataType], default: object = None) -> pl.Expr:
        if name not in frame.columns:
            usual = null_of(kind()) if default is None else pl.lit(default, dtype=kind())
            return usual.alias(name)
        return pl.col(name).cast(kind, strict=False)

    return [
        column("fill_id", pl.String),
        pl.col("ts").dt.convert_time_zone("UTC").dt.cast_time_unit("us"),
        column("symbol", pl.String),
        _side(frame).alias("side"),
        column("quantity", pl.Float64),
        column("price", pl.Float64),
        column("commission", pl.Float64),
        column("multiplier", pl.Float64, 1.0),
        column("fx", pl.Float64),
        column("currency", pl.String),
        *(column(name, pl.Float64) for name in ("fees", "taxes", "rebate")),
        column("commission_currency", pl.String),
        column("arrival_price", pl.Float64),
        _auction(frame).alias("auction"),
        column("auction_price", pl.Float64),
        *(column(name, pl.String) for name in dict.fromkeys((*TAGS, *tags))),
    ]


def _auction(frame: pl.DataFrame) -> pl.Expr:
    if "auction" not in frame.columns:
        return null_of(pl.String())
    text = pl.col("auction").cast(pl.String).str.strip_chars().str.to_lowercase()
    return (
        pl.when(text.is_in(AUCTIONS["open"]))
        .then(pl.lit("open"))
        .when(text.is_in(AUCTIONS["close"]))
        .then(pl.lit("close"))
    )


def _with_explicit_costs(
    typed: pl.DataFrame, currency: str, rates: pl.DataFrame | None
) -> pl.DataFrame:
    """The rows with their commission, fees and taxes less rebates, in the base currency; null where
    it is not known what they are or what their currency, then named, is worth."""
    amount = pl.col("commission")
    for name, sign in (("fees", 1), ("taxes", 1), ("rebate", -1)):
        if typed[name].null_count() < len(typed):
            amount = amount + sign * pl.col(name).fill_null(0.0)
    named = pl.col("commission_currency")
    if typed["commission_currency"].null_count() == len(typed):
        none = null_of(pl.String())
        return typed.with_columns(commission=amount, unrated_currency=none)
    worth = (
        pl.when(named.is_null() | (named == currency))
        .then(pl.lit(1.0))
        .when(named == pl.col("currency"))
        .then(pl.col("fx"))
        .otherwise(rate_at(typed, "commission_currency", rates))
    )
    unrated = amount.is_not_null() & worth.is_null()
    return typed.with_columns(
        commission=amount * worth, unrated_currency=pl.when(unrated).then(named)
    )


def _side(frame: pl.DataFrame) -> pl.Expr:
    """+1, -1, or null when it cannot be read."""
    if "side" not in frame.columns:
        return pl.col("quantity").cast(pl.Float64, strict=False).sign().cast(pl.Int8, strict=False)
    # There are few ways to say it in one source: each is read once, not once for every fill.
    said = frame["side"].cast(pl.String)
    bought, sold = (said == word for word in _USUAL_SIDES)
    if not said.null_count() and (bought | sold).all():
        return pl.lit(bought.cast(pl.Int8) * 2 - 1)
    words = said.unique().drop_nulls().to_list()
    read = {word: _read_side(word) for word in words}
    side: pl.Expr = pl.lit(None, dtype=pl.Int8)
    if len(words) > _FEW:
        known = {word: sign for word, sign in read.items() if sign is not None}
        return (
            pl.col("side").cast(pl.String).replace_strict(known, default=None, return_dtype=pl.Int8)
        )
    for word, sign in read.items():
        own = pl.lit(sign, dtype=pl.Int8)
        side = pl.when(pl.col("side").cast(pl.String) == word).then(own).otherwise(side)
    return side


def _read_side(word: str) -> int | None:
    plain = word.strip().lower()
    return 1 if plain in BUY else -1 if plain in SELL else None


def _with_reasons(flawed: pl.DataFrame, frame: pl.DataFrame, currency: str) -> pl.DataFrame:
    if flawed.is_empty():
        return flawed.with_columns(reason=null_of(pl.String()))
    return flawed.with_columns(reason=_reason(flawed, frame, currency))


def _reason(typed: pl.DataFrame, frame: pl.DataFrame, currency: str) -> pl.Expr:
    """Why a row cannot be taken; null when it can."""
    reason: pl.Expr = null_of(pl.String())
    for failed, text in reversed(_checks(typed, frame, currency)):
        reason = pl.when(failed).then(text).otherwise(reason)
    return reason


def _checks(
    typed: pl.DataFrame, frame: pl.DataFrame, currency: str
) -> list[tuple[pl.Expr, pl.Expr]]:
    """What rows are rejected for, the first reason first. True, false or null (not rejected)."""
    quantity, price = pl.col("quantity"), pl.col("price")
    size = quantity.abs() * price * pl.col("multiplier") * _rate(frame, currency)
    return [
        (_blank(typed, "fill_id"), pl.lit("no fill id")),
        (pl.col("ts").is_null(), pl.lit("no readable time")),
        (_blank(typed, "symbol"), pl.lit("no symbol")),
        (quantity.is_null(), pl.lit("no readable quantity")),
        (~quantity.is_finite(), pl.lit("the quantity is not finite")),
        (quantity == 0, pl.lit("the quantity is zero")),
        (price.is_null(), pl.lit("no readable price")),
        (~price.is_finite(), pl.lit("the price is not finite")),
        (price <= 0, pl.lit("the price is not above zero")),
        (pl.col("side").is_null(), pl.lit("the side is neither buy nor sell")),
        (
            (quantity < 0) & (pl.col("side") > 0),
            pl.lit("the side contradicts the sign of the quantity"),
        ),
        (~pl.col("commission").is_finite(), pl.lit("the commission is no finite number")),
        (~_positive("multiplier"), pl.lit("the multiplier is not above zero")),
        (~_positive_rate(typed, frame, currency), _no_rate(typed, frame, currency)),
        (~(size.is_finite() & (size > 0)), pl.lit("the notional is out of range")),
    ]


def _blank(typed: pl.DataFrame, name: str) -> pl.Expr:
    """Whether there is no text. Only one that begins with a control, a blank or something foreign
    can be blank without being empty, so that the others need not be stripped."""
    if name not in typed.columns:
        return pl.lit(True)
    text = pl.col(name)
    if _may_be_blank(typed[name]):
        return text.is_null() | (text.str.strip_chars() == "")
    return text.is_null()


def _may_be_blank(texts: pl.Series) -> bool:
    return bool(((texts < "!") | (texts > "~~")).any())


def _positive(name: str) -> pl.Expr:
    return (pl.col(name).is_finite() & (pl.col(name) > 0)).fill_null(False)


def _rate(frame: pl.DataFrame, currency: str) -> pl.Expr:
    """The rate to the base currency; null where it is needed and not there."""
    if "currency" in frame.columns:
        given = pl.col("fx")
        return pl.when(pl.col("currency") == currency).then(given.fill_null(1.0)).otherwise(given)
    return pl.col("fx") if "fx" in frame.columns else pl.lit(1.0)


def _positive_rate(typed: pl.DataFrame, frame: pl.DataFrame, currency: str) -> pl.Expr:
    rate = _rate(frame, currency)
    usable = (rate.is_finite() & (rate > 0)).fill_null(False)
    return usable & ~_blank(typed, "currency") if "currency" in frame.columns else usable


def _no_rate(typed: pl.DataFrame, frame: pl.DataFrame, currency: str) -> pl.Expr:
    if "currency" not in frame.columns:
        return pl.lit(f"no rate to {currency}")
    named = pl.concat_str(
        pl.lit("the currency "), pl.col("currency"), pl.lit(f" has no rate to {currency}")
    )
    return pl.when(_blank(typed, "currency")).then(pl.lit("no currency")).otherwise(named)


def _used_before(good: pl.DataFrame) -> pl.Series:
    """Marks all but the first fill of an id; the first by its content, not by its place."""
    ids = good["fill_id"]
    if ids.n_unique() == len(ids):
        return pl.Series([False]).new_from_index(0, len(ids))
    order = good.with_row_index("place").sort(
        "ts", "symbol", "side", "price", "quantity", "commission", maintain_order=True
    )
    marked = order.select("place", again=~pl.col("fill_id").is_first_distinct())
    return marked.sort("place")["again"]
