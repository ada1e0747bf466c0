"""The forms in which `mechexo costs` gives its answer."""

from __future__ import annotations

import csv
import io
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from mechexo.cli import main
from mechexo.costs.dimensions import DIMENSIONS
from mechexo.costs.records import FIGURES
from mechexo.desk import Desk
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
horizons = ["30s", "1m"]
"""


@pytest.fixture
def desk(make_desk) -> Desk:
    desk = make_desk(TOML)
    moments = [OPEN + timedelta(minutes=n) for n in range(40)]
    names = ("AAA", "B+B")
    quotes = [(at, name, 99.99, 100.01) for at in moments for name in names]
    fills = [
        (f"f{n}-{name}", at + timedelta(seconds=1), name, "buy", 100.0, 100.02, 1.0)
        for n, at in enumerate(moments[:-3])
        for name in names
    ]
    for file, rows, columns in (
        ("quotes", quotes, ("ts", "symbol", "bid", "ask")),
        ("fills", fills, ("fill_id", "ts", "symbol", "side", "quantity", "price", "commission")),
    ):
        frame = pl.DataFrame(rows, schema=list(columns), orient="row")
        frame.write_parquet(desk.root / f"{file}.parquet")
    return desk


@pytest.fixture
def run(desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mechexo", "--config", str(desk.config_path), *words])
        with pytest.raises(SystemExit) as caught:
            main()
        output = capsys.readouterr()
        return int(caught.value.code or 0), output.out, output.err

    return run


def test_a_comma_parts_groupings_and_a_plus_combines_them(run) -> None:
    document = json.loads(run("costs", *PERIOD, "--by", "symbol,symbol+hour", "--json")[1])
    assert list(document["by"]) == ["symbol", "symbol+hour"]
    pairs = [(row["symbol"], row["hour"]) for row in document["by"]["symbol+hour"]]
    assert pairs == [(name, hour) for name in ("AAA", "B+B") for hour in ("09:00", "10:00")]
    assert sum(row["fills"] for row in document["by"]["symbol+hour"]) == 74


def test_a_combination_is_one_table_with_a_column_for_each_dimension(run) -> None:
    code, out, _ = run("costs", *PERIOD, "--by", "symbol+hour")
    table = out[out.index("By symbol+hour") :]
    assert code == 0
    assert table.splitlines()[2].split()[:3] == ["symbol", "hour", "fills"]
    assert "By symbol\n" not in out


def test_a_combination_has_its_keys_together_in_the_csv(run) -> None:
    rows = list(
        csv.DictReader(io.StringIO(run("costs", *PERIOD, "--by", "side+hour", "--csv", "-")[1]))
    )
    assert [(row["by"], row["key"]) for row in rows] == [
        ("total", ""),
        ("side+hour", "buy+09:00"),
        ("side+hour", "buy+10:00"),
    ]


@pytest.mark.parametrize("by", ["symbol+", "symbol+hout", "hour+hour", "+"])
def test_a_combination_that_makes_no_sense_is_one_line(run, by: str) -> None:
    code, out, err = run("costs", *PERIOD, "--by", by)
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_the_help_names_every_dimension(run) -> None:
    words = " ".join(run("costs", "--help")[1].replace("│", " ").split())
    assert [name for name in DIMENSIONS if name not in words] == []


def test_json_and_csv_carry_every_figure(run) -> None:
    row = json.loads(run("costs", *PERIOD, "--json")[1])["totals"]
    assert set(FIGURES) <= set(row)
    assert row["sources"]["quote"] == {"fills": 74, "fills_share": 1.0, "notional_share": 1.0}
    assert list(row["realised_bps"]) == ["30s", "1m"]
    (line, *_) = csv.DictReader(io.StringIO(run("costs", *PERIOD, "--csv", "-")[1]))
    assert set(FIGURES) <= set(line)
    assert (line["quote_fills"], line["with_total"]) == ("74", "74")
    assert float(line["mean_bps"]) == pytest.approx(3.0)
    assert "realised_1m_bps" in line


def test_the_document_says_where_its_figures_come_from(run) -> None:
    document = json.loads(run("costs", *PERIOD, "--json")[1])
    source = document["provenance"]
    assert source["parameters"]["max_age"] == "60s"
    assert len(source["data_digest"]) == len(source["parameters_digest"]) == 16
    assert [point["label"] for point in document["markouts"]] == ["30s", "1m"]
    assert len(document["sensitivity"]) == 2


def test_the_table_shows_the_spread_of_the_fills_and_what_came_after(run) -> None:
    out = run("costs", *PERIOD)[1]
    assert "Spread of the fills' own totals, bps" in out
    assert "After the fill, bps; a positive markout is good" in out
    assert "Slippage would be" in out


def test_outer_percentiles_of_few_fills_are_marked(run) -> None:
    out = run("costs", *PERIOD, "--by", "hour")[1]
    ten = next(line for line in out.splitlines() if "10:00 " in line)
    nine = next(line for line in out.splitlines() if "09:00 " in line)
    assert (ten.count("*"), nine.count("*")) == (2, 0)


def test_every_fill_goes_into_one_parquet_file(run, tmp_path: Path) -> None:
    target = tmp_path / "fills.parquet"
    code, out, err = run("costs", "trades", *PERIOD, "--parquet", str(target), "--limit", "3")
    assert (code, out) == (0, "")
    assert err == f"wrote 74 fills to {target}\n"
    frame = pl.read_parquet(target)
    assert len(frame) == 74
    assert {"day", "total_bps", "ref_source", "realised_1m_bps"} <= set(frame.columns)
    assert pl.read_parquet_metadata(target)["mechexo.zone"] == "America/New_York"


def test_the_report_can_write_the_fills_too(run, tmp_path: Path) -> None:
    target = tmp_path / "fills.parquet"
    code, out, _ = run("costs", *PERIOD, "--json", "--parquet", str(target))
    assert code == 0
    assert json.loads(out)["totals"]["fills"] == len(pl.read_parquet(target))


def test_saving_widens_the_period_to_whole_days_and_says_so(run, desk: Desk) -> None:
    code, out, err = run(
        "costs", "--from", "2026-03-02T14:40Z", "--to", "2026-03-02T15:00Z", "--save"
    )
    assert code == 0
    widened = "2026-03-02 05:00:00 UTC to 2026-03-03 05:00:00 UTC"
    assert f"whole days are saved, and shown: {widened}" in err
    assert "of 1 days, 1 files of fills" in err
    assert "74 of 74 fills priced" in out
    (total,) = desk.state.rows("SELECT * FROM trade_costs WHERE dimension='day'")
    assert (total["key"], total["fills"]) == ("2026-03-02", 74)
    assert pl.read_parquet(desk.root / "state/costs/results/*.parquet").height == 74


def test_a_viewer_may_look_and_not_save(make_desk, run, desk: Desk) -> None:
    make_desk(TOML + '\n[access]\nowner_is_admin = false\nothers = "viewer"\n')
    assert run("costs", *PERIOD, "--json")[0] == 0
    code, out, err = run("costs", *PERIOD, "--save")
    assert (code, out) == (3, "")
    assert "operator" in err
    assert desk.state.rows("SELECT * FROM trade_costs") == []


def test_the_report_is_written_with_its_own_groupings_and_those_asked_for(
    run, tmp_path: Path
) -> None:
    target = tmp_path / "costs.html"
    code, out, err = run("costs", *PERIOD, "--by", "side", "--html", str(target))
    assert (code, out, err) == (0, "", f"wrote the report to {target}\n")
    text = target.read_text()
    assert text.startswith("<!DOCTYPE html>")
    for section in ("daily", "symbols", "hours", "by-side", "exceptions"):
        assert f'<section id="{section}"' in text


def test_the_report_adds_no_grouping_to_the_document(run, tmp_path: Path) -> None:
    words = ("costs", *PERIOD, "--by", "side", "--html", str(tmp_path / "costs.html"), "--json")
    assert list(json.loads(run(*words)[1])["by"]) == ["side"]


@pytest.mark.parametrize("option", ["--html", "--parquet"])
def test_a_report_for_stdout_is_refused(run, option: str) -> None:
    code, out, err = run("costs", *PERIOD, option, "-")
    assert (code, out) == (2, "")
    assert "want a file" in err


FORMS = {
    "csv": ("costs", *PERIOD, "--csv"),
    "html": ("costs", *PERIOD, "--html"),
    "parquet": ("costs", "trades", *PERIOD, "--parquet"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_stood_there_is_replaced_whole(run, tmp_path: Path, form: str) -> None:
    target = tmp_path / f"costs.{form}"
    target.write_bytes(b"old" * 1_000_000)
    target.chmod(0o640)
    assert run(*FORMS[form], str(target))[0] == 0
    assert b"oldold" not in target.read_bytes()
    assert target.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".costs")] == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("nowhere/costs", "the folder {}/nowhere does not exist"),
        ("desk/mechexo.toml/costs", "the folder {}/desk/mechexo.toml is no folder"),
        ("desk", "Is a directory"),
    ],
)
def test_a_place_that_takes_no_file_is_one_line(
    run, tmp_path: Path, form: str, place: str, why: str
) -> None:
    code, out, err = run(*FORMS[form], str(tmp_path / place))
    assert (code, out) == (5, "")
    assert err == f"mechexo: {tmp_path / place} cannot be written: {why.format(tmp_path)}\n"


@pytest.mark.parametrize("option", ["--csv", "--html", "--parquet"])
def test_a_folder_that_is_missing_is_neither_made_nor_found_out_late(
    run, tmp_path: Path, desk: Desk, option: str
) -> None:
    code, out, err = run("costs", *PERIOD, "--save", option, str(tmp_path / "slip" / "costs"))
    assert (code, out) == (5, "")
    assert f"the folder {tmp_path}/slip does not exist" in err
    assert not (tmp_path / "slip").exists()
    assert [entry for entry in desk.audit_entries() if entry.action == "costs.save"] == []
    (tmp_path / "slip").mkdir()
    assert run("costs", *PERIOD, "--save", option, str(tmp_path / "slip" / "costs"))[0] == 0
    assert [entry for entry in desk.audit_entries() if entry.action == "costs.save"]


def test_a_home_that_nobody_has_is_one_line(run) -> None:
    code, out, err = run("costs", *PERIOD, "--csv", "~nobody-of-that-name/costs.csv")
    assert (code, out, err) == (2, "", "mechexo: ~nobody-of-that-name/costs.csv: no such user\n")


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("before", [b"what was there", None], ids=["old file", "no file"])
def test_a_disk_that_fills_up_leaves_no_half_file(
    desk: Desk, small_disk: Path, form: str, before: bytes | None
) -> None:
    target = small_disk / "costs"
    if before is not None:
        target.write_bytes(before)
    fill(small_disk)
    names = {path.name for path in small_disk.iterdir()}
    done = mechexo(*FORMS[form], target, config=desk.config_path)
    assert (done.returncode, done.stdout) == (5, "")
    one_line(done, f"{target} cannot be written: No space left on device")
    assert {path.name for path in small_disk.iterdir()} == names
    assert before is None or target.read_bytes() == before
    if form == "html":
        return  # One takes about all of this disk.
    (small_disk / FILLER).unlink()
    assert mechexo(*FORMS[form], target, config=desk.config_path).returncode == 0
    assert target.stat().st_size > 1000
