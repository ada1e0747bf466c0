"""What a view of a priced run may need beside it: the market's volumes, the desk's orders, the same
fills by other rules. Most views need none of it, so it is worked out when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.costs.dimensions import NO_VALUE
from mechexo.costs.operations import known_orders, whole_sessions
from mechexo.costs.running import Run, exchange_zone, price_period, sensitivity
from mechexo.costs.values import OrderCost, Sensitivity
from mechexo.costs.views import Key
from mechexo.errors import MechexoError
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    import polars as pl

    from mechexo.desk import Desk


@dataclass(frozen=True, slots=True)
class Beside:
    """How to get it; None where no source is configured."""

    volumes: Callable[[tuple[str, ...]], pl.DataFrame] | None = None
    """symbol and adv of some symbols."""
    order: Callable[[Run, str], OrderCost | None] | None = None
    """The shortfall of an order; None when the source does not know it."""

    def of_order(self, run: Run, among: Key) -> tuple[OrderCost | None, str]:
        """The shortfall of the one order that the fills with these values are of; and why there is
        none, when there is one order."""
        order_id = dict(among).get("order_id", NO_VALUE)
        if order_id == NO_VALUE or self.order is None:
            return None, ""
        try:
            found = self.order(run, order_id)
        except MechexoError as error:
            # The fills are known all the same.
            return None, str(error)
        return found, "" if found else "[costs] orders does not have this order"


NOTHING = Beside()


def beside(desk: Desk, start: datetime, end: datetime) -> Beside:
    """What the desk's sources have beside the fills of a period."""
    settings = desk.settings.costs

    def volumes(symbols: tuple[str, ...]) -> pl.DataFrame:
        from mechexo.costs.expecting import average_volumes

        return average_volumes(desk, end, symbols)

    def order(run: Run, order_id: str) -> OrderCost | None:
        return order_cost(desk, run, start, end, order_id)

    return Beside(
        volumes if settings.bars or settings.trades else None,
        order if settings.orders else None,
    )


def order_cost(
    desk: Desk, run: Run, start: datetime, end: datetime, order_id: str
) -> OrderCost | None:
    """One order's implementation shortfall, as `costs.operations.orders` gives it; None when the
    source of orders does not know it.

    Args:
        desk: whose orders.
        run: the priced fills with start <= time < end. They are used where the order lived within
            the period; else its own time is priced.
        start: of the period.
        end: of the period.
        order_id: which order.

    Raises:
        MechexoError: several orders of the period have this id.
        ConfigError: a source does not fit its mapping.
        UnreachableError: a source cannot be read.
    """
    from mechexo.costs.orders import Session, order_costs

    settings = desk.settings.costs
    known = known_orders(desk, start, end, order_id)
    if known is None:
        return None
    if len(known.asked) > 1:
        raise MechexoError(
            f"[costs] orders has {len(known.asked)} orders of this id in the period; "
            "mechexo costs orders tells them apart"
        )
    first, last = known.first, known.last
    symbols = tuple(known.asked["symbol"].drop_nulls().unique())
    if (first, last) != (start, end) or not set(symbols) <= set(run.quotes.symbols):
        sessions = whole_sessions(desk, first, last)
        run = price_period(desk, first, last, also=symbols, quotes_of=sessions)
    (found,) = order_costs(
        known.asked,
        run.priced,
        run.quotes,
        run.rule,
        session=Session(exchange_zone(desk), settings.session_closes, settings.day_starts),
        as_of=desk.clock.now(),
        trades=run.trades,
        others=known.others,
    )
    return found


def by_other_rules(run: Run, places: pl.Series | None) -> tuple[Sensitivity, ...]:
    """What the slippage of some of the fills (of all when None) would be by other rules for the
    reference. `places` are those in the run's frame."""
    if places is None:
        return sensitivity(run)
    fills = replace(run.fills, accepted=run.fills.accepted[places])
    return sensitivity(replace(run, fills=fills))
