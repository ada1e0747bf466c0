"""Tables that a person can sort and filter, and the boxes beside them."""

from __future__ import annotations

from collections.abc import Sequence

from mechexo.costs.own_values import OwnValues, component_of, own_values
from mechexo.costs.report_html.data import parts, whole_bps
from mechexo.costs.report_html.markup import MISSING, Html, el, number, share
from mechexo.costs.values import FEW, CostRow
from mechexo.value_classes import dataclass

LISTED = 1000
"""How many rows a table has at most; the note under it says how many there are."""

FEW_MARK = "*"
"""After an outer percentile of so few fills that it is one or two of them."""

_FALLBACKS = ("trade", "bar", "arrival")
_BAR_WIDTH, _BAR_HEIGHT = 120, 14


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a cell, and what it is sorted by: the number, or the text itself."""

    shown: str
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """The head of a column."""

    title: str
    hint: str = ""
    numeric: bool = True
    sortable: bool = True
    wraps: bool = False
    """Whether its text may take several lines."""


def sortable(
    name: str,
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    *,
    filtered: str = "",
    sorted_by: int | None = None,
    descending: bool = False,
    all_by: str = "--csv",
) -> Html:
    """A table with its controls: a button in each head sorts, and a field filters by the words of
    a row when `filtered` names what is filtered. `all_by` says what gives the rows that do not
    fit in."""
    heads = [
        _head(column, place == sorted_by, descending=descending)
        for place, column in enumerate(columns)
    ]
    body = [
        el(
            "tr",
            [
                _cell(cell, column, first=place == 0)
                for place, (cell, column) in enumerate(zip(row, columns, strict=True))
            ],
        )
        for row in rows[:LISTED]
    ]
    table = el(
        "table",
        el("caption", caption),
        el("thead", el("tr", heads)),
        el("tbody", body),
        id=f"table-{name}",
        class_="sortable",
    )
    more = None
    if len(rows) > LISTED:
        more = el(
            "p",
            f"The first {LISTED:,} of {len(rows):,}; {all_by} writes all of them.",
            class_="note",
        )
    return el(
        "div",
        _filter(name, filtered, min(len(rows), LISTED)) if filtered else None,
        el("div", table, class_="scroll", role="region", aria_label=caption, tabindex="0"),
        more,
        class_="table",
    )


def _filter(name: str, filtered: str, count: int) -> Html:
    label = el("label", f"Filter {filtered}", for_=f"filter-{name}")
    field = el(
        "input",
        type="search",
        id=f"filter-{name}",
        data_filters=f"table-{name}",
        autocomplete="off",
        spellcheck="false",
    )
    said = el("output", f"{count:,} of {count:,}", for_=f"filter-{name}", aria_live="polite")
    return el("p", label, " ", field, " ", said, class_="filter needs-script")


def _head(column: Column, sorted_: bool, *, descending: bool) -> Html:
    order = ("descending" if descending else "ascending") if sorted_ else None
    kind = "number" if column.numeric else None
    if not column.sortable:
        return el("th", column.title, scope="col", class_=kind)
    button = el("button", column.title, type="button", title=column.hint or None)
    # The print style shows the title in place of the button.
    return el("th", button, scope="col", class_=kind, aria_sort=order, data_title=column.title)


def _cell(cell: Cell, column: Column, *, first: bool) -> Html:
    if first and not column.numeric:
        return el("th", cell.shown, scope="row")
    if not column.numeric:
        return el("td", cell.shown, class_="wrap" if column.wraps else None)
    value = None if cell.value is None else repr(cell.value)
    return el("td", cell.shown, class_="number", data_value=value)


def groups(
    name: str,
    rows: Sequence[CostRow],
    currency: str,
    *,
    filtered: str = "",
    by_notional: bool = False,
) -> Html:
    """The costs of groups, a row for each; `name` is the grouping's, as `symbol+hour`."""
    keys = name.split("+")
    if by_notional:
        rows = sorted(rows, key=lambda row: -row.notional)
    of = component_of(rows)
    own = "" if of == "total" else "slippage "
    widest = max((_reach(row) for row in rows), default=0.0)
    columns = [
        *(Column(key.replace("_", " "), numeric=False) for key in keys),
        Column("fills", "accepted fills"),
        Column("priced", "share of the fills with a reference: those behind every figure"),
        Column(f"notional {currency}", "of the priced fills, at the reference"),
        Column("commission", "explicit costs, bps"),
        Column("half-spread", "quoted half-spread, bps"),
        Column("beyond", "slippage beyond the touch, bps; below zero is price improvement"),
        Column("total", "slippage and commission, bps"),
        Column("parts", numeric=False, sortable=False),
        Column(f"{own}p50", f"median {of} of a fill, bps"),
        Column(f"{own}p95", f"{of} of a fill, bps"),
        Column(f"{own}p99", f"{of} of a fill, bps"),
        Column(f"cost {currency}", "total in cash"),
    ]
    cells = [
        [
            *(Cell(row.key[key]) for key in keys),
            Cell(f"{row.fills:,}", row.fills),
            _priced(row),
            Cell(number(row.notional, 0), row.notional) if row.priced else Cell(MISSING),
            *(_bps(value) for value in (row.commission_bps, row.spread_bps, row.beyond_bps)),
            _bps(row.total_bps),
            Cell(_bar(row, widest)),
            *_percentiles(own_values(row, of)),
            Cell(number(row.total_ccy, 0), row.total_ccy),
        ]
        for row in rows
    ]
    some_few = any(own_values(row, of).few for row in rows)
    few = f"; {FEW_MARK} of fewer than {FEW} fills" if some_few else ""
    return sortable(
        name.replace("+", "-"),
        f"Costs by {' and '.join(keys).replace('_', ' ')}, bps of notional{few}",
        columns,
        cells,
        filtered=filtered,
        sorted_by=len(keys) + 2 if by_notional else 0,
        descending=by_notional,
    )


