"""The desk's own tables in a real PostgreSQL."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest

from mechexo.config import RiskSettings
from mechexo.errors import UnreachableError
from mechexo.risk.sources import postgresql
from mechexo.risk.sources.postgresql import psycopg_query
from mechexo.risk.systems import RiskQuestion
from mechexo.risk.trading_day import trading_day
from mechexo.risk.values import Amount, RiskLook, Trading
from support.postgresql import running_server, server_programs

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
PROGRAMS = server_programs()
SCHEMA = """
CREATE TABLE flags (key text, value boolean);
INSERT INTO flags VALUES ('trading', true);
CREATE TABLE positions (ticker text, quantity numeric, price numeric, unrealised numeric);
INSERT INTO positions VALUES ('A', 10, 100.1, 5), ('B', -0.5, 40, NULL);
CREATE TABLE pnl (day date, total numeric);
CREATE SEQUENCE counter;
INSERT INTO pnl VALUES ('2026-03-01', 100), ('2026-03-02', -30.25);
"""
READ = {
    "trading": "SELECT value FROM flags WHERE key = 'trading'",
    "positions": "SELECT * FROM positions WHERE ticker LIKE '%'",
    "pnl_today": "SELECT total, 'USD' FROM pnl WHERE day = :today::date",
    "pnl_month": "SELECT SUM(total) FROM pnl WHERE day BETWEEN :month_first AND :today",
    "as_of": "SELECT now();  -- the server's own",
}


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    if PROGRAMS is None:
        pytest.skip("no PostgreSQL server is installed")
    with running_server(PROGRAMS) as address:
        with psycopg.connect(address) as connection:
            connection.execute(SCHEMA)
        yield address


def ask(address: str, read: dict[str, str], *, within_s: float = 30.0) -> RiskLook:
    settings = RiskSettings(source=address, read=read, fields={"symbol": "ticker"})
    day = trading_day(NOW, ZoneInfo("UTC"), time(0, 0))
    return postgresql.look(settings, RiskQuestion(Path("/"), NOW, day, within_s))


@pytest.mark.slow
def test_every_part_is_read_with_its_own_query(database: str) -> None:
    look = ask(database, READ)
    assert look.trading is Trading.ON
    assert look.positions is not None
    assert [(each.symbol, each.value) for each in look.positions] == [
        ("A", Decimal("1001.0")),
        ("B", Decimal("-20.0")),
    ]
    assert look.pnl_today == (Amount(Decimal("-30.25"), "USD"),)
    assert look.pnl_month == (Amount(Decimal("69.75"), "USD"),)
    assert look.as_of is not None


@pytest.mark.slow
def test_a_query_that_does_not_fit_takes_no_other_part_with_it(database: str) -> None:
    read = {"limits": "SELECT * FROM limits", "capital": "SELECT 1/0", **READ}
    look = ask(database, read)
    assert 'relation "limits" does not exist' in look.why["limits"]
    assert "division by zero" in look.why["capital"]
    assert look.positions is not None


@pytest.mark.slow
def test_a_query_that_writes_is_refused(database: str) -> None:
    look = ask(database, {"capital": "DELETE FROM pnl RETURNING 1", **READ})
    assert "does not fit the database" in look.why["capital"]
    changing = "WITH gone AS (DELETE FROM pnl RETURNING 1) SELECT * FROM gone"
    look = ask(database, {**READ, "capital": changing, "limits": "SELECT nextval('counter')"})
    assert "does not fit the database" in look.why["capital"]
    assert "read-only transaction" in look.why["limits"]
    assert look.pnl_today is not None


@pytest.mark.slow
def test_of_millions_of_rows_only_a_few_are_brought(database: str) -> None:
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    many = "SELECT repeat('x', 1000) AS symbol, n AS quantity FROM generate_series(1, 300000) n"
    look = ask(database, {"positions": many, **{k: v for k, v in READ.items() if k != "positions"}})
    assert "more than 4,000 rows" in look.why["positions"]
    assert look.pnl_today is not None
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    assert grown_kb < 150_000, "300 MB of rows stay where they are"


@pytest.mark.slow
def test_a_query_that_hangs_is_ended_and_no_server_is_said(database: str) -> None:
    with pytest.raises(UnreachableError, match="statement timeout; it was at the query of capital"):
        ask(database, {"capital": "SELECT pg_sleep(600)"}, within_s=0.2)
    with pytest.raises(UnreachableError, match="PostgreSQL: "):
        ask("postgresql://nobody@127.0.0.1:1/nothing", READ)


def test_names_are_written_as_psycopg_reads_them() -> None:
    named = {"now": "", "now_s": 0, "today": ""}
    said = psycopg_query("SELECT :now_s, :now, a::now, '%' WHERE d = :today::date", named)
    assert said == "SELECT %(now_s)s, %(now)s, a::now, '%%' WHERE d = %(today)s::date"
