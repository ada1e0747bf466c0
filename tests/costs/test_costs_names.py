"""A desk's own tags have names of their own: no figure stands for a tag, no tag for a figure."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import mechexo.costs
from mechexo.costs.day_report import report_by_days
from mechexo.costs.operations import report
from mechexo.costs.results import compute, exceptions_of
from mechexo.desk import Desk
from mechexo.errors import ConfigError

MakeDesk = Callable[..., Desk]

COSTS = '[costs]\nfills = "fills.csv"\nquotes = "quotes.csv"\ntrades = "trades.csv"\n'
START, END = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)


def columns_of_pricing() -> Iterator[str]:
    """Whatever a column is called there: what `pl.col` names, and what frames are given."""
    costs = Path(mechexo.costs.__file__).parent
    for path in sorted([*costs.glob("*.py"), costs / "sources" / "corrections.py"]):
        if re.match(r"view|ingest|report|store|impact|incident|import|bootstrap", path.name):
            continue
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                if call.func.attr in {"col", "alias"}:
                    yield from (each.value for each in call.args if isinstance(each, ast.Constant))
                elif call.func.attr in {"select", "with_columns", "agg"}:
                    yield from (each.arg for each in call.keywords if each.arg)


@pytest.mark.slow
def test_whatever_a_tag_is_called_it_is_refused_or_its_groups_are_right(
    make_desk: MakeDesk, tmp_path: Path
) -> None:
    names = sorted({*columns_of_pricing(), "source", "account", "class", "strategy"})
    refused = set()
    for name in names:
        try:
            desk = make_desk(f'{COSTS}tags = ["{name}"]\n')
        except ConfigError:
            refused.add(name)
            continue
        written(desk.root, name)
        for computed in (report, report_by_days):
            found = computed(desk, start=START, end=END, by=(name,))
            groups = {row.key[name]: row.priced for row in found.by[name]}
            assert groups == {"x": 3, "y": 2}, (name, computed)
            assert found.totals.total_bps == pytest.approx(2.0, abs=1e-9), (name, computed)
    assert {"mid", "reason", "kind", "source", "symbol", "sid", "fx", "total_bps"} <= refused
    assert refused.isdisjoint({"strategy", "class", "account"})
    assert len(names) > 50


def written(folder: Path, tag: str) -> None:
    """Five fills with a tag, one more that is taken back, and their market."""
    rows = [
        f"f{n},2026-03-02T14:30:0{n}Z,AAA,buy,10,100.01,0.1,{said}"
        for n, said in enumerate(("x,", "x,", "x,", "y,", "y,correct", "z,", "z,bust"))
    ]
    rows[-1] = rows[-1].replace("f6", "f5")
    head = f"fill_id,ts,symbol,side,quantity,price,commission,{tag},correction"
    (folder / "fills.csv").write_text("\n".join([head, *rows, ""]))
    quotes = [f"2026-03-02T{hour}:29:59Z,AAA,99.99,100.01" for hour in (14, 15)]
    (folder / "quotes.csv").write_text("\n".join(["ts,symbol,bid,ask", *quotes, ""]))
    (folder / "trades.csv").write_text("ts,symbol,price,size\n2026-03-02T14:29:59Z,AAA,100,5\n")


def test_a_tag_is_not_called_as_the_column_of_imports_that_says_what_a_fill_corrects(
    make_desk: MakeDesk,
) -> None:
    with pytest.raises(ConfigError, match="'replaces' is"):
        make_desk(f'{COSTS}tags = ["replaces"]\n')


def test_exceptions_are_listed_also_of_fills_with_a_tag_called_rank(make_desk: MakeDesk) -> None:
    desk = make_desk(f'{COSTS}tags = ["rank"]\n')
    written(desk.root, "rank")
    found = exceptions_of(desk, compute(desk, start=START, end=END))
    assert "number 1 of 5 fills" in {each.reason[:19] for each in found.exceptions}


def test_a_refused_tag_is_told_what_to_write_instead(make_desk: MakeDesk) -> None:
    with pytest.raises(ConfigError) as refused:
        make_desk(f'{COSTS}tags = ["mid"]\n')
    assert "Name it otherwise, as own_mid, and say whose column it is" in str(refused.value)
    assert '[costs.fill_columns] own_mid = "mid"' in str(refused.value)


def test_what_it_is_told_to_write_works(make_desk: MakeDesk) -> None:
    desk = make_desk(f'{COSTS}tags = ["own_mid"]\n[costs.fill_columns]\nown_mid = "mid"\n')
    written(desk.root, "mid")
    found = report(desk, start=START, end=END, by=("own_mid",))
    assert [row.key["own_mid"] for row in found.by["own_mid"]] == ["x", "y"]


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ('tags = ["account", "account"]', "each name once"),
        ('horizons = ["60s", "1m"]', "each horizon once, also in other units"),
    ],
)
def test_a_name_or_a_horizon_stands_once(make_desk: MakeDesk, setting: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        make_desk(COSTS + setting + "\n")