def _bps(value: float | None) -> Cell:
    return Cell(number(value), value)


def _percentiles(own: OwnValues) -> tuple[Cell, ...]:
    outer = (_outer(own, name) for name in ("p95_bps", "p99_bps"))
    return (_bps(own.figures["p50_bps"]), *outer)


def _outer(own: OwnValues, name: str) -> Cell:
    value = own.figures[name]
    return Cell(number(value) + (FEW_MARK if own.few and value is not None else ""), value)


def _priced(row: CostRow) -> Cell:
    part = row.priced / row.fills if row.fills else None
    return Cell(share(part), part)


def _reach(row: CostRow) -> float:
    """How far a row's parts reach from zero, on the side where they reach further."""
    steps = [part.bps for part in parts(row)]
    return max(sum(step for step in steps if step > 0), -sum(step for step in steps if step < 0), 0)


def _bar(row: CostRow, widest: float) -> str:
    """The parts of a row side by side, costs to the right of the middle, gains to the left."""
    if not widest:
        return MISSING
    middle = _BAR_WIDTH / 2
    shown, right, left = [], middle, middle
    for part in parts(row):
        length = abs(part.bps) / widest * middle
        at = right if part.bps > 0 else left - length
        right, left = (right + length, left) if part.bps > 0 else (right, left - length)
        shown.append(
            el(
                "rect",
                x=f"{at:.1f}",
                y="2",
                width=f"{length:.1f}",
                height=str(_BAR_HEIGHT - 4),
                class_=f"part-{part.name}",
            )
        )
    zero = el(
        "line", x1=f"{middle:g}", x2=f"{middle:g}", y1="0", y2=str(_BAR_HEIGHT), class_="zero"
    )
    said = ", ".join(f"{part.name} {number(part.bps)}" for part in parts(row))
    return el(
        "svg",
        *shown,
        zero,
        width=str(_BAR_WIDTH),
        height=str(_BAR_HEIGHT),
        viewBox=f"0 0 {_BAR_WIDTH} {_BAR_HEIGHT}",
        role="img",
        aria_label=said or "nothing priced",
        class_="parts",
    )


def coverage_box(row: CostRow, *, what: str = "these figures") -> Html:
    """How much of a group stands behind its figures, by the source of the reference."""
    return el(
        "aside",
        el("h3", "Coverage"),
        el("dl", [el("div", el("dt", name), el("dd", value)) for name, value in _coverage(row)]),
        class_="coverage",
        aria_label=f"Coverage of {what}",
    )


def _coverage(row: CostRow) -> list[tuple[str, str]]:
    def fills_share(*sources: str) -> str:
        if not row.fills:
            return MISSING
        return share(
            sum(row.sources[source].fills for source in sources if source in row.sources)
            / row.fills
        )

    covered = 1 - sum(
        row.sources[source].notional_share
        for source in ("none", "suspect")
        if source in row.sources
    )
    return [
        ("fills", f"{row.fills:,}"),
        ("quoted", fills_share("quote")),
        ("stale", fills_share("stale")),
        ("auction", fills_share("auction")),
        ("other reference", fills_share(*_FALLBACKS)),
        ("suspect", fills_share("suspect")),
        ("unpriced", fills_share("none")),
        ("notional covered", share(covered) if row.fills else MISSING),
    ]


def statistics(row: CostRow) -> Html:
    """How the fills' own totals are spread; without any commission their slippages."""
    own = own_values(row)
    found = own.figures
    figures = [
        ("n", f"{own.fills:,}"),
        ("by notional", number(whole_bps(row))),
        ("mean", number(found["mean_bps"])),
        ("s.d.", number(found["sd_bps"])),
        ("s.e.", number(found["se_bps"])),
        ("winsorised", number(found["winsorised_mean_bps"])),
        ("min", number(found["min_bps"])),
        ("p5", _outer(own, "p5_bps").shown),
        ("p25", number(found["p25_bps"])),
        ("p50", number(found["p50_bps"])),
        ("p75", number(found["p75_bps"])),
        ("p95", _outer(own, "p95_bps").shown),
        ("p99", _outer(own, "p99_bps").shown),
        ("max", number(found["max_bps"])),
        ("p50 by notional", number(found["weighted_p50_bps"])),
        ("p95 by notional", _outer(own, "weighted_p95_bps").shown),
    ]
    return plain(
        f"How the fills' own {own.of}s are spread, bps; winsorised at p1 and p99",
        [name for name, _ in figures],
        [[value for _, value in figures]],
    )


def plain(
    caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int = 0
) -> Html:
    """A small table: `texts` columns of words, then numbers."""

    def kind(place: int) -> str | None:
        return None if place < texts else "number"

    return el(
        "div",
        el(
            "table",
            el("caption", caption),
            el(
                "thead",
                el(
                    "tr",
                    [
                        el("th", head, scope="col", class_=kind(place))
                        for place, head in enumerate(heads)
                    ],
                ),
            ),
            el(
                "tbody",
                [
                    el("tr", [el("td", cell, class_=kind(place)) for place, cell in enumerate(row)])
                    for row in rows
                ],
            ),
        ),
        class_="scroll",
        role="region",
        aria_label=caption,
        tabindex="0",
    )
