"""The account of an import: every row of a file is in exactly one of its counts."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import polars as pl
import pytest
import simplefix
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mechexo.cli.costs_import import _print
from mechexo.costs.imports.formats import FORMATS, names
from mechexo.costs.imports.operations import import_file
from mechexo.costs.imports.values import FileImport
from mechexo.desk import Desk
from mechexo.errors import ConfigError

pytestmark = pytest.mark.slow

SAMPLES = Path(__file__).parents[1] / "data" / "broker"
JUNK = ("", "junk", "-1", "0", "nan", "1e400", None, True, 7, [], "2026-03-02", "bust", "correct")
TOML = """
[costs]
fills = "imported"
folder = "kept"
naive_zone = "America/New_York"
tags = ["algo"]
"""

Fields = dict[str, Any]
Make = Callable[[Sequence[Fields]], bytes]


def json_file(name: str) -> Any:
    return json.loads((SAMPLES / name).read_bytes())


def json_sample(name: str, *keys: str) -> list[Fields]:
    found = json_file(name)
    for key in keys:
        found = found[key]
    return list(found)


def listed(rows: Sequence[Fields]) -> bytes:
    return json.dumps(rows).encode()


def kraken_spot(rows: Sequence[Fields]) -> bytes:
    trades = {f"T{place}": row for place, row in enumerate(rows)}
    return json.dumps({"error": [], "result": {"trades": trades}}).encode()


def flex_rows() -> list[Fields]:
    trades = ElementTree.parse(SAMPLES / "ib-flex.xml").getroot().iter("Trades")
    return [{"": each.tag, **each.attrib} for section in trades for each in section]


def flex(rows: Sequence[Fields]) -> bytes:
    root = ElementTree.Element("FlexQueryResponse")
    for row in rows:
        texts = {name: "" if value is None else str(value) for name, value in row.items() if name}
        ElementTree.SubElement(root, row[""], texts)
    return ElementTree.tostring(root)


def csv_rows(name: str, separator: str) -> list[Fields]:
    return pl.read_csv(SAMPLES / name, separator=separator, infer_schema=False).to_dicts()


def as_csv(rows: Sequence[Fields]) -> bytes:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = [[str(row.get(name) or "") for name in columns] for row in rows]
    return (
        pl.DataFrame(table, schema=columns, orient="row").write_csv(quote_style="always").encode()
    )


FIX = {
    35: "8", 49: "BROKER", 17: "E1", 37: "O1", 55: "AAA", 54: "1", 32: "100", 31: "100.01",
    60: "20260302-14:30:00.123", 15: "USD", 150: "F",
}  # fmt: skip


def fix_rows() -> list[Fields]:
    changes: list[dict[int, str]] = [
        {}, {17: "E2", 54: "2"}, {17: "E3", 150: "H", 19: "E1"}, {17: "E4", 150: "G", 19: "E2"},
        {150: "0"}, {35: "0"}, {17: "E5", 150: "H"},
    ]  # fmt: skip
    return [{str(tag): value for tag, value in {**FIX, **each}.items()} for each in changes]


def fix(rows: Sequence[Fields]) -> bytes:
    made = []
    for row in rows:
        message = simplefix.FixMessage()
        message.append_pair(8, "FIX.4.4")
        for tag, value in row.items():
            if value not in (None, "") or tag == "35":
                message.append_pair(int(tag), str(value or "?"), header=tag == "35")
        encoded = message.encode()
        made.append(encoded[:-4] if row["17"] == "junk" else encoded)
    return b"\n".join(made)


OWN = [
    {"fill_id": "1", "ts": "2026-03-02T14:30:00Z", "correction": ""},
    {"fill_id": "2", "ts": "2026-03-02T14:30:01Z", "correction": ""},
    {"fill_id": "1", "ts": "2026-03-02T14:30:00Z", "correction": "correct"},
    {"fill_id": "2", "ts": "2026-03-02T14:30:01Z", "correction": "bust"},
    {"fill_id": "9", "ts": "2026-03-02T14:30:02Z", "correction": "bust"},
]


def own_rows() -> list[Fields]:
    rest = {"symbol": "AAA", "side": "buy", "quantity": "1", "price": "100.5", "algo": "vwap"}
    return [each | rest for each in OWN]


FILES: Mapping[str, tuple[str, Callable[[], list[Fields]], Make]] = {
    "alpaca": ("alpaca", lambda: json_sample("alpaca.json"), listed),
    "binance, spot": ("binance", lambda: json_sample("binance-spot.json"), listed),
    "binance, futures": ("binance", lambda: json_sample("binance-futures.json"), listed),
    "coinbase": ("coinbase", lambda: json_sample("coinbase-advanced.json", "fills"), listed),
    "coinbase, exchange": ("coinbase", lambda: json_sample("coinbase-exchange.json"), listed),
    "kraken, spot": (
        "kraken",
        lambda: list(json_file("kraken-spot.json")["result"]["trades"].values()),
        kraken_spot,
    ),
    "kraken, futures": (
        "kraken",
        lambda: json_sample("kraken-futures.json", "fills"),
        lambda rows: json.dumps({"fills": rows}).encode(),
    ),
    "bybit": ("bybit", lambda: json_sample("bybit.json", "result", "list"), listed),
    "ib-flex": ("ib-flex", flex_rows, flex),
    "ib-csv": ("ib-csv", lambda: csv_rows("ib-trades.csv", ","), as_csv),
    "fix": ("fix", fix_rows, fix),
    "mapped": ("mapped", own_rows, as_csv),
}  # fmt: skip


KNOWN_CORRECTIONS = {
    *("bust", "busted", "cancel", "canceled", "cancelled", "trade_cancel", "reversal", "h"),
    *("correct", "corrected", "correction", "amend", "amended", "trade_correct", "g"),
    *("", "new", "trade", "fill", "none", "f", "0", "false"),
}


def unknown_corrections(rows: Sequence[Fields]) -> bool:
    said = (str(row["correction"] or "").strip().lower().replace(" ", "_") for row in rows)
    return any(word not in KNOWN_CORRECTIONS for word in said)


def add_up(answer: FileImport) -> int:
    """All counts, each of which a row is in once."""
    return (
        answer.fills
        + answer.taken_back
        + answer.repeated
        + answer.corrected
        + sum(answer.no_fills.values())
        + sum(answer.reasons.values())
    )


def printed(answer: FileImport, desk: Desk, capsys: pytest.CaptureFixture[str]) -> tuple[int, int]:
    """What people read: the sum of the parts, and the rows that they are said to be of."""
    capsys.readouterr()
    _print(answer, desk.zone)
    (line,) = re.findall(r"^  understood: .*$", capsys.readouterr().out, re.MULTILINE)
    said = re.fullmatch(r"  understood: (\d+) fills of (\d+) rows((?:, \d+ [a-z ]+)*)", line)
    assert said is not None, line
    return int(said[1]) + sum(map(int, re.findall(r"\d+", said[3]))), int(said[2])


@st.composite
def rows_of(draw: st.DrawFn, pool: list[Fields]) -> list[Fields]:
    """Rows of a sample: left out, repeated, in any order, some with a value that is none."""
    rows = []
    for _ in range(draw(st.integers(1, 9))):
        row = dict(draw(st.sampled_from(pool)))
        if draw(st.integers(0, 2)) == 0:
            name = draw(st.sampled_from([name for name in row if name]))
            row[name] = draw(st.sampled_from(JUNK))
        rows.append(row)
    return rows


def test_every_format_is_tried_here() -> None:
    assert {name for name, _, _ in FILES.values()} == set(names())
    assert len(names()) == len(FORMATS) + 1


@pytest.mark.parametrize("file", FILES)
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_every_row_is_in_exactly_one_count(
    make_desk, tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, data: st.DataObject
) -> None:
    name, pool, make = FILES[file]
    rows = data.draw(rows_of(pool()))
    path = tmp_path / "file"
    path.write_bytes(make(rows))
    desk: Desk = make_desk(TOML)
    if name == "mapped" and unknown_corrections(rows):
        # Taken for a plain fill it could be counted twice: the whole file is refused.
        with pytest.raises(ConfigError, match="is no correction"):
            import_file(desk, path)
        return
    answer = import_file(desk, path, format_name=name, dry_run=data.draw(st.booleans()))
    assert answer.rows == len(rows)
    assert add_up(answer) == len(rows)
    assert printed(answer, desk, capsys) == (len(rows), len(rows))
    changes = answer.changes
    counted = changes.added + changes.replaced + changes.unchanged + changes.left_out
    assert counted == answer.fills


def test_rows_that_take_a_fill_back_are_told(
    make_desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "fills.csv"
    path.write_bytes(as_csv(own_rows()))
    desk: Desk = make_desk(TOML)
    answer = import_file(desk, path)
    assert (answer.rows, answer.fills, answer.taken_back, answer.corrected) == (5, 2, 2, 1)
    _print(answer, desk.zone)
    out = capsys.readouterr().out
    assert (
        "understood: 2 fills of 5 rows, 2 that take a fill back, 1 that another row corrects\n"
        in out
    )
    after = json.loads(desk.audit_entries()[-1].payload)["after"]
    assert (after["taken_back"], after["corrected"], after["repeated"]) == (2, 1, 0)


def test_a_fill_that_replaces_one_of_another_moment_is_told(
    make_desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk: Desk = make_desk(TOML)
    path = tmp_path / "fills.csv"
    for day, reused in (("02", 0), ("03", 1), ("03", 0)):
        path.write_text(
            "fill_id,ts,symbol,side,quantity,price\n"
            f"1,2026-03-{day}T14:30:00Z,AAA,buy,10,100\n"
        )  # fmt: skip
        answer = import_file(desk, path)
        assert answer.changes.reused == reused
        _print(answer, desk.zone)
        said = "1 of those replaced have another moment or order than the fill before"
        assert (said in capsys.readouterr().out) == bool(reused)


def test_a_time_that_no_period_has_is_a_reason_too(make_desk, tmp_path: Path) -> None:
    rows = pl.DataFrame(own_rows()[:2]).with_columns(
        pl.col("quantity", "price").cast(pl.Float64),
        ts=pl.Series([datetime(2026, 3, 2, 14, tzinfo=UTC), None]),
    )
    far = rows.head(1).with_columns(
        ts=pl.lit(9 * 10**17).cast(pl.Datetime("us", "UTC")), fill_id=pl.lit("far")
    )
    made = io.BytesIO()
    pl.concat([rows, far]).write_parquet(made)
    path = tmp_path / "fills.parquet"
    path.write_bytes(made.getvalue())
    answer = import_file(make_desk(TOML), path)
    assert (answer.rows, answer.fills, add_up(answer)) == (3, 1, 3)
    assert answer.reasons["its time is in no calendar"] == 1
