"""Which names the desk's own columns of `[costs] tags` may have, and horizons named once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

_OF_FILLS = frozenset(
    {
        *("fill_id", "ts", "symbol", "side", "quantity", "price", "multiplier", "currency", "fx"),
        *("commission", "fees", "taxes", "rebate", "commission_currency", "unrated_currency"),
        *("arrival_price", "auction", "auction_price", "correction", "replaces"),
    }
)
_MADE = frozenset(
    {
        *("notional", "mid", "bid", "ask", "ref_source", "ref_ts", "quote_age_us", "kind", "row"),
        *("suspect", "locked", "usable", "after_crossed", "after_wide", "reason", "none_reason"),
        *("seen", "sid"),
    }
)
_GROUPED_BY = frozenset(
    {
        *("day", "week", "month", "weekday", "hour", "half_hour", "time_of_day", "hour_utc"),
        *("session", "size", "adv", "source"),
    }
)
_ENDS = ("_bps", "_ccy")
_BEGINNINGS = ("mid_", "realised_", "impact_", "known_", "key_", "_")


def own_tags(tags: Sequence[str]) -> Sequence[str]:
    """Tags that no column has that is read or made otherwise.

    Raises:
        ValueError: one is such a column: the figures of one would stand for the other.
    """
    for tag in tags:
        taken = tag in _OF_FILLS | _MADE | _GROUPED_BY
        if taken or tag.endswith(_ENDS) or tag.startswith(_BEGINNINGS):
            raise ValueError(
                f"names that are not used already: {tag!r} is. Name it otherwise, as own_{tag}, "
                f'and say whose column it is: [costs.fill_columns] own_{tag} = "{tag}"'
            )
    if len(set(tags)) < len(tags):
        raise ValueError("each name once")
    return tags


def single_horizons(horizons: Sequence[timedelta]) -> Sequence[timedelta]:
    """Horizons of which no two are the same.

    Raises:
        ValueError: two are, perhaps in other units.
    """
    if len(set(horizons)) < len(horizons):
        raise ValueError("each horizon once, also in other units: 60s is 1m")
    return horizons
