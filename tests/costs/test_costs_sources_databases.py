"""Fills and quotes by query: DuckDB files and a real PostgreSQL server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import polars as pl
import psycopg
import pytest

from mechexo.config.costs import CostSettings
from mechexo.costs.sources import read_fills
from mechexo.costs.sources.protocol import Window
from mechexo.errors import ConfigError, MechexoError, UnreachableError
from support.postgresql import running_server, server_programs

pytestmark = pytest.mark.slow

DAY = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = Window(DAY, DAY + timedelta(days=1))
ROWS = """(VALUES
    ('1', TIMESTAMPTZ '2026-03-02 15:00:00.123456+00', 'AAA', 10, 100.1::DECIMAL(18,8)),
    ('2', TIMESTAMPTZ '2026-03-09 15:00:00+00', 'AAA', -5, 0.1::DECIMAL(18,8)),
    ('3', NULL, 'BBB', 1, 3.3::DECIMAL(18,8))
) AS rows(fill_id, ts, symbol, quantity, price)"""
PROGRAMS = server_programs()
SLOW_DUCKDB = "SELECT sum(a.range * b.range) AS fill_id FROM range(1000000) a, range(1000000) b"


def fills(address: str, folder: Path, window: Window = WINDOW, **settings: object) -> pl.DataFrame:
    chosen = CostSettings(fills=address, **settings)  # type: ignore[arg-type]
    return read_fills(chosen, folder, window).frame


def refusal(kind: type[MechexoError], address: str, folder: Path, **settings: object) -> str:
    with pytest.raises(kind) as caught:
        fills(address, folder, **settings)
    text = str(caught.value)
    assert "\n" not in text
    assert "[costs] fills" in text or "extra" in text
    return text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with duckdb.connect(str(tmp_path / "desk.duckdb")) as connection:
        connection.execute(f"CREATE TABLE executions AS SELECT * FROM {ROWS}")
        connection.execute("CREATE SCHEMA live")
        connection.execute('CREATE VIEW live."my fills" AS SELECT * FROM executions')
    return tmp_path


def test_a_duckdb_table_view_and_query_give_the_same_rows(folder: Path) -> None:
    for asked in (
        "table=executions",
        "table=live.my+fills",
        "query=SELECT * FROM executions WHERE symbol LIKE '%A%' OR symbol = 'B' || 'BB'; ",
    ):
        read = fills(f"duckdb:///desk.duckdb?{asked}", folder)
        assert read.rows() == [
            ("1", DAY + timedelta(hours=15, microseconds=123456), "AAA", 10.0, 100.1),
            ("3", None, "BBB", 1.0, 3.3),
        ]


def test_a_duckdb_database_is_not_changed_and_may_be_read_only(folder: Path) -> None:
    path = folder / "desk.duckdb"
    path.chmod(0o444)
    before = path.read_bytes()
    fills("duckdb:///desk.duckdb?table=executions", folder)
    assert path.read_bytes() == before
    assert [each.name for each in folder.glob("desk.duckdb*")] == ["desk.duckdb"]


@pytest.mark.parametrize(
    "query",
    ["DELETE FROM executions", "SELECT 1) AS x; DROP TABLE executions; SELECT * FROM (SELECT 1",
     "COPY executions TO 'elsewhere.csv'"],
)  # fmt: skip
def test_a_duckdb_query_that_would_change_something_is_refused(folder: Path, query: str) -> None:
    refusal(ConfigError, f"duckdb:///desk.duckdb?query={query}", folder)
    assert len(fills("duckdb:///desk.duckdb?table=executions", folder)) == 2
    assert not (folder / "elsewhere.csv").exists()


def test_duckdb_times_without_a_zone_need_one(folder: Path) -> None:
    query = "SELECT * REPLACE (ts::TIMESTAMP AS ts) FROM executions"
    address = f"duckdb:///desk.duckdb?query={query}"
    assert "naive_zone" in refusal_of_zone(address, folder)
    placed = fills(address, folder, naive_zone="America/New_York")
    assert placed["ts"].to_list()[0] == DAY + timedelta(hours=20, microseconds=123456)


def refusal_of_zone(address: str, folder: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        fills(address, folder)
    return str(caught.value)


def test_a_duckdb_query_ends_at_its_time_out(folder: Path) -> None:
    address = f"duckdb:///desk.duckdb?timeout=1s&query={SLOW_DUCKDB}"
    assert "took longer than 1s" in refusal(UnreachableError, address, folder)


def test_what_duckdb_cannot_read_is_said(folder: Path) -> None:
    text = refusal(ConfigError, "duckdb:///desk.duckdb?table=fills", folder)
    assert "fills does not exist" in text
    assert "syntax error" in refusal(ConfigError, "duckdb:///desk.duckdb?query=SELEC 1", folder)
    assert "is not there" in refusal(UnreachableError, "duckdb:///no.duckdb?table=x", folder)
    (folder / "torn.duckdb").write_bytes(b"rubbish " * 1000)
    assert "cannot be read" in refusal(UnreachableError, "duckdb:///torn.duckdb?table=x", folder)


def test_a_duckdb_database_that_another_process_writes_is_unreachable(folder: Path) -> None:
    import subprocess

    program = (
        "import duckdb, sys; connection = duckdb.connect(sys.argv[1]); print(1, flush=True);"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(folder / "desk.duckdb")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as writer:  # fmt: skip
        assert writer.stdout is not None
        writer.stdout.readline()
        text = refusal(UnreachableError, "duckdb:///desk.duckdb?table=executions", folder)
        assert writer.stdin is not None
        writer.stdin.close()
    assert "lock" in text


def test_a_missing_column_of_a_query_names_the_closest(folder: Path) -> None:
    address = "duckdb:///desk.duckdb?query=SELECT fill_id, ts, symbol, quantity qty, price FROM executions"  # noqa: E501
    with pytest.raises(ConfigError, match="no column 'quantity'; close names: qty"):
        fills(address, folder)


@pytest.mark.parametrize("module", ["duckdb", "psycopg"])
def test_a_missing_extra_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    address = {"duckdb": "duckdb:///desk.duckdb?table=x", "psycopg": "postgresql://h/d?table=x"}
    extra = {"duckdb": "mechexo[duckdb]", "psycopg": "mechexo[postgresql]"}
    assert extra[module] in refusal(ConfigError, address[module], folder)


@pytest.mark.parametrize(
    "address",
    ["duckdb:///x", "duckdb:///x?table=a&query=SELECT 1", "duckdb://host/x?table=a",
     "duckdb:///x?tables=a", "duckdb:///x?timeout=soon&table=a", "postgresql://h/d",
     "postgresql://h?query=SELECT 1", "postgresql://h/d?sslmod=x&table=a"],
)  # fmt: skip
def test_a_database_address_that_is_none_is_refused(address: str, tmp_path: Path) -> None:
    refusal(ConfigError, address, tmp_path)


needs_postgresql = pytest.mark.skipif(PROGRAMS is None, reason="no PostgreSQL server installed")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    assert PROGRAMS is not None
    with running_server(PROGRAMS) as address:
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f"CREATE TABLE executions AS SELECT * FROM {ROWS}")
            connection.execute("CREATE TABLE ticks (n BIGINT, ts TIMESTAMPTZ, x FLOAT8)")
            connection.execute("CREATE ROLE guarded LOGIN PASSWORD 'a/p@ss:w?rd'")
        yield address


@pytest.mark.slow
@needs_postgresql
class TestPostgresql:
    """Against a real server."""

    def test_a_table_and_a_query_give_the_rows_of_the_window(
        self, server: str, tmp_path: Path
    ) -> None:
        for asked in (
            "table=public.executions",
            "query=SELECT * FROM executions WHERE symbol LIKE '%' AND 1 + 1 = 2 -- all",
        ):
            read = fills(f"{server}?{asked}", tmp_path)
            assert read.rows() == [
                ("1", DAY + timedelta(hours=15, microseconds=123456), "AAA", 10.0, 100.1),
                ("3", None, "BBB", 1.0, 3.3),
            ]

    def test_numbers_come_as_the_server_holds_them(self, server: str, tmp_path: Path) -> None:
        query = (
            "SELECT 'x,\"y\"' || chr(10) AS fill_id, now() AS ts, 'Ä' AS symbol, "
            "0.1::float8 + 0.2::float8 AS quantity, 123456789.12345678::numeric AS price"
        )
        now = datetime.now(UTC)
        window = Window(now - timedelta(days=1), now + timedelta(days=1))
        row = fills(f"{server}?query={query}", tmp_path, window).row(0)
        assert (row[0], row[2]) == ('x,"y"\n', "Ä")
        assert row[3:] == (0.1 + 0.2, 123456789.12345678)

    @pytest.mark.parametrize(
        "query",
        ["DELETE FROM executions RETURNING *", "SELECT setval('s', 1)",
         "SELECT 1) AS x; DROP TABLE executions; SELECT * FROM (SELECT 1"],
    )  # fmt: skip
    def test_a_query_that_would_change_something_is_refused(
        self, server: str, tmp_path: Path, query: str
    ) -> None:
        refusal(ConfigError, f"{server}?query={query}", tmp_path)
        assert len(fills(f"{server}?table=executions", tmp_path)) == 2

    def test_a_function_cannot_write_either(self, server: str, tmp_path: Path) -> None:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(
                "CREATE OR REPLACE FUNCTION sneak() RETURNS int LANGUAGE sql AS "
                "$$ DELETE FROM executions; SELECT 1 $$"
            )
        text = refusal(ConfigError, f"{server}?query=SELECT sneak() AS fill_id", tmp_path)
        assert "read-only" in text

    def test_a_query_ends_at_its_time_out(self, server: str, tmp_path: Path) -> None:
        query = "SELECT pg_sleep(60)::text AS fill_id"
        text = refusal(UnreachableError, f"{server}?timeout=1s&query={query}", tmp_path)
        assert "took longer than 1s" in text

    def test_a_wrong_query_is_said(self, server: str, tmp_path: Path) -> None:
        assert "fills" in refusal(ConfigError, f"{server}?table=fills", tmp_path)
        assert "syntax error" in refusal(ConfigError, f"{server}?query=SELEC 1", tmp_path)

    def test_a_password_by_reference_is_used_and_never_shown(
        self, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DESK_PASSWORD", "a/p@ss:w?rd")
        port = urlsplit(server).port
        given: list[dict[str, Any]] = []
        connect = psycopg.connect
        monkeypatch.setattr(psycopg, "connect", lambda **to: given.append(to) or connect(**to))
        address = f"postgresql://guarded:${{env:DESK_PASSWORD}}@127.0.0.1:{port}/postgres"
        text = refusal(ConfigError, f"{address}?table=executions", tmp_path)
        assert "permission denied" in text
        assert "w?rd" not in text
        assert given[0]["password"] == "a/p@ss:w?rd"

    def test_a_server_that_is_not_there_is_unreachable(self, tmp_path: Path) -> None:
        address = "postgresql://desk@127.0.0.1:9/postgres?table=executions"
        assert "connection" in refusal(UnreachableError, address, tmp_path)

    def test_many_rows_come_in_pieces_and_all_of_them(
        self, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from mechexo.costs.sources import postgresql

        monkeypatch.setattr(postgresql, "_PIECE_BYTES", 10_000)
        query = (
            "SELECT n AS fill_id, TIMESTAMPTZ '2026-03-02' + n * INTERVAL '1 s' AS ts, "
            "'A' AS symbol, 1 AS quantity, n / 7.0 AS price FROM generate_series(0, 9999) AS n"
        )
        read = fills(f"{server}?query={query}", tmp_path)
        assert read["fill_id"].to_list() == [str(n) for n in range(10_000)]
