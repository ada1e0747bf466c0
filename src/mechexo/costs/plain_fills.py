"""The fills that most are, as arrays: each has a quote for its reference and a known commission, is
no suspect and was in no auction.

They need no ladder, no reason and no flag, only sums: that takes a fifth of what the general way
takes (`costs/kernel.py`), which the others go. The formulas are the same (`costs/formulas.py`), and
so are the checks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field, replace
from datetime import timedelta

import numpy as np
import polars as pl

from mechexo.costs.arrays import Array
from mechexo.costs.formulas import (
    TOLERANCE,
    after_horizon,
    horizon_residual,
    in_bps,
    in_cash,
    is_suspect,
    middle,
    residuals,
)
from mechexo.costs.markouts import ends_by_symbol, horizon_label
from mechexo.costs.matching import InOrder, KeySpace, last_before, symbol_numbers
from mechexo.costs.quotes import USED, Quotes
from mechexo.costs.rules import QuoteRule
from mechexo.value_classes import dataclass

ROWS_AT_ONCE = 16_384
"""So many fills at a time stay in a core's cache, with all that is computed of them."""
_COLUMNS = ("side", "size", "price", "commission")
"""What a fill's costs are made of (`costs.formulas.in_cash`)."""
_NO_MOMENT = -(2**62)
_US = timedelta(microseconds=1)


class NotPlainError(Exception):
    """Parts of a fill do not add up: the general way says which, or that they do after all."""


@dataclass(frozen=True, slots=True)
class Later:
    """The quotes that stood a horizon later."""

    label: str
    places: Array
    """Among the quotes; of no meaning where it is not known."""
    known: Array
    """Whether there is one."""


