"""Answers to what a screen asks of a priced run (`costs/views.py`), a window at a time.

Only the rows of a window become values: the figures of a group are those of `costs.aggregate`, and
for the groups out of sight no more is worked out than their order needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

import polars as pl

from mechexo.config.costs import CostSettings
from mechexo.costs.aggregate import PARTS, grouped, horizons_of, totals
from mechexo.costs.coverage import coverage
from mechexo.costs.dimensions import NO_VALUE, Dimension, Grouping, dimensions_of
from mechexo.costs.exceptions import Exceptions, find_exceptions
from mechexo.costs.fills import TAGS
from mechexo.costs.market_days import add_adv
from mechexo.costs.operations import fill_costs
from mechexo.costs.running import Run, markout_curve
from mechexo.costs.saved import Acknowledgement
from mechexo.costs.values import CostRow
from mechexo.costs.viewing_beside import NOTHING as NOTHING_BESIDE
from mechexo.costs.viewing_beside import Beside, by_other_rules
from mechexo.costs.viewing_quotes import quotes_around
from mechexo.costs.viewing_rows import (
    MOST_ROWS,
    groups_of,
    has_key,
    histogram,
    keeps,
    limited,
    order_fills,
    order_groups,
    reaches,
)
from mechexo.costs.views import (
    Asked,
    ExceptionsAsked,
    ExceptionsPage,
    FillAsked,
    FillDetail,
    FillsAsked,
    FillsPage,
    Key,
    Plots,
    PlotsAsked,
    RunHead,
    TableAsked,
    TablePage,
    View,
)
from mechexo.errors import NotFoundError

_KEPT = 4
"""How many selections and orders are kept: going back and forth asks for the same again."""

_KEPT_FRAMES = 2
"""How many selections' fills are kept: they may be most of a run's."""

_FOR_GROUPS = (
    *("fill_id", "ts", "symbol", "side", "quantity", "price", "multiplier", "fx", "commission"),
    *("auction", "adv", "ref_source", "suspect", "reason", "notional", "total_bps", "slippage_bps"),
    *(f"{part}_ccy" for part in PARTS),
)
"""The columns behind a group's figures; the desk's tags and the texts come in addition."""

Value = TypeVar("Value")


class Viewer:
    """A priced run as screens look at it. What was worked out for one question is kept for the
    next; nothing of it changes an answer."""

    def __init__(
        self,
        run: Run,
        settings: CostSettings,
        rules: Grouping,
        start: datetime,
        end: datetime,
        beside: Beside = NOTHING_BESIDE,
    ) -> None:
        self._run = run
        self._settings = settings
        self._rules = rules
        self._texts = (*TAGS, *rules.tags)
        self._start, self._end = start, end
        self._beside = beside
        self._kept: dict[tuple[object, ...], Any] = {}

    def another(self) -> Viewer:
        """The same run for another thread: what is kept is not shared."""
        return Viewer(self._run, self._settings, self._rules, self._start, self._end, self._beside)

    # What can be asked

    def answer(self, asked: Asked, acknowledged: Mapping[tuple[str, str], Acknowledgement]) -> View:
        """The answer to a question.

        Raises:
            UsageError: a dimension is unknown.
            NotFoundError: there is no such fill.
        """
        match asked:
            case TableAsked():
                return self.table(asked)
            case FillsAsked():
                return self.fills(asked)
            case FillAsked():
                return self.fill(asked)
            case PlotsAsked():
                return self.plots(asked)
            case ExceptionsAsked():
                return self.exceptions(asked, acknowledged)

    @cached_property
    def head(self) -> RunHead:
        """What stands beside every view."""
        counted = coverage(self._run.fills, self._run.priced, self._run.unreadable)
        newest = self._run.priced["ts"].max()
        return RunHead(
            start=self._start,
            end=self._end,
            currency=self._settings.currency,
            zone=self._rules.zone,
            quote_rule=str(self._run.rule),
            fills=counted.fills,
            priced=counted.priced,
            unpriced=counted.unpriced_count,
            suspect=counted.suspect_count,
            rejected=counted.rejected_count,
            without_commission=counted.without_commission,
            unrated_by_currency=counted.unrated_by_currency,
            by_source=counted.by_benchmark,
            newest_fill_at=newest if isinstance(newest, datetime) else None,
            newest_quote_at=self._run.newest_quote_at,
            unreadable=counted.unreadable,
            dimensions=self._dimensions(),
        )

    def table(self, asked: TableAsked) -> TablePage:
        """A window of groups."""
        groups = self.ordered_groups(asked)
        frame = self._for_groups(asked.among)
        found_at = None
        if asked.find:
            places = groups.with_row_index("at").filter(has_key(asked.find))["at"]
            found_at = int(places[0]) if len(places) else None
        window = groups.slice(asked.offset, limited(asked.limit))
        most, least = reaches(groups)
        return TablePage(
            count=len(groups),
            offset=asked.offset,
            rows=self.rows_of(asked, window),
            totals=self._once(("totals", asked.among), lambda: totals(frame)),
            most_bps=most,
            least_bps=least,
            found_at=found_at,
        )

    def fills(self, asked: FillsAsked) -> FillsPage:
        """A window of fills."""
        places = self.ordered_fills(asked)
        order, reason = self._once(
            ("order", asked.among), lambda: self._beside.of_order(self._run, asked.among)
        )
        window = self._run.priced[places.slice(asked.offset, limited(asked.limit))]
        found_at = None
        if asked.find:
            own = self._run.priced["fill_id"].gather(places)
            found = (own == asked.find).arg_true()
            found_at = int(found[0]) if len(found) else None
        key = (asked.among, asked.words)
        most, least = self._once(("reach", *key), lambda: self._fill_reaches(places))
        return FillsPage(
            count=len(places),
            offset=asked.offset,
            fills=fill_costs(window, self._rules.tags),
            totals=self._once(("fill totals", *key), lambda: totals(self._lean()[places])),
            most_bps=most,
            least_bps=least,
            found_at=found_at,
            order=order,
            order_reason=reason,
        )

    def fill(self, asked: FillAsked) -> FillDetail:
        """One fill with the quotes around it."""
        rows = self._run.priced[self.place_of(asked.fill_id)]
        row = rows.row(0, named=True)
        before, after = quotes_around(
            self._run.quotes, self._run.rule, row, before=asked.before, after=asked.after
        )
        return FillDetail(
            fill=fill_costs(rows.head(1), self._rules.tags)[0],
            multiplier=row["multiplier"],
            fx=row["fx"],
            mids={label: row[f"mid_{label}"] for label in horizons_of(rows)},
            before=before,
            after=after,
        )

    def plots(self, asked: PlotsAsked) -> Plots:
        """What can be drawn of some fills."""
        self._need_volumes((), asked.among)
        frame = self._for_groups(asked.among)
        parts = ("realised_", "impact_")
        needed = [name for name in self._run.priced.columns if name.startswith(parts)]
        priced = self._run.priced.select("reason", "notional", "slippage_ccy", *needed)
        places = self._places(asked.among)
        if places is not None:
            priced = priced[places]
        return Plots(
            totals=totals(frame),
            days=grouped(frame, ["day"], self._rules),
            times=grouped(frame, ["half_hour"], self._rules),
            histogram=histogram(frame, asked.bins),
            markouts=markout_curve(replace(self._run, priced=priced), self._settings.horizons),
            sensitivity=self._once(
                ("other rules", asked.among), lambda: by_other_rules(self._run, places)
            ),
        )

    def exceptions(
        self, asked: ExceptionsAsked, acknowledged: Mapping[tuple[str, str], Acknowledgement]
    ) -> ExceptionsPage:
        """A window of the exceptions."""
        found = self.all_exceptions(acknowledged)
        rows = found.rows
        if asked.words.strip(" !"):
            texts = [f"{row}".lower() for row in rows]
            rows = tuple(row for row, text in zip(rows, texts, strict=True)
                         if keeps(text, asked.words))  # fmt: skip
        return ExceptionsPage(
            count=len(rows),
            offset=asked.offset,
            rows=rows[asked.offset : asked.offset + limited(asked.limit)],
            by_kind=found.by_kind,
            acknowledged=found.acknowledged,
        )

    # What a file of it needs as well

    def all_exceptions(self, acknowledged: Mapping[tuple[str, str], Acknowledgement]) -> Exceptions:
        """All exceptions that are listed, open ones first."""
        state = tuple(sorted((key, str(done)) for key, done in acknowledged.items()))
        return self._once(
            ("exceptions", state),
            lambda: find_exceptions(
                self._run.priced, self._run.fills.rejected, acknowledged=acknowledged
            ),
        )

    def ordered_groups(self, asked: TableAsked) -> pl.DataFrame:
        """The groups in their order: the codes of their dimensions (`code_` and the name), their
        names (`name_` and the name), and the figures that rows are ordered by."""
        self._need_volumes(asked.by, asked.among)
        key = ("ordered", asked.by, asked.among, asked.words, asked.sort, asked.turned)
        return self._once(key, lambda: order_groups(self._groups(asked), asked))

    def place_of(self, fill_id: str) -> pl.Series:
        """Where one fill is in the run's frame.

        Raises:
            NotFoundError: it is not there.
        """
        places = (self._run.priced["fill_id"] == fill_id).arg_true()
        if places.is_empty():
            raise NotFoundError(f"there is no fill {fill_id!r} in this period")
        return places

    def ordered_fills(self, asked: FillsAsked) -> pl.Series:
        """The fills in their order, as places in the run's frame."""
        self._need_volumes((), asked.among)
        key = ("fills", asked.among, asked.words, asked.sort, asked.turned)
        return self._once(
            key,
            lambda: order_fills(self._run.priced, self._places(asked.among), self._texts, asked),
        )

    def rows_of(self, asked: TableAsked, groups: pl.DataFrame) -> tuple[CostRow, ...]:
        """The figures of some of the groups that were asked for, in their order."""
        if groups.is_empty():
            return ()
        if len(self._groups(asked)) <= MOST_ROWS:
            key = ("rows", asked.by, asked.among)
            found = self._once(key, lambda: self._rows(asked, self._for_groups(asked.among)))
        else:
            found = self._rows(asked, self._behind(asked, groups))
        names = groups.select(f"name_{name}" for name in asked.by)
        return tuple(found[name] for name in names.iter_rows())

    def fills_frame(self, places: pl.Series) -> pl.DataFrame:
        """Priced fills by their places, as `costs.running.Run` has them."""
        return self._run.priced[places]

    # How it is worked out

    def _need_volumes(self, by: Sequence[str], among: Key) -> None:
        """Reads the average daily volumes when these are asked for the first time."""
        wanted = "adv" in by or any(name == "adv" for name, _ in among)
        priced, volumes = self._run.priced, self._beside.volumes
        if not wanted or volumes is None or "adv" in priced.columns:
            return
        symbols = tuple(priced["symbol"].unique().sort())
        self._run = replace(self._run, priced=add_adv(priced, volumes(symbols)))
        # What was worked out of the fills lacks the column.
        self._kept.clear()

    def _once(self, key: tuple[object, ...], make: Callable[[], Value]) -> Value:
        if key in self._kept:
            value: Value = self._kept.pop(key)
        else:
            value = make()
        self._kept[key] = value
        same_kind = [each for each in self._kept if each[0] == key[0]]
        for oldest in same_kind[: -_KEPT_FRAMES if key[0] == "frame" else -_KEPT]:
            del self._kept[oldest]
        return value

    def _groups(self, asked: TableAsked) -> pl.DataFrame:
        return self._once(
            ("groups", asked.by, asked.among),
            lambda: groups_of(self._for_groups(asked.among), self._dims(asked.by)),
        )

    def _rows(self, asked: TableAsked, frame: pl.DataFrame) -> dict[tuple[str, ...], CostRow]:
        return {tuple(row.key.values()): row for row in grouped(frame, asked.by, self._rules)}

    def _behind(self, asked: TableAsked, groups: pl.DataFrame) -> pl.DataFrame:
        """The fills of some groups."""
        frame, dims = self._for_groups(asked.among), self._dims(asked.by)
        codes = [f"code_{each.name}" for each in dims]
        coded = frame.with_columns(
            each.code.alias(code) for each, code in zip(dims, codes, strict=True)
        )
        own = coded.join(groups.select(codes), on=codes, how="semi", nulls_equal=True)
        return own.select(frame.columns)

    def _dims(self, by: Sequence[str]) -> tuple[Dimension, ...]:
        return dimensions_of(by, self._rules, self._run.priced.columns)

    def _dimensions(self) -> tuple[str, ...]:
        """In which a screen goes from one to the next: what these fills have."""
        priced = self._run.priced
        kept = {name for name in self._texts if name in priced.columns and priced[name].count()}
        order = ("strategy", "venue", "broker", "liquidity", "order_type", *self._rules.tags)
        session = ("session",) if self._rules.session_opens or self._rules.session_closes else ()
        return (
            *("day", "symbol", "hour", "side"),
            *(name for name in order if name in kept),
            *session,
            *("size", "source"),
            *(("adv",) if self._beside.volumes is not None else ()),
            *(("order_id",) if "order_id" in kept else ()),
        )

    def _lean(self) -> pl.DataFrame:
        names = dict.fromkeys((*_FOR_GROUPS, *self._texts))
        return self._run.priced.select(name for name in names if name in self._run.priced.columns)

    def _for_groups(self, among: Key) -> pl.DataFrame:
        places = self._places(among)
        if places is None:
            return self._lean()
        return self._once(("frame", among), lambda: self._lean()[places])

    def _places(self, among: Key) -> pl.Series | None:
        """The fills with these values, as places in the frame; None when they are all."""
        if not among:
            return None
        return self._once(("places", among), lambda: self._mask(among).arg_true())

    def _mask(self, among: Key) -> pl.Series:
        mask = pl.repeat(True, len(self._run.priced), eager=True)
        for name, value in among:
            (dimension,) = self._dims([name])
            codes = self._run.priced.select(code=dimension.code)["code"]
            if value == NO_VALUE and codes.dtype != pl.String:
                mask &= codes.is_null()
            elif codes.dtype == pl.String:
                mask &= codes == value
            else:
                known = codes.unique().drop_nulls()
                own = [code for code in known.to_list() if dimension.text(code) == value]
                mask &= codes.is_in(pl.Series(own, dtype=codes.dtype).implode())
        return mask.fill_null(False)

    def _fill_reaches(self, places: pl.Series) -> tuple[float, float]:
        columns = self._run.priced.select(f"{part}_bps" for part in PARTS)[places]
        return reaches(columns)
