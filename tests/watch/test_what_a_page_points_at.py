"""A page whose alert names no runbook entry points at the one that its name surely leads to."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from conftest import START, MakeDesk
from mechexo import watch
from mechexo.alerts import operations as alerts
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.runbook import operations as runbook
from mechexo.watch import tick

pytestmark = pytest.mark.slow

DESK = '[channels.box]\nurl = "file://box.jsonl"\n[runbook]\nfolder = "runbooks"\n'
POINTS_AT = "What to do, going by the alert's name: mechexo runbook show "


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    desk = make_desk(DESK)
    (desk.root / "runbooks").mkdir()
    return desk


def raise_one(desk: Desk, name: str, *, severity: str = "high", entry: str = "") -> None:
    """An alert that will page with the next tick."""
    alerts.raise_alert(
        desk, key=name, severity=severity, name=name, summary="s", labels={}, runbook=entry
    )


def page(desk: Desk) -> str:
    """The text of the only message that was sent."""
    (message,) = alerts.mailbox(desk)
    return message.body


def write_entry(desk: Desk, name: str, *alert_names: str) -> None:
    place = desk.root / "runbooks" / f"{name}.md"
    place.write_text(f"---\nid: {name}\nalerts: [{', '.join(alert_names)}]\n---\n# {name}\n")


def test_a_page_points_at_the_entry_that_its_alert_s_name_leads_to(desk: Desk) -> None:
    raise_one(desk, "disk_quota")
    assert tick(desk).failed == ()
    assert f"{POINTS_AT}disk-full\n" in page(desk)


def test_a_page_points_at_the_entry_that_its_alert_names(desk: Desk, unread: None) -> None:
    raise_one(desk, "disk_quota", entry="risk-breach")
    assert tick(desk).failed == ()
    assert "What to do: mechexo runbook show risk-breach\n" in page(desk)


@pytest.mark.parametrize("names", [(), ("lunch_is_late",)])
def test_a_page_points_at_nothing_when_no_entry_or_several_fit(
    desk: Desk, names: tuple[str, ...]
) -> None:
    for entry in ("ours", "theirs"):
        write_entry(desk, entry, *names)
    raise_one(desk, "lunch_is_late")
    assert tick(desk).failed == ()
    assert "runbook" not in page(desk)


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the runbook fails the stage that does it."""

    def read(*_: object) -> None:
        raise AssertionError("the runbook was read")

    monkeypatch.setattr(runbook, "entries", read)


def test_the_runbook_is_not_read_when_nothing_pages(
    desk: Desk, unread: None, clock: VirtualClock
) -> None:
    assert tick(desk).failed == ()
    clock.advance(datetime(2026, 3, 2, 23, tzinfo=UTC) - START)
    raise_one(desk, "disk_quota")
    report = tick(desk)
    assert report.failed == ()
    assert alerts.list_alerts(desk)[0].held_until is not None


def test_a_page_that_was_held_points_at_its_entry_in_the_morning(
    desk: Desk, clock: VirtualClock
) -> None:
    clock.advance(datetime(2026, 3, 2, 23, tzinfo=UTC) - START)
    raise_one(desk, "disk_quota")
    tick(desk)
    assert alerts.mailbox(desk) == ()
    clock.advance(datetime(2026, 3, 3, 6, tzinfo=UTC) - clock.now())
    tick(desk)
    assert POINTS_AT in page(desk)


def spoil_a_head(folder: Path) -> None:
    (folder / "bad.md").write_bytes(b"---\nalerts: [disk_quota\n\xff\xfe: {\n---\n")


def spoil_with_a_pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe.md")


def spoil_with_a_loop(folder: Path) -> None:
    (folder / "loop.md").symlink_to(folder / "loop.md")


def spoil_the_folder(folder: Path) -> None:
    folder.rmdir()
    folder.write_text("no folder")


@pytest.mark.parametrize(
    "spoil", [spoil_a_head, spoil_with_a_pipe, spoil_with_a_loop, spoil_the_folder]
)
def test_a_broken_runbook_hinders_no_page(desk: Desk, spoil: Callable[[Path], None]) -> None:
    spoil(desk.root / "runbooks")
    raise_one(desk, "disk_quota")
    assert tick(desk).failed == ()
    assert f"{POINTS_AT}disk-full\n" in page(desk)


def test_a_runbook_that_cannot_be_read_at_all_hinders_no_page(desk: Desk, unread: None) -> None:
    raise_one(desk, "disk_quota")
    (failed,) = tick(desk).failed
    assert (failed.name, failed.detail) == ("runbook", "AssertionError: the runbook was read")
    assert "runbook" not in page(desk)


def test_a_runbook_that_hangs_hinders_no_page(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(runbook, "entries", lambda _: over.wait(60))
    monkeypatch.setattr(watch, "LOOK_UP_S", 0.2)
    raise_one(desk, "disk_quota")
    report = tick(desk)
    over.set()
    assert [(each.name, each.detail) for each in report.failed] == [
        ("runbook", "did not end within 0.2 s")
    ]
    assert [each.state for each in report.deliveries] == ["sent"]
    assert "runbook" not in page(desk)