@dataclass(frozen=True, slots=True)
class PlainFills:
    """Plain fills, each with the quote that it is measured against: by symbol and time, and after
    all of them those whose quote is stale."""

    table: Array
    """`_COLUMNS` of all fills, a row for each: what a fill has lies together in memory."""
    bid: Array
    """Of all quotes."""
    ask: Array
    places: Array
    """Of the plain ones among all fills."""
    references: Array
    """Of their quotes among all quotes."""
    numbers: Array
    """Of their symbols."""
    stale: Array | None
    """Whether the reference is a stale quote; None: no one's is."""
    others: Array
    """The places of the fills that are not plain, ascending."""
    other_references: Array
    """The quotes before them, however old; -1 without one."""
    other_numbers: Array
    """Of their symbols."""
    later: tuple[Later, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.places)

    def ordered(self, order: Array) -> PlainFills:
        """The same fills in another order."""
        return replace(
            self,
            places=self.places.take(order),
            references=self.references.take(order),
            numbers=self.numbers.take(order),
            stale=None if self.stale is None else self.stale.take(order),
            later=tuple(
                Later(each.label, each.places.take(order), each.known.take(order))
                for each in self.later
            ),
        )

    def priced(self) -> Iterator[tuple[slice, dict[str, Array], float]]:
        """Some fills at a time: which, their costs, and the largest residual in bps.

        The costs are those of `costs.kernel.price_fills` and `costs.markouts.add_markouts`, with
        known_L for each horizon's label L; those of a horizon that is not known are zero.

        Raises:
            NotPlainError: a residual is larger than `costs.formulas.TOLERANCE`.
        """
        for start in range(0, len(self), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            own = self._own(rows)
            quote = self._quote(self.references[rows])
            mid = middle(**quote)
            quote |= {"mid": mid, "touch": np.where(own["side"] > 0, quote["ask"], quote["bid"])}
            cost = in_cash(**own, **quote)
            size = own.pop("size")
            cost |= in_bps(**own, notional=cost["notional"], **quote)
            cost["traded_value"] = size * own["price"]
            worst = max(float(each.max()) for each in residuals(cost))
            for later in self.later:
                places = later.places[rows]
                found = after_horizon(
                    side=own["side"],
                    size=size,
                    price=own["price"],
                    mid=mid,
                    notional=cost["notional"],
                    after=middle(**self._quote(places)),
                )
                known = later.known[rows]
                residual = np.where(known, horizon_residual(cost["slippage_bps"], found), 0.0)
                worst = max(worst, float(residual.max()))
                cost[f"known_{later.label}"] = known
                for name, value in found.items():
                    part, unit = name.split("_")
                    cost[f"{part}_{later.label}_{unit}"] = np.where(known, value, 0.0)
            if not worst <= TOLERANCE:
                raise NotPlainError
            yield rows, cost, worst

    def slippage(self) -> tuple[int, float, float]:
        """How many there are, their slippage in cash, and their notional.

        Raises:
            NotPlainError: as `priced`.
        """
        sums = [
            (float(cost["slippage_ccy"].sum()), float(cost["notional"].sum()))
            for _, cost, _ in self.priced()
        ]
        slippage, notional = zip(*sums, strict=True)
        return len(self), sum(slippage), sum(notional)

    def _own(self, rows: slice) -> dict[str, Array]:
        places = self.places[rows]
        own = np.ascontiguousarray(self.table.take(places, axis=0, mode="clip").T)
        return dict(zip(_COLUMNS, own, strict=True))

    def _quote(self, places: Array) -> dict[str, Array]:
        return {"bid": self.bid.take(places), "ask": self.ask.take(places)}


def plain_fills(
    fills: pl.DataFrame,
    quotes: Quotes,
    rule: QuoteRule,
    horizons: tuple[timedelta, ...] = (),
) -> PlainFills:
    """The plain ones of some fills.

    Args:
        fills: accepted ones, in the order of time.
        quotes: those of their symbols; at least one.
        rule: which quote is a fill's reference.
        horizons: of the markouts.

    Raises:
        MechexoError: the quotes are not in order.
    """
    table = quotes.frame
    longest_us = max(horizons, default=timedelta(0)) // _US
    space = KeySpace.over(
        fills["ts"],
        table["ts"],
        symbols=len(quotes.symbols) + 1,
        reach_us=rule.usable_age_us + max(rule.lag_us, longest_us),
    )
    moments = fills["ts"].to_physical().to_numpy()
    numbers = _numbers(fills, quotes)
    order = by_number(numbers)
    numbers = numbers.take(order)
    moments = moments.take(order)
    keys = numbers.astype(np.int64)
    keys *= space.span_us
    keys += moments
    keys -= space.first_us
    rows = InOrder(pl.Series(keys), None)
    known = table.select(space.key())["key"]
    place = last_before(
        rows,
        known,
        strictly=rule.strictly_before,
        reach_us=rule.usable_age_us,
        shift_us=-rule.lag_us,
    )
    references, matched = _found(place)
    found = PlainFills(
        table=_table(fills),
        bid=table["bid"].to_numpy(),
        ask=table["ask"].to_numpy(),
        places=order,
        references=references,
        numbers=numbers,
        stale=None,
        others=order[:0],
        other_references=order[:0],
        other_numbers=order[:0],
        later=tuple(_later(horizons, rows, known, moments, numbers, quotes, rule)),
    )
    price = fills["price"].to_numpy()
    return _chosen(found, matched, moments, price, table, rule)


def _table(fills: pl.DataFrame) -> Array:
    table = np.empty((len(fills), len(_COLUMNS)))
    table[:, 1] = fills["quantity"].to_numpy()
    for name in ("multiplier", "fx"):
        if (fills[name] != 1.0).any():
            table[:, 1] *= fills[name].to_numpy()
    for place, name in ((0, "side"), (2, "price"), (3, "commission")):
        table[:, place] = fills[name].to_numpy()
    return table


def _numbers(fills: pl.DataFrame, quotes: Quotes) -> Array:
    """The number of each fill's symbol; one more than there are for a fill that cannot be plain."""
    none = len(quotes.symbols)
    known = quotes.of_fills
    if known is None:
        known = symbol_numbers(fills["symbol"], quotes.symbols)
    number = known.fill_null(none)
    kind = number.dtype
    if fills["commission"].null_count() or fills["auction"].null_count() < len(fills):
        usual = pl.col("commission").is_not_null() & pl.col("auction").is_null()
        number = fills.select(pl.when(usual).then(number).otherwise(pl.lit(none, kind)))["symbol"]
    return number.to_numpy()


def by_number(numbers: Array) -> Array:
    """The places of rows ordered by a number of theirs, otherwise as they come."""
    # Numbers of 16 bits are sorted by radix; wider ones as one number with their places.
    if numbers.dtype.itemsize <= 2:
        return numbers.argsort(kind="stable")
    bits = max(len(numbers) - 1, 1).bit_length()
    packed = numbers.astype(np.int64) << bits
    packed |= np.arange(len(numbers))
    packed.sort()
    packed &= (1 << bits) - 1
    return packed


def _later(
    horizons: tuple[timedelta, ...],
    rows: InOrder,
    known: pl.Series,
    moments: Array,
    numbers: Array,
    quotes: Quotes,
    rule: QuoteRule,
) -> Iterator[Later]:
    """The quotes that stood a horizon later; what counts is what `costs.markouts` says."""
    if not horizons:
        return
    ends = ends_by_symbol(quotes).to_physical().fill_null(_NO_MOMENT).to_numpy()
    end = np.append(ends, _NO_MOMENT).take(numbers)
    # The age of a quote that stands itself is that of its row, which the match has bounded.
    aged = bool((quotes.frame["kind"] != USED).any())
    for horizon in horizons:
        shift_us = horizon // _US
        place = last_before(
            rows, known, strictly=False, reach_us=rule.usable_age_us, shift_us=shift_us
        )
        places, stands = _found(place)
        then = moments + shift_us
        stands = stands & (end >= then)
        if aged:
            then -= _moments(quotes.frame).take(places)
            stands &= then <= rule.usable_age_us
        yield Later(horizon_label(horizon), places, stands)


def _found(place: pl.Series) -> tuple[Array, Array]:
    """Places, 0 where there is none, and where there is one."""
    if not place.null_count():
        return place.to_numpy(), np.ones(len(place), bool)
    both = place.to_frame("place").select(
        pl.col("place").fill_null(0), found=pl.col("place").is_not_null()
    )
    return both["place"].to_numpy(), both["found"].to_numpy()


def _moments(table: pl.DataFrame) -> Array:
    """When the quote came that stood after each row; long ago where none did."""
    came = table["ref_ts"].to_physical()
    return (came.fill_null(_NO_MOMENT) if came.null_count() else came).to_numpy()


def _chosen(
    found: PlainFills,
    matched: Array,
    moments: Array,
    price: Array,
    table: pl.DataFrame,
    rule: QuoteRule,
) -> PlainFills:
    """The plain ones of all fills that were looked for, those whose reference is stale last."""
    came = _moments(table)
    plain, stale = np.empty(len(found), bool), np.empty(len(found), bool)
    for start in range(0, len(found), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        references = found.references[rows]
        age_us = moments[rows] - came.take(references)
        mid = middle(found.bid.take(references), found.ask.take(references))
        usable = matched[rows] & (age_us <= rule.usable_age_us)
        far = is_suspect(price.take(found.places[rows]), mid, rule.suspect_pct)
        plain[rows] = usable & ~far
        stale[rows] = age_us > rule.max_age_us
    stale &= plain
    late = stale.nonzero()[0]
    if plain.all() and not len(late):
        return found
    # Between the others they would part the runs that are added up.
    usual = (plain & ~stale).nonzero()[0]
    chosen = found.ordered(np.concatenate([usual, late]))
    if len(late):
        chosen = replace(chosen, stale=np.arange(len(chosen)) >= len(usual))
    return chosen if plain.all() else _with_others(chosen, found, ~plain, matched)


def _with_others(
    chosen: PlainFills, found: PlainFills, others: Array, matched: Array
) -> PlainFills:
    """The plain ones, and where the others of all fills are."""
    other = others.nonzero()[0]
    places = found.places[other]
    order = places.argsort()
    references = np.where(matched[other], found.references[other].astype(np.int64), -1)
    return replace(
        chosen,
        others=places[order],
        other_references=references[order],
        other_numbers=found.numbers[other][order],
    )
