"""An entry that is opened by its id alone is the one that the library has, and no other is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from mechexo.config.models import DeskSettings, RunbookSettings, Settings
from mechexo.runbook import opening
from mechexo.runbook.library import read_library
from mechexo.runbook.opening import open_directly


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    own = tmp_path / "own"
    own.mkdir()
    (own / "disk-full.md").write_text("---\nextends: shipped\n---\n## After\n\nRest.\n")
    (own / "other-name.md").write_text("---\nid: ml-degradation\ntitle: Ours\n---\n$HALT_COMMAND\n")
    (own / "escaped.md").write_text('---\nid: "high\\x2dlatency"\n---\nhidden\n')
    (own / "a.md").write_text("---\nid: twice\n---\none\n")
    (own / "b.md").write_text("---\nid: twice\n---\ntwo\n")
    (own / "broken.md").write_text("---\nalerts: [\n---\nWords.\n")
    (own / "gone.md").symlink_to("nowhere")
    (own / "out.md").symlink_to("/etc/hostname")
    runbook = RunbookSettings(folder=str(own), variables={"HALT_COMMAND": "stopit"})
    return Settings(desk=DeskSettings(name="t"), runbook=runbook)


def test_it_is_the_one_that_the_library_has(settings: Settings) -> None:
    entries = read_library(settings).entries
    assert len(entries) == 10 + 4
    for entry in entries:
        assert open_directly(settings, None, entry.id) == entry
    for entry in read_library().entries:
        assert open_directly(None, None, entry.id) == entry


@pytest.mark.parametrize(
    "wanted", ["", " ", "disk-ful", "DISK-FULL", "disk", "disk-full.md", "../x"]
)
def test_what_is_no_id_is_left_to_the_library(settings: Settings, wanted: str) -> None:
    assert open_directly(settings, None, wanted) is None


def test_a_folder_that_cannot_be_listed_is_left_to_the_library() -> None:
    settings = Settings(desk=DeskSettings(name="t"), runbook=RunbookSettings(folder="/nowhere"))
    assert open_directly(settings, None, "disk-full") is None


def test_other_entries_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    real = opening.read_entry
    monkeypatch.setattr(
        opening,
        "read_entry",
        lambda source, origin: (read.append(source.path.name), real(source, origin))[1],
    )
    assert open_directly(None, None, "disk-full") is not None
    assert read == ["disk-full.md"]
