"""`mechexo costs` as scripts and people see it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from mechexo.cli import main
from support.program import mechexo, one_line
from support.small_disk import FILLER, fill

pytestmark = pytest.mark.slow

OPEN = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
PERIOD = ["--from", "2026-03-02", "--to", "2026-03-02"]
TOML = """
[costs]
fills = "fills.parquet"
quotes = "quotes.parquet"
zone = "America/New_York"
"""


@pytest.fixture
def config(make_desk) -> Path:
    desk = make_desk(TOML)
    moments = [OPEN + timedelta(minutes=n) for n in range(10)]
    quotes = {"ts": moments[:9], "symbol": "AAA", "bid": 99.99, "ask": 100.01}
    pl.DataFrame(quotes).write_parquet(desk.root / "quotes.parquet")
    late = [*(at + timedelta(seconds=1) for at in moments[:9]), OPEN + timedelta(hours=2)]
    fills = {
        "fill_id": [f"f{n}" for n in range(10)],
        "ts": late,
        "symbol": "AAA",
        "side": "buy",
        "quantity": 100.0,
        "price": 100.02,
        "commission": 1.0,
    }
    pl.DataFrame(fills).write_parquet(desk.root / "fills.parquet")
    return desk.config_path


@pytest.fixture
def run(config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mechexo", "--config", str(config), *words])
        with pytest.raises(SystemExit) as caught:
            main()
        output = capsys.readouterr()
        return int(caught.value.code or 0), output.out, output.err

    return run


def test_the_document_is_the_one_of_the_contract(run) -> None:
    code, out, err = run("costs", *PERIOD, "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["schema"] == "mechexo.costs/1"
    assert {"at", "from", "to", "currency", "totals", "by", "coverage"} <= set(document)
    assert set(document["by"]) == {"day", "symbol", "hour"}
    row = document["by"]["day"][0]
    assert row["day"] == "2026-03-02"
    figures = (
        "fills notional commission_bps spread_bps slippage_bps total_bps p50_bps p95_bps p99_bps"
    )
    assert set(figures.split()) <= set(row)
    assert row["total_bps"] == pytest.approx(3.0)
    assert document["totals"]["slippage_bps"] == pytest.approx(2.0)
    covered = document["coverage"]
    assert (covered["fills"], covered["priced"]) == (10, 9)
    assert covered["by_benchmark"] == {"quote": 9, "none": 1}
    assert [fill["fill_id"] for fill in covered["unpriced"]] == ["f9"]


def test_a_group_without_a_price_has_nulls_in_the_document(run) -> None:
    rows = json.loads(run("costs", *PERIOD, "--json")[1])["by"]["hour"]
    assert [row["hour"] for row in rows] == ["09:00", "11:00"]
    assert (rows[1]["fills"], rows[1]["notional"], rows[1]["total_bps"]) == (1, None, None)


def test_the_table_says_its_rule_and_its_coverage(run) -> None:
    code, out, _ = run("costs", *PERIOD)
    assert code == 0
    assert "strictly before the fill, at most 1m old" in out
    assert "9 of 10 fills priced (90.0%)" in out
    assert "1 unpriced" in out
    assert "1 left out: no quote recent enough before it" in out
    assert "By symbol" in out


def test_the_dimensions_can_be_chosen(run) -> None:
    document = json.loads(run("costs", *PERIOD, "--by", "side, venue", "--json")[1])
    assert set(document["by"]) == {"side", "venue"}


def test_csv_goes_to_stdout_on_a_dash(run) -> None:
    code, out, _ = run("costs", *PERIOD, "--csv", "-")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert [row["by"] for row in rows] == ["total", "day", "symbol", "hour", "hour"]
    assert rows[-1]["key"] == "11:00"
    assert rows[-1]["total_bps"] == ""


def test_csv_goes_into_a_file_whole(run, tmp_path: Path) -> None:
    target = tmp_path / "costs.csv"
    code, out, err = run("costs", *PERIOD, "--csv", str(target))
    assert (code, out) == (0, "")
    assert "wrote 5 rows" in err
    assert len(list(csv.DictReader(target.open()))) == 5
    assert [each.name for each in tmp_path.glob("*costs*")] == ["costs.csv"]


def test_a_file_that_cannot_be_written_is_said(run, tmp_path: Path) -> None:
    code, _, err = run("costs", *PERIOD, "--csv", str(tmp_path / "nowhere" / "costs.csv"))
    assert code == 5
    assert err.count("\n") == 1
    assert "cannot be written" in err


@pytest.mark.slow
@pytest.mark.parametrize("before", [b"what was there", None], ids=["old file", "no file"])
@pytest.mark.parametrize("room_bytes", [0, 4096])
def test_a_disk_that_fills_up_under_the_csv_leaves_no_half_file(
    config: Path, small_disk: Path, room_bytes: int, before: bytes | None
) -> None:
    many = pl.concat(
        pl.read_parquet(config.parent / "fills.parquet").with_columns(symbol=pl.lit(f"S{n}"))
        for n in range(300)
    )
    many.with_columns(fill_id=pl.int_range(pl.len()).cast(pl.String)).write_parquet(
        config.parent / "fills.parquet"
    )
    target = small_disk / "costs.csv"
    if before is not None:
        target.write_bytes(before)
    fill(small_disk, but_bytes=room_bytes)
    names = {path.name for path in small_disk.iterdir()}
    words = ("costs", *PERIOD, "--csv", target)
    done = mechexo(*words, config=config)
    assert (done.returncode, done.stdout) == (5, "")
    one_line(done, f"{target} cannot be written: No space left on device")
    assert {path.name for path in small_disk.iterdir()} == names
    assert before is None or target.read_bytes() == before
    (small_disk / FILLER).unlink()
    assert mechexo(*words, config=config).returncode == 0
    assert target.stat().st_size > room_bytes
    assert len(list(csv.DictReader(target.open()))) == 304


def test_trades_lists_the_fills(run) -> None:
    code, out, _ = run("costs", "trades", *PERIOD, "--json", "--limit", "2")
    document = json.loads(out)
    assert (code, document["schema"], document["count"]) == (0, "mechexo.cost_trades/1", 10)
    assert [fill["fill_id"] for fill in document["fills"]] == ["f8", "f9"]
    assert document["fills"][0]["bid"] == 99.99
    assert document["fills"][1]["total_bps"] is None


def test_trades_as_csv_and_as_a_table(run) -> None:
    rows = list(csv.DictReader(io.StringIO(run("costs", "trades", *PERIOD, "--csv")[1])))
    assert len(rows) == 10
    assert rows[0]["ref_source"] == "quote"
    assert "newest 10 of 10" in run("costs", "trades", *PERIOD)[1]


def test_options_before_the_subcommand_are_not_lost_in_silence(run) -> None:
    code, _, err = run("costs", "--from", "-2d", "trades")
    assert code == 2
    assert "after the subcommand" in err


@pytest.mark.parametrize("words", [("--from", "0001-01-03"), ("--to", "9999-12-30")])
@pytest.mark.parametrize(
    "command",
    ["costs", "costs trades", "costs orders", "costs exceptions", "costs impact", "costs ingest",
     "costs compare --by side --values buy,sell", "costs incident --from 2026-03-02"],
)  # fmt: skip
def test_a_period_at_an_end_of_the_calendar_is_refused_by_every_command(
    run, command: str, words: tuple[str, str]
) -> None:
    code, out, err = run(*command.split(), *words)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert f"'{words[1]}' lies outside the years 1970 to 9998" in err


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--from", "soon"], 2, "is not a time"),
        (["--from", "2026-03-02", "--to", "2026-03-01"], 2, "must end after its start"),
        (["--by", "dya"], 2, "did you mean day"),
        (["--by", ""], 2, "--by '' is empty; name groupings like day,symbol+hour"),
        (["--by", " "], 2, "--by ' ' is empty"),
        (["--by", "day,,symbol"], 2, "'day,,symbol' has nothing beside one of its commas"),
        (["--by", "day,"], 2, "'day,' has nothing beside one of its commas"),
        (["trades", "--csv", "--json"], 2, "stdout has room for one answer: choose"),
        (["orders", "--csv", "--json"], 2, "stdout has room for one answer: choose"),
        (["exceptions", "--csv", "--json"], 2, "stdout has room for one answer: choose"),
        (["impact", "--csv", "--json"], 2, "stdout has room for one answer: choose"),
        (["compare", "--csv", "--json"], 2, "stdout has room for one answer: choose"),
    ],
)
def test_words_that_do_not_fit_are_one_line(run, words: list[str], code: int, text: str) -> None:
    got, out, err = run("costs", *words)
    assert (got, out, err.count("\n")) == (code, "", 1)
    assert text in err


def test_a_corrupted_file_is_one_line_and_exit_five(run, config: Path) -> None:
    (config.parent / "quotes.parquet").write_bytes(b"PAR1 not really PAR1")
    code, out, err = run("costs", *PERIOD)
    assert (code, out, err.count("\n")) == (5, "", 1)
    assert "quotes.parquet cannot be read" in err


def test_a_period_without_fills_is_answered_without_figures(run) -> None:
    code, out, _ = run("costs", "--from", "2026-01-02", "--to", "2026-01-03", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["totals"]["fills"] == 0
    assert document["totals"]["total_bps"] is None
    code, out, _ = run("costs", "--from", "2026-01-02", "--to", "2026-01-03")
    assert (code, "By day: no fills" in out) == (0, True)


def test_its_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from mechexo.cli import load_command; load_command('costs'); "
        "print([name for name in ('polars', 'pydantic', 'rich', 'sqlite_utils') "
        "if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
