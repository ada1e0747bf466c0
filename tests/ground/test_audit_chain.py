"""The audit log finds every change of what it holds, down to one bit of the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mechexo.actor import Actor, Role
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import NotAllowedError, StateError
from mechexo.state import AuditVerdict, State
from mechexo.state import audit as audit_log


def do(desk: Desk, times: int) -> None:
    """Does something that is audited."""
    for number in range(times):
        with desk.operation("test.do", f"target-{number}", needs=Role.VIEWER, reason="why"):
            pass


def settled(desk: Desk) -> Path:
    """The state file with everything in it, so that its bytes can be changed."""
    desk.state.close()
    connection = sqlite3.connect(desk.state.path)
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()
    return desk.state.path


def verdict(path: Path) -> AuditVerdict:
    state = State(path)
    try:
        with state.explained():
            return audit_log.verify(state.reader())
    finally:
        state.close()


def tampered(desk: Desk, *statements: str) -> AuditVerdict:
    """The verdict after someone with the file in hand ran SQL on it."""
    connection = sqlite3.connect(desk.state.path)
    connection.executescript(
        "DROP TRIGGER audit_is_never_changed; DROP TRIGGER audit_is_never_deleted;"
        + ";".join(statements)
    )
    connection.close()
    return desk.verify_audit()


def test_an_untouched_chain_holds(desk: Desk) -> None:
    do(desk, 5)
    found = desk.verify_audit()
    assert found.problems == ()
    assert found.entries == 5
    assert found.head == desk.audit_entries()[-1].hash


def test_an_empty_chain_holds(desk: Desk) -> None:
    assert desk.verify_audit() == AuditVerdict(0, audit_log.GENESIS_HASH, ())


@pytest.mark.parametrize("statement", ["UPDATE audit SET target='x'", "DELETE FROM audit"])
def test_the_file_itself_refuses_changes_and_deletions(desk: Desk, statement: str) -> None:
    do(desk, 1)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"), desk.state.write() as writing:
        writing.execute(statement)


@pytest.mark.parametrize(
    "column", ["at", "actor", "action", "target", "outcome", "payload", "previous_hash", "hash"]
)
def test_a_changed_field_is_found(desk: Desk, column: str) -> None:
    do(desk, 3)
    found = tampered(desk, f"UPDATE audit SET {column} = {column} || 'x' WHERE seq = 2")
    assert any("entry 2" in problem for problem in found.problems)


def test_text_moved_from_one_field_to_the_next_is_found(desk: Desk) -> None:
    do(desk, 2)
    found = tampered(desk, "UPDATE audit SET action='test.', target='do' || target WHERE seq=1")
    assert found.problems == ("entry 1 was changed after it was written",)


@pytest.mark.parametrize("seq", [1, 2])
def test_a_removed_entry_is_found(desk: Desk, seq: int) -> None:
    do(desk, 3)
    found = tampered(desk, f"DELETE FROM audit WHERE seq = {seq}")
    assert f"entry {seq} is missing (found {seq + 1} in its place)" in found.problems


def test_a_removed_entry_is_found_when_the_numbers_are_closed_up(desk: Desk) -> None:
    do(desk, 4)
    found = tampered(
        desk, "DELETE FROM audit WHERE seq=2", "UPDATE audit SET seq = seq - 1 WHERE seq > 2"
    )
    assert found.problems


def test_two_swapped_entries_are_found(desk: Desk) -> None:
    do(desk, 4)
    found = tampered(
        desk,
        "UPDATE audit SET seq = 99 WHERE seq = 2",
        "UPDATE audit SET seq = 2 WHERE seq = 3",
        "UPDATE audit SET seq = 3 WHERE seq = 99",
    )
    assert found.problems


def test_an_inserted_entry_is_found(desk: Desk) -> None:
    do(desk, 2)
    found = tampered(
        desk,
        "INSERT INTO audit SELECT 3, at, actor, action, 'forged', outcome, payload, hash, hash "
        "FROM audit WHERE seq = 2",
    )
    assert found.problems == ("entry 3 was changed after it was written",)


def test_text_that_is_no_longer_utf8_is_named_and_still_listed(desk: Desk) -> None:
    do(desk, 2)
    found = tampered(desk, "UPDATE audit SET target = CAST(X'74FF' AS TEXT) WHERE seq = 1")
    assert found.problems == ("entry 1 was changed after it was written",)
    assert desk.audit_entries()[0].target == "t\N{REPLACEMENT CHARACTER}"


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_flipped_bit_of_the_file_changes_what_the_log_says_unnoticed(
    make_desk: Callable[[], Desk], data: st.DataObject
) -> None:
    desk = make_desk()
    do(desk, max(0, 12 - len(desk.audit_entries())))
    path = settled(desk)
    original = path.read_bytes()
    entries = desk.audit_entries()
    desk.state.close()
    connection = sqlite3.connect(path)
    found_page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'audit'")
    page = found_page.fetchone()[0]
    connection.close()
    where = data.draw(st.integers((page - 1) * 4096 * 8, page * 4096 * 8 - 1))
    changed = bytearray(original)
    changed[where // 8] ^= 1 << where % 8
    try:
        path.write_bytes(changed)
        try:
            found = verdict(path)
        except StateError:
            return
        if not found.problems:
            # Unused bytes of the page: nothing that anyone reads has changed. The tail can only
            # be missed by an anchor outside the file.
            state = State(path)
            left = audit_log.entries(state.reader())
            state.close()
            assert left == entries[: len(left)]
    finally:
        path.write_bytes(original)


def test_a_refusal_is_in_the_log(desk: Desk) -> None:
    stranger = desk.acting_as(Actor(4_000_000, "stranger"))
    with (
        pytest.raises(NotAllowedError, match="needs the role admin; stranger is viewer"),
        stranger.operation("test.do", "it", needs=Role.ADMIN),
    ):
        pytest.fail("the body must not run")
    entry = desk.audit_entries()[-1]
    assert (entry.action, entry.target, entry.outcome) == ("test.do", "it", "refused")


def fail_half_way(desk: Desk) -> None:
    """An operation that writes and then fails."""
    with desk.operation("test.do", "it", needs=Role.VIEWER) as operation:
        operation.transaction.execute("CREATE TABLE half (done)")
        raise ZeroDivisionError


def test_a_failed_operation_leaves_no_entry(desk: Desk) -> None:
    with pytest.raises(ZeroDivisionError):
        fail_half_way(desk)
    assert desk.audit_entries() == ()
    assert desk.state.row("SELECT 1 FROM sqlite_master WHERE name = 'half'") is None


def test_an_operation_that_finds_its_work_done_leaves_no_entry(desk: Desk) -> None:
    version = desk.state.data_version()
    with desk.operation("test.do", "it", needs=Role.VIEWER) as operation:
        operation.unchanged = True
    assert desk.audit_entries() == ()
    assert desk.state.data_version() == version


def write_in_secret(desk: Desk) -> None:
    """An operation that writes and says that it did not."""
    with desk.operation("test.do", "it", needs=Role.VIEWER) as operation:
        operation.transaction.execute("INSERT INTO migration VALUES ('secret')")
        operation.unchanged = True


def test_nothing_is_written_by_an_operation_that_says_it_changed_nothing(desk: Desk) -> None:
    with pytest.raises(RuntimeError, match=r"test\.do changed something"):
        write_in_secret(desk)
    assert desk.state.row("SELECT 1 FROM migration WHERE name = 'secret'") is None
    assert desk.audit_entries() == ()


def test_words_that_are_no_utf8_are_kept_readable(desk: Desk) -> None:
    with desk.operation("test.do", "caf\udce9", needs=Role.VIEWER, reason="\udcff"):
        pass
    assert desk.audit_entries()[-1].target == "caf\\udce9"
    assert desk.verify_audit().problems == ()


def test_the_chain_holds_when_the_clock_goes_back(desk: Desk, clock: VirtualClock) -> None:
    do(desk, 1)
    clock.advance(timedelta(hours=-3))
    do(desk, 1)
    first, second = desk.audit_entries()
    assert second.at < first.at
    assert desk.verify_audit().problems == ()


def test_a_damaged_entry_is_shown_and_marked(desk: Desk) -> None:
    do(desk, 2)
    tampered(desk, "UPDATE audit SET actor = '{broken', payload = '[1]' WHERE seq = 1")
    broken, whole = desk.audit_entries()
    assert (broken.who, broken.reason) == ("damaged: {broken", "damaged: [1]")
    assert audit_log.readable(broken.actor) == {"damaged": "{broken"}
    assert (whole.who, whole.reason) == ("tester", "why")
