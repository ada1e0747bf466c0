"""Where entries come from, and that one bad file takes nothing else down."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mechexo.desk import Desk
from mechexo.errors import NotFoundError
from mechexo.runbook import operations
from mechexo.runbook.library import read_library, shipped_folder

MakeDesk = Callable[..., Desk]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "desk" / "ours"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def desk_with_own(make_desk: MakeDesk, own: Path) -> Desk:
    return make_desk('[runbook]\nfolder = "ours"\nvariables = { HALT_COMMAND = "halt now" }\n')


def test_the_shipped_entries_need_no_configuration() -> None:
    found = read_library().entries
    assert len(found) == 10
    assert {entry.origin for entry in found} == {"shipped"}


def test_the_worst_severity_comes_first(desk: Desk) -> None:
    severities = [entry.severity for entry in operations.entries(desk)]
    assert severities == sorted(severities)


def test_the_desks_own_entry_extends(desk_with_own: Desk, own: Path) -> None:
    (own / "vpn-down.md").write_text("# VPN\n")
    entry = operations.entry(desk_with_own, "vpn-down")
    assert entry.origin == str(own / "vpn-down.md")
    assert len(operations.entries(desk_with_own)) == 11


def test_the_desks_own_entry_overrides_by_id(desk_with_own: Desk, own: Path) -> None:
    (own / "a.md").write_text("---\nid: disk-full\ntitle: Ours\n---\n")
    assert operations.entry(desk_with_own, "disk-full").title == "Ours"
    assert len(operations.entries(desk_with_own)) == 10


def test_a_broken_override_is_shown_as_such_and_its_alerts_still_lead_to_it(
    desk_with_own: Desk, own: Path
) -> None:
    (own / "disk-full.md").write_text("---\nalerts: [\n---\nCall Ops.\n")
    entry = operations.match(desk_with_own, "disk_quota")
    assert entry is not None
    assert entry.problems
    assert "Call Ops." in entry.body
    assert len(operations.entries(desk_with_own)) == 10


def test_two_own_files_with_one_id_are_told(desk_with_own: Desk, own: Path) -> None:
    (own / "a.md").write_text("---\nid: vpn\n---\nfirst\n")
    (own / "b.md").write_text("---\nid: vpn\n---\nsecond\n")
    entry = operations.entry(desk_with_own, "vpn")
    assert entry.body.endswith("first")
    assert "same id" in entry.problems[0]


def test_a_file_that_is_no_utf8_is_shown_with_what_is_wrong(desk_with_own: Desk, own: Path) -> None:
    (own / "latin.md").write_bytes("# Größe\n".encode("latin-1"))
    assert "UTF-8" in operations.entry(desk_with_own, "latin").problems[0]


def test_a_file_that_cannot_be_opened_is_an_entry_that_says_so(
    desk_with_own: Desk, own: Path
) -> None:
    (own / "gone.md").symlink_to(own / "nowhere")
    entry = operations.entry(desk_with_own, "gone")
    assert "cannot be read" in entry.problems[0]
    assert len(operations.entries(desk_with_own)) == 11


def test_a_pipe_in_the_folder_does_not_hang_it(desk_with_own: Desk, own: Path) -> None:
    os.mkfifo(own / "pipe.md")
    assert "plain file" in operations.entry(desk_with_own, "pipe").problems[0]


def test_a_missing_folder_is_told_and_the_shipped_entries_show(make_desk: MakeDesk) -> None:
    desk = make_desk('[runbook]\nfolder = "nowhere"\n')
    entry = operations.entry(desk, "runbook-folder")
    assert "nowhere" in entry.problems[0]
    assert len(operations.entries(desk)) == 11


def test_a_changed_file_is_read_again(desk_with_own: Desk, own: Path) -> None:
    path = own / "vpn.md"
    path.write_text("# One\n")
    assert operations.entry(desk_with_own, "vpn").title == "One"
    path.write_text("# Two two\n")
    assert operations.entry(desk_with_own, "vpn").title == "Two two"


def test_the_desks_names_are_filled_in_and_the_source_stays(desk_with_own: Desk) -> None:
    entry = operations.entry(desk_with_own, "system-down")
    assert "halt now" in entry.body
    assert "$HALT_COMMAND" in entry.source
    assert "HALT_COMMAND" not in entry.unset


def test_reading_works_while_the_state_file_is_destroyed(desk: Desk) -> None:
    desk.state.path.write_bytes(b"not a database")
    assert operations.entry(desk, "database-corruption").steps


def test_an_unknown_id_lists_close_ones(desk: Desk) -> None:
    with pytest.raises(NotFoundError, match="did you mean disk-full"):
        operations.entry(desk, "disk-fool")


def test_a_beginning_that_only_one_entry_has_is_enough(desk: Desk) -> None:
    assert operations.entry(desk, "ml").id == "ml-degradation"


def test_the_shipped_folder_is_the_repositorys_when_editable() -> None:
    assert (shipped_folder() / "system-down.md").is_file()
