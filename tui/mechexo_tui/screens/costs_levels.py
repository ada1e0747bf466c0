"""Where one is on the costs screen, and how one gets from there to the next place: plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mechexo.costs.views import (
    PAGE,
    Asked,
    ExceptionsAsked,
    FillAsked,
    FillsAsked,
    Key,
    PlotsAsked,
    TableAsked,
)
from mechexo.value_classes import dataclass

SCREENS = {
    "table": "costs",
    "fills": "costs-fills",
    "fill": "costs-fill",
    "plots": "costs-plots",
    "exceptions": "costs-exceptions",
}
"""Kinds of level to their names in the table of actions."""

COMBINES = "+"


@dataclass(frozen=True, slots=True)
class Level:
    """What is shown: groups, fills, one fill, plots or exceptions; of what; in which order."""

    kind: str = "table"
    among: Key = ()
    by: tuple[str, ...] = ("day",)
    sort: str = "key"
    turned: bool = False
    words: str = ""
    fill_id: str = ""

    @property
    def screen(self) -> str:
        """Its name in the table of actions."""
        return SCREENS[self.kind]

    @property
    def is_text(self) -> bool:
        """Whether it is read, not chosen from."""
        return self.kind in {"fill", "plots"}

    @property
    def name(self) -> str:
        """What it is called in a trail of crumbs, after the values on the way."""
        match self.kind:
            case "table":
                return "by " + COMBINES.join(self.by)
            case "fill":
                return f"fill {self.fill_id}"
            case _:
                return self.kind

    def asked(self, offset: int, *, bins: int, find: Key | str = ()) -> Asked:
        """The question for a window of it."""
        match self.kind:
            case "table":
                key = find if isinstance(find, tuple) else ()
                return TableAsked(
                    self.by, self.among, self.words, self.sort, self.turned, offset, PAGE, key
                )
            case "fills":
                fill = find if isinstance(find, str) else ""
                return FillsAsked(
                    self.among, self.words, self.sort, self.turned, offset, PAGE, fill
                )
            case "fill":
                return FillAsked(self.fill_id)
            case "plots":
                return PlotsAsked(self.among, bins)
            case _:
                return ExceptionsAsked(self.words, offset, PAGE)

    def sorted_by(self, what: str) -> Level:
        """The same in another order; once more turns it round."""
        return replace(self, sort=what, turned=what == self.sort and not self.turned)

    def grouped_by(self, by: Sequence[str]) -> Level:
        """The same fills in other groups."""
        return replace(self, by=tuple(by), words="")

    def next_grouping(self, dimensions: Sequence[str]) -> Level:
        """The same fills by the next dimension in which they can differ."""
        fixed = {name for name, _ in self.among}
        free = [name for name in dimensions if name not in fixed] or ["day"]
        at = free.index(self.by[0]) if len(self.by) == 1 and self.by[0] in free else -1
        return self.grouped_by([free[(at + 1) % len(free)]])

    def into(self, key: Key, dimensions: Sequence[str]) -> Level:
        """What a row of a table opens into: from days to symbols to orders to fills."""
        among = (*self.among, *key)
        fixed = {name for name, _ in among}
        inner = replace(self, among=among, words="")
        if "order_id" not in fixed:
            for name in ("symbol", "order_id"):
                if name not in fixed and name in dimensions:
                    return replace(inner, by=(name,))
        return self.fills_of(key)

    def fills_of(self, key: Key = ()) -> Level:
        """The fills behind a row, or behind all rows, in order of time."""
        return Level("fills", (*self.among, *key), self.by)

    def one_fill(self, fill_id: str) -> Level:
        """One fill in full."""
        return Level("fill", self.among, self.by, fill_id=fill_id)


def crumbs(levels: Sequence[Level]) -> str:
    """The trail to the last level: `costs > 2026-03-02 > AAPL > fills`."""
    last = levels[-1]
    return " > ".join(["costs", *(value for _, value in last.among), last.name])
