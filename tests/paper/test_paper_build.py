"""A built paper desk: deterministic, whole, with a git history that git accepts."""

from __future__ import annotations

import hashlib
import shlex
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from mechexo.config import load_settings
from mechexo.desk import Desk
from mechexo.errors import ConflictError, MechexoError
from mechexo.health.operations import load_probes
from mechexo.paper import build as building
from mechexo.paper import trading
from mechexo.paper.build import TEMPLATE, build, is_paper_desk, template_files, write_config
from mechexo.paper.history import BAD_CHANGE_AGE, CHANGES, commit_times, versions

pytestmark = pytest.mark.slow

BUILT_AT = datetime(2026, 3, 3, 16, 0, tzinfo=UTC)


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.parts and path.name != "mechexo.toml"
    }


@pytest.mark.slow
def test_the_same_seed_and_time_give_the_same_files_and_commits(
    pristine: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    build(again, 7, BUILT_AT)
    assert digests(again) == digests(pristine)
    assert git(again, "log", "--format=%H") == git(pristine, "log", "--format=%H")


@pytest.mark.slow
def test_another_seed_gives_another_market_but_the_same_history(
    pristine: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    build(other, 8, BUILT_AT)
    assert digests(other)["trading.sqlite"] != digests(pristine)["trading.sqlite"]
    assert git(other, "rev-parse", "HEAD") == git(pristine, "rev-parse", "HEAD")


def test_git_finds_nothing_wrong_and_nothing_changed(pristine: Path) -> None:
    assert git(pristine, "fsck", "--strict", "--full") == ""
    assert git(pristine, "status", "--porcelain") == ""
    assert git(pristine, "branch", "--show-current") == "main"


def test_the_history_is_two_weeks_of_commits_in_order_ending_shortly_before_now(
    pristine: Path,
) -> None:
    lines = git(pristine, "log", "--reverse", "--format=%ct %at %an").splitlines()
    times = [int(line.split()[0]) for line in lines]
    assert len(times) == len(CHANGES) + 1
    assert times == sorted(set(times))
    assert all(line.split()[0] == line.split()[1] for line in lines)
    assert {line.split(maxsplit=2)[2] for line in lines} == {"paper desk"}
    assert times[-1] == int((BUILT_AT - BAD_CHANGE_AGE).timestamp())
    assert 13 * 86400 <= times[-1] - times[0] <= 16 * 86400


@pytest.mark.parametrize("day", range(1, 9))
def test_commit_times_rise_on_every_day_of_the_week_also_at_midnight(day: int) -> None:
    for hour in (0, 5, 14, 23):
        times = commit_times(datetime(2026, 3, day, hour, 1, tzinfo=UTC))
        assert times == sorted(times)


def test_every_commit_holds_files_that_can_be_read(pristine: Path) -> None:
    for files in versions(template_files()):
        for name, text in files.items():
            if name.endswith(".py"):
                compile(text, name, "exec")
    assert (
        git(pristine, "show", "HEAD:flows/reweight.py") + "\n"
        == (pristine / "flows/reweight.py").read_text()
    )


def test_every_commit_has_what_its_flows_share(pristine: Path) -> None:
    commits = git(pristine, "log", "--format=%H", "--", "tools/flow.py").splitlines()
    assert commits == [git(pristine, "rev-list", "--max-parents=0", "HEAD")]
    assert (pristine / "tools/flow.py").read_text() == (TEMPLATE / "tools/flow.py").read_text()


def test_the_last_commit_is_the_bad_limit_and_nothing_else(pristine: Path) -> None:
    diff = git(pristine, "diff", "--unified=0", "HEAD~1", "HEAD")
    changed = [
        line for line in diff.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    assert [line.split("#")[0].strip() for line in changed] == [
        "-max_symbol_weight: 0.12",
        "+max_symbol_weight: 0.45",
    ]


def test_there_are_ten_closed_days_and_today_of_about_200_000_quotes(pristine: Path) -> None:
    for kind in ("quotes", "fills", "orders", "bars", "minutes"):
        assert len(list((pristine / "data" / kind).glob("*.parquet"))) == 11
    quotes = pl.read_parquet(pristine / "data/quotes/*.parquet")
    assert 180_000 < quotes.height < 230_000
    assert quotes.schema["ts"] == pl.Datetime("us", "UTC")
    assert quotes["symbol"].n_unique() == 12
    newest = quotes["ts"].max()
    assert isinstance(newest, datetime)
    assert newest < BUILT_AT


def test_each_day_of_quotes_is_in_order_and_numbered(pristine: Path) -> None:
    for path in (pristine / "data/quotes").glob("*.parquet"):
        frame = pl.read_parquet(path)
        assert frame["ts"].is_sorted()
        assert frame["seq"].to_list() == list(range(frame.height))
        days = frame["ts"].dt.convert_time_zone("America/New_York").dt.date().unique().to_list()
        assert [day.isoformat() for day in days] == [path.stem]


def test_fills_have_unique_ids_and_mostly_lie_at_the_touch(pristine: Path) -> None:
    fills = pl.read_parquet(pristine / "data/fills/*.parquet").sort("ts")
    assert fills["fill_id"].is_unique().all()
    assert set(fills["side"]) == {"buy", "sell"}
    assert set(fills["strategy"]) == {"base", "canary"}
    quotes = pl.read_parquet(pristine / "data/quotes/*.parquet").filter(pl.col("bid") > 0)
    found = fills.join_asof(
        quotes.select("symbol", "bid", "ask", "ts").sort("ts"),
        on="ts", by="symbol", allow_exact_matches=False, tolerance="60s", check_sortedness=False,
    )  # fmt: skip
    priced = found.drop_nulls("bid")
    assert 0.95 < priced.height / fills.height < 1.0
    touch = (pl.col("price") == pl.col("bid")) | (pl.col("price") == pl.col("ask"))
    assert priced.filter(touch).height / priced.height > 0.7


def test_the_book_was_made_before_the_bad_limit_and_only_the_weights_break_the_mandate(
    query,
) -> None:
    broken = query('SELECT name FROM risk_limits WHERE used > "limit"')
    assert broken == [("largest_weight_pct",)]
    assert query("SELECT COUNT(*) FROM positions") == [(12,)]
    assert query("SELECT COUNT(*) FROM pnl") == [(11,)]


def test_the_configuration_is_one_that_mechexo_accepts(paper: Path) -> None:
    settings = load_settings(paper / "mechexo.toml")
    probes = load_probes(settings, paper / "mechexo.toml")
    assert len(probes) == len(settings.probes) == 20
    assert {probe.card for probe in settings.probes.values()} == set(settings.cards.show)
    for probe in settings.probes.values():
        assert not probe.suspect or (paper / probe.suspect).is_file()


def test_a_folder_with_a_strange_name_is_written_right(pristine: Path, tmp_path: Path) -> None:
    strange = tmp_path / 'it\'s a "desk" \\ #1'
    shutil.copytree(pristine, strange)
    write_config(strange, 4242)
    variables = load_settings(strange / "mechexo.toml").runbook.variables
    assert variables["DESK_FOLDER"] == str(strange)
    assert shlex.split(variables["HALT_COMMAND"])[1:] == [str(strange / "tools/desk.py"), "halt"]


def test_every_variable_of_the_runbook_has_a_value_here(paper: Path) -> None:
    from mechexo.runbook.operations import entries

    assert {
        name for entry in entries(Desk.open(paper / "mechexo.toml")) for name in entry.unset
    } == set()


@pytest.mark.slow
def test_a_desk_made_just_after_midnight_in_new_york_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    build(folder, 7, datetime(2026, 3, 7, 5, 0, 20, tzinfo=UTC))
    assert len(trading.quantities(folder)) == 12
    with trading.trading(folder) as connection:
        broken = connection.execute('SELECT name FROM risk_limits WHERE used > "limit"').fetchall()
    assert broken == [("largest_weight_pct",)]


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "precious.txt").write_text("x")
    with pytest.raises(ConflictError, match="not empty"):
        build(mine, 7, BUILT_AT)
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["mine"]


def test_without_git_nothing_is_left_behind(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(MechexoError, match="needs git"):
        build(tmp_path / "desk", 7, BUILT_AT)
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == []


@pytest.mark.slow
def test_a_flow_that_fails_is_named_and_nothing_is_left_behind(tmp_path: Path, monkeypatch) -> None:
    broken = shutil.copytree(TEMPLATE, tmp_path / "template")
    flow = broken / "flows/data_pipeline.py"
    flow.write_text(flow.read_text().replace("run))", 'sys.exit("data_pipeline: no bars today")))'))
    monkeypatch.setattr(building, "TEMPLATE", broken)
    with pytest.raises(MechexoError, match=r"^data_pipeline: no bars today$"):
        build(tmp_path / "desk", 7, BUILT_AT)
    assert not {path.name for path in tmp_path.iterdir()} - {"home", "template"}


@pytest.mark.slow
def test_a_hostile_git_environment_has_no_say(pristine: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "somebody else")
    build(tmp_path / "desk", 7, BUILT_AT)
    monkeypatch.delenv("GIT_DIR")
    assert is_paper_desk(tmp_path / "desk")
    assert git(tmp_path / "desk", "rev-parse", "HEAD") == git(pristine, "rev-parse", "HEAD")
