"""What is made of fills that are larger than memory is what is made of all of them at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from costs.engine_desks import alike, hold_alike
from costs.frames import fills_frame, quotes_frame
from costs.oracle import Fill, Quote
from mechexo.costs import results
from mechexo.costs.choosing import BYTES_A_FILL, BYTES_A_QUOTE, needed_mb
from mechexo.costs.day_report import plan, report_by_days
from mechexo.costs.day_results import Given, Wanted, results_by_days
from mechexo.costs.engine_fills import BYTES_A_FILL as BYTES_A_FILL_OF_A_DAY
from mechexo.costs.engine_fills import BYTES_A_HORIZON
from mechexo.costs.ingest import ingest
from mechexo.costs.operations import report
from mechexo.costs.report_html import report_data
from mechexo.costs.results import SAVED_DIMENSIONS, saved_days
from mechexo.costs.spooled_quantiles import quantiles
from mechexo.desk import Desk
from mechexo.errors import NotAllowedError, UsageError
from support.program import document, mechexo

pytestmark = pytest.mark.slow

START = datetime(2026, 3, 1, 23, tzinfo=UTC)
END = START + timedelta(days=3)
BY = ("day", "symbol+hour")
OVERNIGHT = """
[costs]
fills = "fills/*.parquet"
quotes = "quotes/*.parquet"
zone = "America/New_York"
day_starts = "18:00"
horizons = ["1m"]
"""
"""Session days from 18:00 to 18:00: each is parts of two exchange days."""


def around_the_clock(desk: Desk) -> None:
    """A fill of one of two symbols every 40 minutes, every ninth without a quote in time."""
    moments = [START + timedelta(minutes=40 * n) for n in range(108)]
    names = ["AAA", "BBB"]
    quotes = [
        Quote(at, names[n % 2], 100 + n / 100, 100.02 + n / 100, n)
        for n, at in enumerate(moments)
        if n % 9
    ]
    fills = [
        Fill(f"f{n:03}", at + timedelta(seconds=1), names[n % 2], ("buy", "sell")[n % 3 == 0],
             100 + n, 100.02 + n / 100 + n % 5 / 100, None if n % 11 == 0 else 0.5)
        for n, at in enumerate(moments)
    ]  # fmt: skip
    for kind, frame in (("fills", fills_frame(fills)), ("quotes", quotes_frame(quotes))):
        (desk.root / kind).mkdir()
        # Files that are cut where no day is.
        for part in range(3):
            frame[part * 40 : part * 40 + 40].write_parquet(desk.root / kind / f"{part}.parquet")


@pytest.fixture
def desk(make_desk) -> Desk:
    desk = make_desk(OVERNIGHT)
    around_the_clock(desk)
    return desk


def by_days(desk: Desk, by: Sequence[str] = BY, **wanted: object) -> Given:
    return results_by_days(desk, start=START, end=END, by=by, wanted=Wanted(**wanted))


def at_once(desk: Desk, by: Sequence[str] = BY) -> results.Results:
    return results.compute(desk, start=START, end=END, by=by)


def kept(desk: Desk) -> tuple[list[object], dict[str, tuple[pl.DataFrame, dict[str, str]]]]:
    rows = [
        each
        for name in ("day", *SAVED_DIMENSIONS)
        for each in saved_days(desk, dimension=name, first="2026-01-01", last="2026-12-31")
    ]
    folder = desk.root / "state" / "costs" / "results"
    return rows, {path.name: of_file(path) for path in sorted(folder.iterdir())}


def of_file(path: Path) -> tuple[pl.DataFrame, dict[str, str]]:
    about = pl.read_parquet_metadata(path)
    return pl.read_parquet(path), {name: about[name] for name in about if "mechexo" in name}


def hold_equal(one: tuple[pl.DataFrame, dict[str, str]], other: object) -> None:
    frame, about = other  # type: ignore[misc]
    assert_frame_equal(one[0], frame, check_exact=True)
    assert one[1] == about


def test_the_report_and_where_it_comes_from_are_the_same(desk: Desk) -> None:
    whole, parts = at_once(desk), by_days(desk)
    hold_alike(whole.report, parts.report)
    assert parts.provenance == whole.provenance
    assert parts.fills == len(whole.priced) == 108


def test_days_are_saved_as_they_are_at_once(desk: Desk) -> None:
    saved = results.save(desk, at_once(desk))
    rows, files = kept(desk)
    again = by_days(desk, save=True).saved
    assert again is not None
    assert (again.days, again.rows, again.replaced) == (saved.days, saved.rows, saved.rows)
    rows_again, files_again = kept(desk)
    assert len(saved.days) == len(files) == 3
    assert len(rows) == saved.rows
    assert alike(tuple(rows), tuple(rows_again))
    assert files.keys() == files_again.keys()
    for name, content in files.items():
        hold_equal(content, files_again[name])


def test_all_fills_go_into_one_file_without_being_together_in_memory(
    desk: Desk, tmp_path: Path
) -> None:
    results.write_fills(desk, at_once(desk), str(tmp_path / "whole.parquet"))
    given = by_days(desk, parquet=str(tmp_path / "parts.parquet"))
    assert given.parquet == tmp_path / "parts.parquet"
    hold_equal(of_file(tmp_path / "whole.parquet"), of_file(tmp_path / "parts.parquet"))
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_report_to_read_shows_the_same_distribution_and_no_exceptions(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    monkeypatch.setattr("mechexo.costs.report_html.page.render", lambda d: shown.append(d) or "")
    by_days(desk, by=("symbol",), html=str(tmp_path / "costs.html"))
    (parts,) = shown
    whole = report_data(desk, at_once(desk, by=("symbol", "day", "hour")))
    hold_alike(whole.report, parts.report)
    assert len(parts.distribution) > 5
    assert alike(whole.distribution, parts.distribution)
    assert parts.provenance == whole.provenance
    assert parts.exceptions is None


def test_the_page_is_whole_without_exceptions(desk: Desk, tmp_path: Path) -> None:
    page = by_days(desk, html=str(tmp_path / "costs.html")).html
    assert page is not None
    text = page.read_text()
    assert text.endswith("</html>\n")
    assert 'id="method"' in text
    assert 'id="exceptions"' not in text


def test_a_period_without_fills_is_saved_as_none(desk: Desk) -> None:
    by_days(desk, save=True)
    for path in (desk.root / "fills").iterdir():
        pl.read_parquet(path).head(0).write_parquet(path)
    saved = by_days(desk, save=True).saved
    assert saved is not None
    assert (saved.rows, saved.files) == (0, ())
    assert kept(desk) == ([], {})


def test_who_may_not_save_waits_for_no_figures(make_desk, monkeypatch) -> None:
    def computed(*_words: object, **_more: object) -> None:
        raise AssertionError("the figures were computed")

    monkeypatch.setattr("mechexo.costs.day_results.computed_by_days", computed)
    desk = make_desk(OVERNIGHT)
    with pytest.raises(UsageError, match="only whole days can be saved"):
        results_by_days(
            desk, start=START, end=END - timedelta(hours=1), by=(), wanted=Wanted(save=True)
        )
    viewers = make_desk(OVERNIGHT + '[access]\nowner_is_admin = false\nothers = "responder"\n')
    with pytest.raises(NotAllowedError):
        by_days(viewers, save=True)


def test_the_share_of_the_daily_volume_is_known_day_by_day_too(make_desk) -> None:
    desk = make_desk(OVERNIGHT + 'trades = "trades.parquet"\n')
    around_the_clock(desk)
    moments = [START - timedelta(days=n, hours=5) for n in range(1, 30)]
    pl.DataFrame(
        {"ts": moments * 2, "symbol": ["AAA"] * 29 + ["BBB"] * 29, "price": 100.0,
         "size": [15_000.0] * 29 + [150_000.0] * 29}
    ).write_parquet(desk.root / "trades.parquet")  # fmt: skip
    by = ("adv", "adv+symbol")
    whole = report(desk, start=START, end=END, by=by)
    assert len(whole.by["adv"]) > 1
    hold_alike(whole, report_by_days(desk, start=START, end=END, by=by))


@given(
    st.lists(
        st.lists(st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0, 1.0000001]), max_size=8),
        max_size=5,
    )
)
def test_percentiles_of_parts_are_those_of_the_whole(parts: list[list[float]]) -> None:
    frames = [pl.DataFrame({"value": part}, schema={"value": pl.Float64}) for part in parts]
    levels = (0.0, 0.01, 0.5, 0.99, 1.0)
    found = quantiles(frames, "value", levels)
    values = pl.Series("value", [each for part in parts for each in part], dtype=pl.Float64)
    if values.is_empty():
        assert found == []
    else:
        whole = [values.quantile(level, interpolation="linear") for level in levels]
        assert found == pytest.approx(whole, rel=1e-12, abs=1e-9)


def many_fills(desk: Desk, count: int) -> None:
    """One fill each second, an hour from the start on."""
    (desk.root / "many").mkdir()
    pl.DataFrame({"n": range(count)}).select(
        fill_id=pl.col("n").cast(pl.String),
        ts=pl.lit(START + timedelta(hours=1)) + pl.duration(seconds="n"),
        symbol=pl.lit("AAA"),
        side=pl.lit("buy"),
        quantity=pl.lit(1.0),
        price=pl.lit(100.0),
    ).write_parquet(desk.root / "many" / "fills.parquet")


def test_what_a_period_needs_counts_its_fills_and_quotes(make_desk) -> None:
    desk = make_desk(OVERNIGHT.replace("fills/*", "many/*") + "memory_mb = 128\n")
    around_the_clock(desk)
    many_fills(desk, 100_000)
    rows = 100_000 * BYTES_A_FILL
    assert needed_mb(desk, START, END) == (rows + 96 * BYTES_A_QUOTE) // 1_000_000
    # Only as many as the period has; about, as a file's rows are taken to lie evenly in it.
    half = needed_mb(desk, START, START + timedelta(seconds=50_000 + 3600))
    assert half == pytest.approx(rows / 2e6, rel=0.02)
    assert needed_mb(desk, START - timedelta(days=9), START) == 0


def test_the_store_is_counted_by_what_it_says_of_its_days(desk: Desk, make_desk) -> None:
    files = needed_mb(desk, START, END)
    ingest(desk)
    config = desk.config_path
    config.write_text(config.read_text().replace('quotes = "quotes/*.parquet"', 'quotes = "store"'))
    assert needed_mb(Desk.open(config), START, END) == files == 0


def test_the_command_says_when_it_computes_day_by_day(make_desk, tmp_path: Path) -> None:
    desk = make_desk(OVERNIGHT.replace("fills/*", "many/*") + "memory_mb = 128\n")
    around_the_clock(desk)
    many_fills(desk, 100_000)
    words = ("costs", "--from", "2026-03-01", "--to", "2026-03-03")
    parquet = tmp_path / "fills.parquet"
    done = mechexo(*words, "--json", "--parquet", str(parquet), config=desk.config_path)
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    assert re.fullmatch(
        r"computing day by day: all at once would take about \d+ MB, and \[costs\] memory_mb is "
        r"128",
        said[0],
    )
    found = document(done)
    assert found["totals"]["fills"] == 100_000  # type: ignore[index]
    assert found["provenance"]["data_digest"]  # type: ignore[index]
    assert said[1] == f"wrote 100000 fills to {parquet}"
    assert len(pl.scan_parquet(parquet).select(pl.len()).collect()) == 1
    small = mechexo(
        *words[:1], "--from", "2026-02-20", "--to", "2026-02-21", config=desk.config_path
    )
    assert (small.returncode, small.stderr) == (0, "")


@pytest.mark.parametrize("labels", ["[]", '["1s", "1m"]'])
def test_a_days_weight_counts_the_markouts_of_its_fills(make_desk, labels: str) -> None:
    desk = make_desk(
        OVERNIGHT.replace("fills/*", "many/*").replace('["1m"]', labels) + "memory_mb = 128\n"
    )
    around_the_clock(desk)
    many_fills(desk, 50_000)
    days, _ = plan(desk, START, END, ())
    each = BYTES_A_FILL_OF_A_DAY + len(desk.settings.costs.horizons) * BYTES_A_HORIZON
    assert sum(day.weight_mb for day in days) == pytest.approx(50_000 * each / 1e6, abs=len(days))
