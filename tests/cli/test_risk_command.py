"""`mechexo risk`, as scripts rely on it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from typing import Any

import pytest

from conftest import MakeDesk
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from support.program import environment, mechexo
from support.risk_books import READ, change, make_book

pytestmark = pytest.mark.slow

LIMITS = "[risk.book.limits.gross]\nwarn = 1100\ncritical = 1500\n"


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    made = make_desk(f'[risk.book]\nsource = "sqlite:///book.db"\n{READ}{LIMITS}')
    make_book(made.root)
    return made


def answer(desk: Desk, *words: str) -> dict[str, Any]:
    told = mechexo("risk", *words, "--json", config=desk.config_path)
    assert told.stderr == ""
    document: dict[str, Any] = json.loads(told.stdout)
    return document


def test_show_tells_a_person_what_is_known(desk: Desk) -> None:
    told = mechexo("risk", "show", "--refresh", config=desk.config_path)
    assert told.returncode == 0, told.stderr
    for expected in ("● OK", "connected", "12.0 %", "1,200 USD", "800 USD"):
        assert expected in told.stdout
    assert "▲ WARNING  gross: gross: 1,200 USD, above 1,100 USD" in told.stdout


def test_show_without_refresh_asks_nobody_and_knows_nothing(desk: Desk) -> None:
    told = mechexo("risk", "show", config=desk.config_path)
    assert "? UNKNOWN  book (sqlite): not looked at yet" in told.stdout
    assert " 0 " not in told.stdout


def test_show_gives_scripts_one_document(desk: Desk) -> None:
    document = answer(desk, "show", "--refresh")
    assert document["schema"] == "mechexo.risk/1"
    (source,) = document["sources"]
    assert source.keys() == {
        *("name", "kind", "currency", "status", "detail", "observed_at", "asked_at", "error"),
        *("breaker", "as_of", "priced_at", "trading", "broker", "capital", "capital_used"),
        *("exposure", "unrealised", "pnl", "positions", "limits", "unknown", "remarks"),
    }
    assert (source["trading"], source["broker"], source["positions"]) == ("on", "connected", 2)
    assert source["capital"] == {"value": 5000, "currency": "USD", "why": None}
    assert source["capital_used"]["used_pct"] == 12
    assert source["exposure"]["gross"]["value"] == 1200
    assert source["exposure"]["by_symbol"][0] == {
        **{"name": "A", "value": 1000, "currency": "USD"},
        "of_gross_pct": pytest.approx(100 / 1.2),
    }
    # The program's clock is not the book's: its day has no row.
    assert source["pnl"]["today"]["value"] is None
    assert source["unknown"]["pnl_today"] == "nothing is there yet"


def test_what_was_never_read_is_null_and_says_why(desk: Desk) -> None:
    (source,) = answer(desk, "show")["sources"]
    assert (source["status"], source["observed_at"]) == ("unknown", None)
    assert source["exposure"]["gross"] == {"value": None, "currency": "USD", "why": "not read yet"}
    assert source["positions"] is None


def test_positions_come_largest_first_in_every_format(desk: Desk) -> None:
    document = answer(desk, "positions", "--refresh")
    assert document["schema"] == "mechexo.risk_positions/1"
    assert document["positions"][1] == {
        **{"source": "book", "account": "", "symbol": "B", "quantity": -5, "entry_price": None},
        **{"price": 40, "value": -200, "currency": "USD", "unrealised": -20},
    }
    told = mechexo("risk", "positions", "--csv", config=desk.config_path)
    rows = list(csv.DictReader(io.StringIO(told.stdout)))
    assert [(row["symbol"], row["value"], row["entry_price"]) for row in rows] == [
        ("A", "1000", ""),
        ("B", "-200", ""),
    ]
    shown = mechexo("risk", "positions", config=desk.config_path).stdout
    assert shown.index("1,000") < shown.index("-200")


def test_show_exits_1_with_a_broken_limit_as_the_limits_do(desk: Desk) -> None:
    assert mechexo("risk", "show", "--refresh", config=desk.config_path).returncode == 0
    change(desk.root / "book.db", "UPDATE limits SET used = 120")
    for words in (("show", "--refresh"), ("show", "--json"), ()):
        told = mechexo("risk", *words, config=desk.config_path)
        assert told.returncode == 1, words
        assert told.stdout


def test_limits_come_broken_first_and_exit_1(desk: Desk) -> None:
    change(desk.root / "book.db", "UPDATE limits SET used = 120")
    told = mechexo("risk", "limits", "--refresh", "--json", config=desk.config_path)
    assert told.returncode == 1
    document = json.loads(told.stdout)
    assert document["schema"] == "mechexo.risk_limits/1"
    first, second = document["limits"]
    assert first == {
        **{"source": "book", "name": "daily_loss", "status": "critical", "used": 120},
        **{"limit": 100, "left": -20, "used_pct": 120, "unit": "USD", "warn": None, "probe": ""},
        "detail": "over its limit",
    }
    assert (second["name"], second["left"], second["probe"]) == ("gross", 300, "risk.book.gross")
    table = mechexo("risk", "limits", config=desk.config_path)
    assert table.returncode == 1
    assert "✖ CRITICAL" in table.stdout
    rows = mechexo("risk", "limits", "--csv", config=desk.config_path).stdout.splitlines()
    assert rows[0].startswith("source,name,status,used,limit,left,used_pct,unit")


def test_a_source_that_fails_keeps_what_it_told_last_and_says_so(desk: Desk) -> None:
    mechexo("risk", "show", "--refresh", config=desk.config_path)
    (desk.root / "book.db").write_bytes(b"no database")
    (source,) = answer(desk, "show", "--refresh")["sources"]
    assert source["status"] == "unknown"
    assert "not a database" in source["error"]
    assert source["exposure"]["gross"]["value"] == 1200
    told = mechexo("risk", "positions", config=desk.config_path).stdout
    assert "? UNKNOWN  book: " in told


def test_a_table_that_is_not_there_is_named_with_those_that_are(desk: Desk) -> None:
    told = mechexo("risk", "show", "bok", config=desk.config_path)
    assert told.returncode == 2
    assert "there is no [risk.bok]" in told.stderr
    assert "book" in told.stderr


def test_a_desk_without_a_source_says_so(make_desk: MakeDesk) -> None:
    desk = make_desk()
    for command in ("show", "positions", "limits"):
        told = mechexo("risk", command, config=desk.config_path)
        assert (told.returncode, told.stderr) == (0, "")
        assert "no source is configured" in told.stdout


def test_showing_what_is_known_imports_neither_polars_nor_httpx(desk: Desk) -> None:
    code = (
        "import sys\nfrom mechexo.cli import app\n"
        "try:\n    app(['risk', 'show'], standalone_mode=False)\n"
        "finally:\n    print(sorted({'polars', 'httpx', 'textual', 'pydantic'} & set(sys.modules)))"
    )
    mechexo("risk", "show", config=desk.config_path)
    told = subprocess.run(
        [sys.executable, "-c", code],
        env=environment() | {"MECHEXO_CONFIG": str(desk.config_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert told.stdout.splitlines()[-1] == "[]", told.stderr


def test_risk_alone_is_show(desk: Desk) -> None:
    told = mechexo("risk", "--refresh", config=desk.config_path)
    assert (told.returncode, told.stderr) == (0, "")
    assert "1,200 USD" in told.stdout
    assert json.loads(mechexo("risk", "--json", config=desk.config_path).stdout)["sources"]
    told = mechexo("risk", "--json", "limits", config=desk.config_path)
    assert told.returncode == 2
    assert "write options behind the command" in told.stderr


def test_no_position_of_a_source_that_was_never_read_is_not_nothing_held(desk: Desk) -> None:
    document = answer(desk, "positions")
    assert document["positions"] == []
    (source,) = document["sources"]
    assert (source["name"], source["status"], source["observed_at"]) == ("book", "unknown", None)
    assert source["why"]
    told = mechexo("risk", "positions", "--csv", config=desk.config_path)
    assert "book: positions not known" in told.stderr
    assert "not known" in mechexo("risk", "positions", config=desk.config_path).stdout
    mechexo("risk", "--refresh", config=desk.config_path)
    assert answer(desk, "positions")["sources"][0]["why"] is None


def test_what_could_not_be_read_exits_5_and_limits_nobody_knows_are_not_well(desk: Desk) -> None:
    assert mechexo("risk", "limits", config=desk.config_path).returncode == 5
    assert mechexo("risk", "limits", "--refresh", config=desk.config_path).returncode == 0
    (desk.root / "book.db").unlink()
    for words in (("show",), ("positions",), ("limits", "--json"), ("positions", "--csv")):
        told = mechexo("risk", *words, "--refresh", config=desk.config_path)
        assert told.returncode == 5, words


def test_what_was_read_long_ago_is_listed_with_its_age(desk: Desk) -> None:
    from datetime import timedelta

    from mechexo import risk_report
    from mechexo.cli import risk_tables

    (found,) = risk_report.look(desk, deadline_s=60.0)
    assert not [*risk_tables.unknown_parts([found], "positions", desk.clock.now())]
    assert isinstance(desk.clock, VirtualClock)
    desk.clock.advance(timedelta(hours=2))
    later = risk_report.reports(desk)
    (line,) = risk_tables.unknown_parts(later, "positions", desk.clock.now())
    assert line.endswith("last read 2h ago")
    assert risk_tables.known_sources(later, "positions")[0]["why"]
