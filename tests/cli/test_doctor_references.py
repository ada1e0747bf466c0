"""`mechexo doctor` on what the configuration names elsewhere: sources, entries, files, jobs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from mechexo.desk import Desk
from mechexo.doctor import Finding, examine
from mechexo.health.values import Status

pytestmark = pytest.mark.slow


def findings(desk: Desk, check: str) -> list[Finding]:
    """What the doctor says about one thing."""
    desk.state.close()
    return [each for each in examine(desk.config_path) if each.check == check]


def only(desk: Desk, check: str) -> Finding:
    (finding,) = findings(desk, check)
    return finding


def commit_all(folder: Path) -> None:
    """Makes a folder a git repository that has all its files."""
    git = ["git", "-C", str(folder)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    who = ["-c", "user.name=tester", "-c", "user.email=tester@desk.invalid"]
    subprocess.run([*git, *who, "commit", "-q", "-m", "files"], check=True)


def test_costs_are_looked_for_where_they_should_be(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk('[costs]\nfills="data/*/f.csv"\nquotes="sqlite:///q.sqlite?table=quotes"\n')
    (desk.root / "data" / "x").mkdir(parents=True)
    (desk.root / "data" / "x" / "f.csv").write_text("fill_id,ts,symbol,side,quantity,price\n")
    fills, quotes = findings(desk, "costs")
    assert fills.status is Status.OK
    assert quotes.status is Status.CRITICAL
    assert "[costs] quotes" in quotes.mend


def test_costs_of_other_addresses_are_opened(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk('[costs]\nfills="imported"\nquotes="duckdb:///q.duckdb?table=quotes"\n')
    fills, quotes = findings(desk, "costs")
    assert "nothing was imported yet" in fills.detail
    assert "q.duckdb is not there" in quotes.detail
    with duckdb.connect(str(desk.root / "q.duckdb")) as database:
        database.execute("CREATE TABLE quotes (ts TIMESTAMPTZ, symbol TEXT, bid INT, ask INT)")
    assert findings(desk, "costs")[1].status is Status.OK


@pytest.mark.parametrize(
    ("key", "header", "lacking"),
    [("fills", "time,symbol,price\n", "fill_id"), ("quotes", "ts,symbol,bid\n", "ask")],
)
def test_costs_whose_columns_do_not_fit_are_wrong(
    make_desk: Callable[..., Desk], key: str, header: str, lacking: str
) -> None:
    desk = make_desk('[costs]\nfills="fills.csv"\nquotes="quotes.csv"\n')
    headers = {"fills": "fill_id,ts,symbol,side,quantity,price\n", "quotes": "ts,symbol,bid,ask\n"}
    for name, words in (headers | {key: header}).items():
        (desk.root / f"{name}.csv").write_text(words)
    bad = [each for each in findings(desk, "costs") if each.is_bad]
    assert [each.detail.partition(":")[0] for each in bad] == [key]
    assert f"no column '{lacking}'" in bad[0].detail
    assert f"{key[:-1]}_columns" in bad[0].mend


@pytest.mark.parametrize("key", ["trades", "bars", "orders", "rates"])
def test_every_source_that_costs_name_is_looked_for(
    make_desk: Callable[..., Desk], key: str
) -> None:
    desk = make_desk(f'[costs]\nfills="f.csv"\n{key}="none/*.csv"\n')
    assert findings(desk, "costs")[-1].detail == "nothing is at none/*.csv"


def test_a_doctor_of_a_desk_without_costs_does_without_polars(desk: Desk) -> None:
    script = (
        "import sys; from pathlib import Path; from mechexo.doctor import examine;"
        "examine(Path(sys.argv[1])); print('polars' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(desk.config_path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "False\n"


def test_names_of_the_runbook_that_are_not_set_are_told_at_once(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk()
    found = only(desk, "runbook names")
    assert found.status is Status.WARNING
    assert "$HALT_COMMAND" in found.detail
    assert "[runbook.variables]" in found.mend
    names = [word.strip("$,") for word in found.detail.split() if word.startswith("$")]
    values = "".join(f'{name} = "x"\n' for name in names)
    assert only(make_desk(f"[runbook.variables]\n{values}"), "runbook names").status is Status.OK


@pytest.mark.parametrize("table", ["probes.m", "flows.m"])
def test_a_suspect_that_git_does_not_know_is_wrong(
    make_desk: Callable[..., Desk], table: str
) -> None:
    keys = 'kind="host"\nmetric="memory_pct"\n' if table == "probes.m" else ""
    desk = make_desk(f'[rollback]\nrepository="."\n[{table}]\nsuspect="config/rsik.yaml"\n{keys}')
    (desk.root / "config").mkdir()
    (desk.root / "config" / "risk.yaml").write_text("limit: 1\n")
    commit_all(desk.root)
    found = only(desk, "suspects")
    assert found.status is Status.CRITICAL
    assert f"[{table}] suspect = 'config/rsik.yaml'" in found.detail
    assert "config/risk.yaml" in found.mend
    text = desk.config_path.read_text()
    desk.config_path.write_text(text.replace("rsik", "risk"))
    assert only(desk, "suspects").status is Status.OK


def test_a_job_with_a_heartbeat_and_a_table_of_its_own_is_said_to_page_twice(
    make_desk: Callable[..., Desk],
) -> None:
    beat = '[probes.beat]\nkind="heartbeat"\nevery_expected="1h"\njob="bars"\n'
    found = only(make_desk(f"{beat}[flows.bars]\n"), "flows")
    assert found.status is Status.WARNING
    assert "[probes.beat] and [flows.bars]" in found.detail
    assert findings(make_desk(f"{beat}[flows.weights]\n"), "flows") == []
