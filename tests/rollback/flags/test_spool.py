"""Records that the audit log could not take: kept whole, merged once, marked late."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import UnreachableError
from mechexo.rollback.flags import spool
from mechexo.times import iso_z
from support.small_disk import fill


def keep(desk: Desk, target: str = "trading_enabled", **payload: object) -> Path:
    record = spool.new_record(desk, desk.clock.now(), "flags.set", target, payload)
    path = spool.keep(desk, record).path
    assert path is not None
    return path


def test_a_record_is_merged_with_its_own_moment_and_marked_late(
    desk: Desk, clock: VirtualClock
) -> None:
    happened = clock.now()
    keep(desk, before="true", after="false")
    clock.advance(timedelta(minutes=7))
    assert spool.merge(desk) == 1
    [entry] = desk.audit_entries(only=("flags.*",))
    said = json.loads(entry.payload)
    assert (entry.who, entry.action, entry.target, entry.outcome) == (
        "tester",
        "flags.set",
        "trading_enabled",
        "done",
    )
    assert (said["late"], said["happened_at"]) == (True, iso_z(happened))
    assert (said["before"], said["after"]) == ("true", "false")
    assert entry.at == iso_z(clock.now())
    assert desk.verify_audit().problems == ()


def test_merging_twice_writes_one_entry(desk: Desk) -> None:
    path = keep(desk)
    content = path.read_bytes()
    assert spool.merge(desk) == 1
    assert spool.waiting(desk) == ()
    assert spool.merge(desk) == 0
    # As when the one before was killed between its commit and the removal of the file.
    path.write_bytes(content)
    assert spool.merge(desk) == 0
    assert not path.exists()
    assert len(desk.audit_entries(only=("flags.*",))) == 1


def test_records_are_merged_in_the_order_in_which_they_happened(
    desk: Desk, clock: VirtualClock
) -> None:
    for number in range(5):
        keep(desk, target=f"flag {number}")
        clock.advance(timedelta(seconds=1))
    assert spool.merge(desk) == 5
    targets = [entry.target for entry in desk.audit_entries(only=("flags.*",))]
    assert targets == [f"flag {number}" for number in range(5)]


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(damage=st.integers(0, 400), cut=st.booleans())
def test_a_damaged_record_does_not_vanish(desk: Desk, damage: int, cut: bool) -> None:
    path = keep(desk, note="x")
    content = path.read_bytes()
    at = damage % len(content)
    changed = bytes([content[at] ^ 1])
    path.write_bytes(content[:at] if cut else content[:at] + changed + content[at + 1 :])
    before = len(desk.audit_entries())
    assert spool.merge(desk) == 1
    assert spool.waiting(desk) == ()
    entry = desk.audit_entries()[-1]
    assert len(desk.audit_entries()) == before + 1
    if at < len(content) - 1:
        assert (entry.action, entry.outcome) == ("audit.merge", "failed")
        assert "damaged" in json.loads(entry.payload)


def test_a_record_that_is_being_written_is_left_alone_and_one_that_was_cut_off_is_not(
    desk: Desk, clock: VirtualClock
) -> None:
    whole = keep(desk)
    half = whole.with_name(f".{whole.name}.part")
    half.write_bytes(whole.read_bytes()[:20])
    whole.unlink()
    os.utime(half, (clock.now().timestamp(),) * 2)
    assert spool.merge(desk) == 0
    clock.advance(timedelta(minutes=5))
    assert spool.merge(desk) == 1
    assert desk.audit_entries()[-1].action == "audit.merge"


def test_where_the_disk_is_full_the_next_place_is_taken(
    make_desk: Callable[..., Desk], small_disk: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    desk = make_desk()
    on_small = Desk(desk.settings, small_disk / "mechexo.toml", desk.state, desk.clock, desk.actor)
    on_small.state.path = small_disk / "state.sqlite"
    fill(small_disk)
    record = spool.new_record(on_small, on_small.clock.now(), "flags.set", "x", {})
    kept = spool.keep(on_small, record)
    assert kept.path is not None
    assert kept.path.parent.parent == tmp_path
    assert len(kept.refusals) == 2
    assert all("No space left" in refusal for refusal in kept.refusals)
    assert spool.waiting(on_small) == (kept.path,)


def test_a_folder_in_memory_that_is_somebody_elses_is_not_used(
    desk: Desk, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    place = spool.places(desk)[2]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    place.symlink_to(elsewhere)
    (elsewhere / "planted.json").write_text("{}")
    assert spool.waiting(desk) == ()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize(("owner", "mode"), [(12345, 0o700), (0, 0o777)])
def test_a_folder_that_others_may_write_is_not_used(desk: Desk, owner: int, mode: int) -> None:
    place = spool.places(desk)[0]
    place.mkdir()
    (place / "planted.json").write_text("{}")
    os.chown(place, owner, owner)
    place.chmod(mode)
    assert spool.waiting(desk) == ()
    record = spool.new_record(desk, desk.clock.now(), "flags.set", "x", {})
    kept = spool.keep(desk, record)
    assert kept.path is not None
    assert kept.path.parent == desk.root / ".mechexo-spool"
    assert "somebody else's" in kept.refusals[0]


def test_a_record_that_cannot_be_read_is_said(desk: Desk) -> None:
    path = keep(desk)
    path.unlink()
    path.symlink_to("nowhere")
    with pytest.raises(UnreachableError, match="cannot be read"):
        spool.merge(desk)
