"""Results that last: per-fill files, saved days, their audit entry; nothing by halves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from costs.frames import fills_frame, quotes_frame
from costs.oracle import Fill, Quote
from mechexo.actor import Actor
from mechexo.costs import results
from mechexo.costs.day_files import day_file, day_files
from mechexo.costs.provenance import data_digest
from mechexo.costs.results import Results, compute, save, saved_days, trailing_days
from mechexo.desk import Desk
from mechexo.errors import NotAllowedError, UnreachableError, UsageError
from support.small_disk import FILLER, fill

pytestmark = pytest.mark.slow

OPEN = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
MONDAY = datetime(2026, 3, 2, 5, tzinfo=UTC)
NEW_YORK = """
[costs]
fills = "fills/*.parquet"
quotes = "quotes/*.parquet"
zone = "America/New_York"
"""


def session(desk: Desk, opening: datetime = OPEN, symbols: Sequence[str] = ("AAA", "BBB")) -> None:
    """Eight fills of each symbol, the last of them without a quote in time."""
    moments = [opening + timedelta(minutes=20 * n) for n in range(8)]
    quotes = [
        Quote(at, name, 99.99, 100.01, n) for n, at in enumerate(moments[:-1]) for name in symbols
    ]
    fills = [
        Fill(f"{opening:%m%d}-{name}-{n}", at + timedelta(seconds=1), name, "buy", 100, 100.02, 0.5)
        for n, at in enumerate(moments)
        for name in symbols
    ]
    for kind, frame in (("fills", fills_frame(fills)), ("quotes", quotes_frame(quotes))):
        (desk.root / kind).mkdir(exist_ok=True)
        frame.write_parquet(desk.root / kind / f"{opening:%Y-%m-%d}.parquet")


@pytest.fixture
def desk(make_desk) -> Desk:
    desk = make_desk(NEW_YORK)
    session(desk)
    session(desk, OPEN + timedelta(days=1))
    return desk


def two_days(desk: Desk) -> Results:
    return compute(desk, start=MONDAY, end=MONDAY + timedelta(days=2))


def totals(desk: Desk) -> list[str]:
    return [each.day for each in saved_days(desk, first="2026-01-01", last="2026-12-31")]


def day_of(desk: Desk, day: str = "2026-03-02") -> Path:
    return day_file(desk.root / "state" / "costs" / "results", day)


def test_a_saved_day_has_its_total_and_its_groups(desk: Desk) -> None:
    done = save(desk, two_days(desk))
    assert done.days == ("2026-03-02", "2026-03-03")
    total, _ = saved_days(desk, first="2026-03-02", last="2026-03-03")
    assert (total.row.fills, total.row.priced) == (16, 14)
    assert total.row.total_bps == pytest.approx(2.5)
    assert total.row.sources["none"].fills == 2
    symbols = saved_days(desk, dimension="symbol", first="2026-03-02", last="2026-03-02")
    assert [each.key for each in symbols] == ["AAA", "BBB"]
    assert sum(each.row.fills for each in symbols) == total.row.fills


@pytest.mark.parametrize("dimension", results.SAVED_DIMENSIONS)
def test_the_groups_of_every_dimension_add_up_to_the_day(desk: Desk, dimension: str) -> None:
    save(desk, two_days(desk))
    (total,) = saved_days(desk, first="2026-03-02", last="2026-03-02")
    groups = saved_days(desk, dimension=dimension, first="2026-03-02", last="2026-03-02")
    assert sum(each.row.fills for each in groups) == total.row.fills
    assert sum(each.row.total_ccy or 0 for each in groups) == pytest.approx(total.row.total_ccy)


def test_what_was_saved_is_what_a_report_of_the_day_says(desk: Desk) -> None:
    save(desk, two_days(desk))
    (found,) = saved_days(desk, first="2026-03-03", last="2026-03-03")
    (row,) = compute(
        desk, start=MONDAY + timedelta(days=1), end=MONDAY + timedelta(days=2)
    ).report.by["day"]
    assert found.row == row


def test_saving_again_replaces_the_day_and_the_groups_that_are_gone(desk: Desk) -> None:
    first = save(desk, two_days(desk))
    session(desk, symbols=("BBB", "CCC"))
    again = save(desk, compute(desk, start=MONDAY, end=MONDAY + timedelta(days=1)))
    assert again.replaced == first.rows // 2
    names = [
        [each.key for each in saved_days(desk, dimension="symbol", first=day, last=day)]
        for day in ("2026-03-02", "2026-03-03")
    ]
    assert names == [["BBB", "CCC"], ["AAA", "BBB"]]
    assert set(pl.read_parquet(day_of(desk))["symbol"]) == {"BBB", "CCC"}


def test_saving_the_same_again_changes_only_when_it_was_computed(desk: Desk) -> None:
    save(desk, two_days(desk))
    before = saved_days(desk, first="2026-03-02", last="2026-03-03")
    desk.clock.advance(timedelta(hours=1))  # type: ignore[attr-defined]
    save(desk, two_days(desk))
    after = saved_days(desk, first="2026-03-02", last="2026-03-03")
    assert [replace(each, computed_at=before[0].computed_at) for each in after] == list(before)
    assert after[0].computed_at == before[0].computed_at + timedelta(hours=1)


def test_a_day_whose_fills_were_all_busted_leaves_with_its_file(desk: Desk) -> None:
    save(desk, two_days(desk))
    (desk.root / "fills" / "2026-03-02.parquet").unlink()
    save(desk, two_days(desk))
    assert totals(desk) == ["2026-03-03"]
    assert (day_of(desk).exists(), day_of(desk, "2026-03-03").exists()) == (False, True)


def test_only_whole_days_are_saved(desk: Desk) -> None:
    with pytest.raises(UsageError, match="only whole days"):
        save(desk, compute(desk, start=OPEN, end=OPEN + timedelta(hours=2)))
    assert totals(desk) == []


def test_who_saved_what_is_in_the_audit_log(desk: Desk) -> None:
    done = save(desk, two_days(desk))
    entry = desk.audit_entries(limit=1)[0]
    assert (entry.action, entry.target) == ("costs.save", "2026-03-02..2026-03-03")
    payload = json.loads(entry.payload)
    assert payload["before"] == {"rows": 0}
    assert payload["after"]["rows"] == done.rows
    assert payload["after"]["data"] == two_days(desk).provenance.data_digest


def test_whoever_is_no_operator_saves_nothing(make_desk) -> None:
    desk = make_desk(NEW_YORK + '\n[access]\nowner_is_admin = false\nothers = "responder"\n')
    session(desk)
    with pytest.raises(NotAllowedError):
        save(desk, two_days(desk))
    assert totals(desk) == []
    assert not day_of(desk).parent.exists()


def test_a_live_desk_wants_a_reason_before_anything_is_saved(make_desk) -> None:
    desk = make_desk(NEW_YORK, mode="live", actor=Actor(0, "root"))
    session(desk)
    with pytest.raises(UsageError, match="--reason"):
        save(desk, two_days(desk))
    assert (totals(desk), day_of(desk).exists()) == ([], False)
    save(desk, two_days(desk), reason="month end")
    assert totals(desk) == ["2026-03-02"]


def test_the_days_before_a_day_are_what_it_is_judged_against(desk: Desk) -> None:
    save(desk, two_days(desk))
    (before,) = trailing_days(desk, before="2026-03-03", limit=20)
    assert (before.day, before.fills, before.unpriced) == ("2026-03-02", 16, 2)
    assert before.total_bps == pytest.approx(2.5)
    assert [each.day for each in trailing_days(desk, before=None, limit=1)] == ["2026-03-03"]


def test_the_per_fill_file_of_a_day_says_where_it_comes_from(desk: Desk) -> None:
    answer = two_days(desk)
    save(desk, answer)
    fills = pl.read_parquet(day_of(desk), hive_partitioning=False)
    assert len(fills) == 16
    assert fills["total_bps"].null_count() == 2
    about = pl.read_parquet_metadata(day_of(desk))
    assert about["mechexo.quote_rule"] == answer.report.quote_rule
    assert about["mechexo.data_digest"] == answer.provenance.days["2026-03-02"]
    assert json.loads(about["mechexo.parameters"])["max_age"] == "60s"
    assert about["mechexo.version"]


def test_the_days_are_one_table_to_every_reader_of_parquet(desk: Desk) -> None:
    save(desk, two_days(desk))
    folder = day_of(desk).parent
    assert len(pl.scan_parquet(folder / "*.parquet").collect()) == 32
    import duckdb

    (count,) = duckdb.sql(f"SELECT count(*) FROM '{folder}/*.parquet'").fetchall()[0]
    assert count == 32


def test_one_file_holds_every_fill_with_its_session_day(desk: Desk, tmp_path: Path) -> None:
    answer = two_days(desk)
    path = results.write_fills(desk, answer, str(tmp_path / "fills.parquet"))
    fills = pl.read_parquet(path)
    assert fills.columns[0] == "day"
    assert fills.drop("day").equals(answer.priced)
    assert [f"{day}" for day in fills["day"].unique().sort()] == ["2026-03-02", "2026-03-03"]
    assert pl.read_parquet_metadata(path)["mechexo.data_digest"] == answer.provenance.data_digest


def test_the_digest_knows_the_data_and_not_its_files(desk: Desk) -> None:
    first = two_days(desk).provenance
    for kind in ("fills", "quotes"):
        parts = [pl.read_parquet(file) for file in (desk.root / kind).iterdir()]
        for file in (desk.root / kind).iterdir():
            file.unlink()
        pl.concat(parts).sample(fraction=1, shuffle=True, seed=7).write_parquet(
            desk.root / kind / "all.parquet"
        )
    assert two_days(desk).provenance == first
    path = desk.root / "fills" / "all.parquet"
    pl.read_parquet(path).with_columns(pl.col("price") + 1e-9).write_parquet(path)
    assert two_days(desk).provenance.data_digest != first.data_digest


def test_the_digest_of_parameters_knows_what_shapes_a_figure_and_nothing_else(make_desk) -> None:
    def digest(more: str) -> str:
        desk = make_desk(NEW_YORK.replace("fills/*", "fills/**/*") + more)
        session(desk)
        return two_days(desk).provenance.parameters_digest

    usual = digest("")
    assert digest("workers = 7\n") == usual
    assert digest('max_age = "61s"\n') != usual
    assert digest("lag_us = 5\n") != usual


def test_no_address_of_a_source_gets_into_the_parameters(make_desk) -> None:
    desk = make_desk(NEW_YORK + 'rates = "postgresql://desk:hunter2@host/db?query=SELECT"\n')
    from mechexo.costs.provenance import parameters

    said = parameters(desk.settings.costs, "UTC")
    assert not any("hunter2" in value or "parquet" in value for value in said.values())


def test_a_column_that_no_digest_reads_does_not_change_it(desk: Desk) -> None:
    priced = two_days(desk).priced
    assert data_digest(priced.with_columns(pl.lit("x").alias("strategy"))) == data_digest(priced)


def test_files_that_never_took_their_places_are_gone(tmp_path: Path) -> None:
    with day_files(tmp_path / "results") as files:
        files.put("2026-03-02", pl.DataFrame({"a": [1]}), {})
        assert len(list((tmp_path / "results").iterdir())) == 1
    assert list((tmp_path / "results").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said_and_nothing_is_saved(desk: Desk) -> None:
    (desk.root / "state").mkdir(exist_ok=True)
    (desk.root / "state" / "costs").write_text("in the way")
    with pytest.raises(UnreachableError, match="cannot be written"):
        save(desk, two_days(desk))
    assert totals(desk) == []


@pytest.mark.slow
def test_a_disk_that_fills_up_leaves_the_days_that_were_saved_before(
    desk: Desk, small_disk: Path
) -> None:
    folder = desk.root / "state" / "costs"
    folder.parent.mkdir(exist_ok=True)
    folder.symlink_to(small_disk)
    save(desk, two_days(desk))
    before = day_of(desk).read_bytes()
    rows = saved_days(desk, first="2026-03-02", last="2026-03-03")
    session(desk, symbols=("BBB", "CCC"))
    fill(small_disk, but_bytes=4096)
    names = {path.name for path in (small_disk / "results").iterdir()}
    with pytest.raises(UnreachableError, match="No space left on device"):
        save(desk, two_days(desk))
    assert day_of(desk).read_bytes() == before
    assert {path.name for path in (small_disk / "results").iterdir()} == names
    assert saved_days(desk, first="2026-03-02", last="2026-03-03") == rows
    (small_disk / FILLER).unlink()
    save(desk, two_days(desk))
    assert set(pl.read_parquet(day_of(desk))["symbol"]) == {"BBB", "CCC"}


def test_saved_figures_follow_from_the_saved_fills_by_another_hand(desk: Desk) -> None:
    import duckdb

    save(desk, two_days(desk))
    found = duckdb.sql(
        f"""SELECT day, symbol, count(*), 1e4 * sum(total_ccy) / sum(notional),
            quantile_cont(total_bps, 0.95), avg(total_bps), stddev_samp(total_bps)
            FROM read_parquet('{day_of(desk).parent}/*.parquet')
            WHERE reason IS NULL AND total_ccy IS NOT NULL GROUP BY ALL ORDER BY ALL"""
    ).fetchall()
    rows = saved_days(desk, dimension="symbol", first="2026-03-02", last="2026-03-03")
    assert [(f"{day}", symbol) for day, symbol, *_ in found] == [(r.day, r.key) for r in rows]
    for (_, _, count, *figures), each in zip(found, rows, strict=True):
        row = each.row
        assert count == row.with_total
        own = (row.total_bps, row.p95_bps, row.mean_bps, row.sd_bps)
        assert figures == pytest.approx(own, abs=1e-9)


def test_saved_days_are_read_without_what_made_them(desk: Desk) -> None:
    save(desk, two_days(desk))
    program = (
        "import sys; from pathlib import Path; from mechexo.desk import Desk;"
        "from mechexo.costs.results import saved_days, trailing_days;"
        "desk = Desk.open(Path(sys.argv[1]));"
        "print(len(saved_days(desk, first='2026-03-01', last='2026-03-09')),"
        " len(trailing_days(desk, before=None, limit=5)), 'polars' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(desk.config_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["2", "2", "False"]
