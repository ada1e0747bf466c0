"""The `sql` kind against a real PostgreSQL server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from mechexo.health.values import Outcome, Status
from support.postgresql import running_server, server_programs

PROGRAMS = server_programs()

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAMS is None, reason="no PostgreSQL server is installed"),
]
Look = Callable[..., Outcome]


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    assert PROGRAMS is not None
    with running_server(PROGRAMS) as address:
        with psycopg.connect(address) as connection:
            connection.execute("CREATE TABLE risk (name text, used numeric)")
            connection.execute("INSERT INTO risk VALUES ('gross', 0.83), ('net', NULL)")
        yield address


def test_a_number_is_judged_against_its_limits(look_with: Look, database: str) -> None:
    query = "SELECT used FROM risk WHERE name = 'gross'"
    outcome = look_with("sql", database=database, query=query, warn_above=0.8)
    assert (outcome.status, outcome.value) == (Status.WARNING, 0.83)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT used FROM risk WHERE name = 'net'", "NULL"),
        ("SELECT used FROM risk WHERE name = 'none'", "no row"),
        ("SELECT used FROM nowhere", "nowhere"),
        ("SELECT 'high'", "not a number"),
        ("SELECT 'NaN'::float8", "not a number"),
    ],
)
def test_what_is_no_number_is_unknown(
    look_with: Look, database: str, query: str, said: str
) -> None:
    outcome = look_with("sql", database=database, query=query, warn_above=0.8)
    assert outcome.status is Status.UNKNOWN
    assert said in outcome.detail


@pytest.mark.parametrize(
    "query", ["DELETE FROM risk RETURNING 1", "INSERT INTO risk VALUES ('x', 1) RETURNING 1"]
)
def test_a_query_that_writes_is_refused_by_the_server(
    look_with: Look, database: str, query: str
) -> None:
    outcome = look_with("sql", database=database, query=query)
    assert outcome.status is Status.UNKNOWN
    assert "read-only" in outcome.detail
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM risk").fetchone() == (2,)


def test_a_query_that_does_not_end_is_ended_by_its_timeout(look_with: Look, database: str) -> None:
    outcome = look_with("sql", database=database, query="SELECT pg_sleep(60)", timeout_s=1.0)
    assert outcome.status is Status.UNKNOWN
    assert "timeout" in outcome.detail


def test_a_server_that_is_not_there_is_unknown(look_with: Look) -> None:
    address = "postgresql://desk@127.0.0.1:1/desk"
    outcome = look_with("sql", database=address, query="SELECT 1")
    assert outcome.status is Status.UNKNOWN
    assert "PostgreSQL" in outcome.detail
