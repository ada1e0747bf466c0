"""What was changed during an incident, by whatever hand, and what a rollback did, as it is told."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from conftest import MakeDesk
from mechexo.clock import SystemClock
from mechexo.desk import Desk
from mechexo.incident_postmortem import postmortem
from mechexo.incident_timeline import timeline
from mechexo.incidents import operations as incidents
from mechexo.incidents.values import Moment
from mechexo.rollback.flags.store import open_store
from mechexo.rollback.operations import plan_config
from rollback.carrying import carry_out
from rollback.histories import History

pytestmark = pytest.mark.slow

RISK = "config/risk.yaml"
TOML = """
[rollback]
repository = "repo"
configs = ["config/*"]
[rollback.flags]
database = "sqlite:///flags.sqlite"
"""


def by_hand(desk: Desk, statement: str) -> None:
    """As the sqlite3 shell would: mechexo is not asked."""
    connection = sqlite3.connect(desk.root / "flags.sqlite", isolation_level=None)
    try:
        connection.execute(statement)
    finally:
        connection.close()


def ago(minutes: float) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)


@pytest.fixture
def night(make_desk: MakeDesk, tmp_path: Path) -> tuple[Desk, int]:
    """A limit was lowered just before; then a flag was set by hand, and the limit rolled back."""
    history = History.begin(tmp_path / "desk" / "repo")
    history.commit({RISK: "limit: 100\n"}, ago(90))
    history.commit({RISK: "limit: 1\n"}, ago(5))
    desk = replace(make_desk(TOML), clock=SystemClock())
    by_hand(desk, "CREATE TABLE flags (key TEXT PRIMARY KEY, value)")
    by_hand(desk, "INSERT INTO flags VALUES ('trading_enabled', 1)")
    open_store(desk).track()
    number = incidents.open_incident(desk, title="t", severity="SEV1", began_at=ago(2)).id
    by_hand(desk, "UPDATE flags SET value = 0")
    carry_out(desk, plan_config(desk, RISK, to=ago(30)))
    return desk, number


def told(desk: Desk, number: int) -> dict[str, Moment]:
    return {moment.kind: moment for moment in timeline(desk, number).moments}


def test_a_flag_by_hand_a_commit_and_a_rollback_with_its_outcome_are_told(
    night: tuple[Desk, int],
) -> None:
    desk, number = night
    found = told(desk, number)
    assert "trading_enabled" in found["flag"].text
    assert "limit" not in found["flag"].text
    assert RISK in found["commit"].text or found["commit"].ref
    began, ended = found["rollback_began"], found["rollback_ended"]
    assert (began.who, ended.who) == ("tester", "tester")
    assert began.text.endswith(": test")
    assert ended.text.endswith("ended: applied")
    assert "done" in ended.detail
    assert began.at <= ended.at


def test_the_postmortem_names_what_changed_before_and_what_was_done(
    night: tuple[Desk, int],
) -> None:
    text = postmortem(*night)
    before = text.partition("## What changed before\n")[2].partition("\n## ")[0]
    done = text.partition("## What was done\n")[2].partition("\n## ")[0]
    assert "| 1 | " in before
    assert "commit" in before
    assert "ended: applied" in done
    assert "trading\\_enabled" in done
    assert "nothing that was done is recorded" not in text


def test_a_rollback_that_cannot_be_read_is_a_gap(night: tuple[Desk, int]) -> None:
    desk, number = night
    with desk.state.write() as transaction:
        transaction.execute("UPDATE rollback_run SET ended_at = 'never'")
    found = timeline(desk, number)
    assert "rollbacks: 1 are damaged in the state file" in found.gaps
    assert "flag" in {moment.kind for moment in found.moments}
