"""`mechexo costs import` and `mechexo costs sources`, as people, scripts and reports meet them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from mechexo.actor import Actor
from mechexo.cli import main
from mechexo.costs.imports.operations import import_file
from mechexo.desk import Desk
from mechexo.errors import NotAllowedError, UsageError

pytestmark = pytest.mark.slow

SAMPLES = Path(__file__).parents[1] / "data" / "broker"
NOON = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
TOML = '[costs]\nfills = "imported"\nquotes = "quotes.parquet"\nfolder = "kept"\n'
PERIOD = ["--from", "2026-03-02", "--to", "2026-03-02"]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(make_desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: object, toml: str = TOML) -> tuple[int, str, str]:
        desk = make_desk(toml)
        arguments = ["mechexo", "--config", str(desk.config_path), "costs", *map(str, words)]
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as caught:
            main()
        output = capsys.readouterr()
        return int(caught.value.code or 0), output.out, output.err

    return run


def quotes(folder: Path, *symbols: str) -> None:
    folder.mkdir(exist_ok=True)
    moments = [NOON - timedelta(seconds=n) for n in (30, 10)]
    pl.DataFrame({"ts": moments, "bid": 64_999.0, "ask": 65_001.0}).join(
        pl.DataFrame({"symbol": symbols}), how="cross"
    ).write_parquet(folder / "quotes.parquet")


def test_an_import_says_what_it_understood_and_what_it_lacks(run: Run) -> None:
    code, out, err = run("import", SAMPLES / "ib-flex.xml", "--zone", "America/New_York")
    assert code == 1
    assert "Interactive Brokers Flex XML (ib-flex), sha256" in out
    assert "understood: 5 fills of 9 rows, 1 rejected" in out
    assert "period: 2026-03-02 15:00:00 UTC to 2026-03-02 20:30:00 UTC" in out
    assert "symbols: AAA, BBB, CCC, ESH6; currencies: EUR, USD" in out
    assert "commission, taxes (2 of 5)" in out
    assert "lacks: fees, rebate, liquidity" in out
    assert "✖ 1 rejected: a date without a time cannot be matched" in out
    assert "4 added, 0 replaced, 0 unchanged, 0 removed, 1 left out" in out
    assert "days (UTC) changed: 2026-03-02" in out
    assert "mechexo costs --from 2026-03-02 --to 2026-03-02 --save" in err


def test_a_clean_import_ends_well_and_again_changes_nothing(run: Run) -> None:
    assert run("import", SAMPLES / "binance-spot.json")[0] == 0
    code, out, err = run("import", SAMPLES / "binance-spot.json")
    assert (code, err) == (0, "")
    assert "0 added, 0 replaced, 3 unchanged, 0 removed" in out
    assert "days (UTC) changed: none" in out


def test_a_dry_run_says_the_same_and_keeps_nothing(run: Run, tmp_path: Path) -> None:
    code, out, err = run("import", SAMPLES / "bybit.json", "--dry-run")
    assert (code, err) == (0, "")
    assert "would be 2 added" in out
    assert not (tmp_path / "desk" / "kept").exists()


def test_the_document_has_every_file_and_every_failure(run: Run, tmp_path: Path) -> None:
    torn = tmp_path / "torn.json"
    torn.write_text('[{"activity_type": "FILL"')
    code, out, err = run("import", SAMPLES / "bybit.json", torn, SAMPLES / "alpaca.json", "--json")
    assert code == 2
    document = json.loads(out)
    assert document["schema"] == "mechexo.costs_import/1"
    assert [each["format"] for each in document["files"]] == ["bybit", "alpaca"]
    assert document["files"][1]["reasons"] == {
        "a date without a time cannot be matched with quotes": 1,
        "no readable price": 1,
    }
    assert document["files"][0]["changes"]["added"] == 2
    assert document["failed"][0]["path"] == str(torn)
    assert document["days_changed"] == ["2026-03-02"]
    assert err.count("\n") == 1
    assert "torn.json is no whole JSON document" in err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([SAMPLES / "ib-flex.xml"], 2, "say which with --zone, like --zone America/New_York"),
        ([SAMPLES / "ib-flex.xml", "--zone", "Mars"], 2, "--zone Mars: no such zone"),
        ([SAMPLES / "alpaca.json", "--format", "alpacca"], 2, "did you mean alpaca"),
        ([SAMPLES / "alpaca.json", "--format", "fix"], 2, "holds nothing that the format fix"),
        ([SAMPLES / "own-layout.csv"], 2, "it lacks 'fill_id'; it has: id, executed_at"),
        ([SAMPLES], 2, "is a folder"),
        ([SAMPLES / "none.csv"], 5, "none.csv cannot be read: No such file"),
        ([os.devnull], 2, "/dev/null is empty"),
    ],
)
def test_what_cannot_be_imported_is_one_line(
    run: Run, words: list[object], code: int, said: str
) -> None:
    found, out, err = run("import", *words)
    assert (found, out) == (code, "")
    assert said in err
    assert err.count("\n") == 1


def test_the_declared_zone_of_the_desk_serves_local_times_too(run: Run) -> None:
    toml = TOML + 'naive_zone = "America/New_York"\n'
    code, out, _ = run("import", SAMPLES / "ib-trades.csv", toml=toml)
    assert code == 1
    assert "period: 2026-03-02 15:00:00 UTC" in out


def test_imported_fills_are_measured(run: Run, tmp_path: Path) -> None:
    run("import", SAMPLES / "coinbase-advanced.json")
    quotes(tmp_path / "desk", "BTC-USD")
    code, out, _ = run(*PERIOD, "--json")
    assert code == 0
    document = json.loads(out)
    assert document["coverage"]["priced"] == 1
    assert document["totals"]["slippage_bps"] == pytest.approx(0.0)
    assert document["totals"]["commission_ccy"] == pytest.approx(1.14)
    assert document["coverage"]["reasons"] == {"the currency USDC has no rate to USD": 1}


def test_a_bust_changes_what_is_measured(run: Run, tmp_path: Path) -> None:
    quotes(tmp_path / "desk", "AAA")
    table = tmp_path / "fills.csv"
    head = "fill_id,ts,symbol,side,quantity,price,commission,correction\n"
    row = "1,2026-03-02T14:30:00Z,AAA,buy,1,65001,0,{}\n"
    table.write_text(head + row.format("") + row.replace("1,", "2,", 1).format(""))
    run("import", table)
    assert json.loads(run(*PERIOD, "--json")[1])["totals"]["fills"] == 2
    table.write_text(head + row.format("bust"))
    _, out, _ = run("import", table)
    assert "1 removed" in out
    assert json.loads(run(*PERIOD, "--json")[1])["totals"]["fills"] == 1


def test_fills_that_are_kept_and_not_read_are_told(run: Run) -> None:
    toml = TOML.replace('"imported"', '"other.parquet"')
    _, _, err = run("import", SAMPLES / "bybit.json", toml=toml)
    assert 'set fills = "imported" in [costs]' in err


def test_an_import_is_in_the_audit_log_with_its_digest_and_counts(make_desk) -> None:
    desk: Desk = make_desk(TOML)
    import_file(desk, SAMPLES / "bybit.json")
    import_file(desk, SAMPLES / "bybit.json")
    import_file(desk, SAMPLES / "bybit.json", dry_run=True)
    (entry,) = desk.audit_entries()
    assert (entry.action, entry.target, entry.outcome) == ("costs.import", "bybit.json", "done")
    after = json.loads(entry.payload)["after"]
    assert (after["format"], after["added"], after["rejected"]) == ("bybit", 2, 0)
    assert len(after["sha256"]) == 64
    assert after["days"] == ["2026-03-02"]


def test_a_viewer_may_look_but_not_import(make_desk) -> None:
    toml = TOML + '[access]\nowner_is_admin = false\nothers = "viewer"\n'
    desk: Desk = make_desk(toml, actor=Actor(os.getuid(), "guest"))
    assert import_file(desk, SAMPLES / "bybit.json", dry_run=True).changes.added == 2
    with pytest.raises(NotAllowedError, match="needs the role operator"):
        import_file(desk, SAMPLES / "bybit.json")
    assert not (desk.root / "kept").exists()


def test_a_live_desk_wants_a_reason_and_keeps_nothing_without(make_desk) -> None:
    desk: Desk = make_desk(TOML, mode="live")
    with pytest.raises(UsageError, match="needs a reason"):
        import_file(desk, SAMPLES / "bybit.json")
    assert not list((desk.root / "kept").rglob("*.parquet"))
    import_file(desk, SAMPLES / "bybit.json", reason="month end")
    (entry,) = desk.audit_entries()
    assert json.loads(entry.payload)["reason"] == "month end"


def test_sources_say_what_opens_and_what_it_holds(run: Run, tmp_path: Path) -> None:
    run("import", SAMPLES / "bybit.json")
    quotes(tmp_path / "desk", "AAA")
    code, out, err = run("sources")
    assert (code, err) == (0, "")
    assert "✔ opens" in out
    assert "not set" in out
    assert "2026-03-02 14:30:00 UTC" in out
    assert "quotes lacks seq, venue, bid_size, ask_size" in out
    assert "duckdb://" in out
    assert "Interactive Brokers Flex XML" in out


def test_sources_tell_a_script_all_of_it(run: Run, tmp_path: Path) -> None:
    quotes(tmp_path / "desk", "AAA", "BBB")
    toml = TOML + 'trades = "none/*.parquet"\nbars = "postgresql://u:pw@h/d?table=x"\n'
    code, out, _ = run("sources", "--json", toml=toml)
    assert code == 1
    document = json.loads(out)
    assert document["schema"] == "mechexo.costs_sources/1"
    by_name = {each["setting"]: each for each in document["sources"]}
    assert list(by_name) == ["fills", "quotes", "trades", "bars", "orders", "rates"]
    found = by_name["quotes"]
    assert (found["opens"], found["rows"]) == (True, 4)
    assert found["columns"] == ["ts", "symbol", "bid", "ask"]
    assert found["first_at"] == "2026-03-02T14:29:30.000000Z"
    assert found["newest_at"] == "2026-03-02T14:29:50.000000Z"
    assert "nothing was imported yet" in by_name["fills"]["fault"]
    assert "no file matches" in by_name["trades"]["fault"]
    assert "stands in plain text" in by_name["bars"]["fault"]
    assert "pw" not in out.replace('"what"', "")
    assert by_name["orders"] == {**by_name["orders"], "address": "", "opens": False, "fault": ""}
    schemes = {each["scheme"]: each["package"] for each in document["kinds"]}
    assert schemes["s3"] == "mechexo"
    assert {"format": "alpaca", "what": "Alpaca account activities JSON"} in document["formats"]


def test_sources_measure_databases_without_reading_them_whole(run: Run, tmp_path: Path) -> None:
    import sqlite3
    from contextlib import closing

    import duckdb

    (tmp_path / "desk").mkdir(exist_ok=True)
    rows = [(f"2026-03-0{n}T12:00:00Z", "AAA", 1.0, 2.0) for n in range(1, 8)]
    with closing(sqlite3.connect(tmp_path / "desk" / "q.sqlite")) as db, db:
        db.execute("CREATE TABLE q (ts, symbol, bid, ask)")
        db.executemany("INSERT INTO q VALUES (?, ?, ?, ?)", rows)
    with duckdb.connect(str(tmp_path / "desk" / "q.duckdb")) as duck:
        duck.execute("CREATE TABLE q (ts TIMESTAMPTZ, symbol TEXT, price DOUBLE)")
        duck.executemany("INSERT INTO q VALUES (?, ?, ?)", [row[:3] for row in rows])
    toml = '[costs]\nquotes = "sqlite:///q.sqlite?table=q"\ntrades = "duckdb:///q.duckdb?table=q"\n'
    code, out, _ = run("sources", "--json", toml=toml)
    assert code == 0
    by_name = {each["setting"]: each for each in json.loads(out)["sources"]}
    for setting in ("quotes", "trades"):
        found = by_name[setting]
        assert (found["rows"], found["first_at"], found["newest_at"]) == (
            7, "2026-03-01T12:00:00.000000Z", "2026-03-07T12:00:00.000000Z",
        )  # fmt: skip


def test_orders_are_measured_by_all_of_their_times(run: Run, tmp_path: Path) -> None:
    (tmp_path / "desk").mkdir(exist_ok=True)
    pl.DataFrame(
        {
            "order_id": ["1"], "symbol": "A", "side": "buy", "quantity": 1.0,
            "decision_at": [NOON], "end_at": [NOON + timedelta(hours=1)],
        }
    ).write_parquet(tmp_path / "desk" / "o.parquet")  # fmt: skip
    _, out, _ = run("sources", "--json", toml='[costs]\norders = "o.parquet"\n')
    found = {each["setting"]: each for each in json.loads(out)["sources"]}["orders"]
    assert found["first_at"] == "2026-03-02T14:30:00.000000Z"
    assert found["newest_at"] == "2026-03-02T15:30:00.000000Z"
