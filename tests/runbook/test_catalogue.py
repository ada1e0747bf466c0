"""Looking up among very many entries: the same answers with an index as without."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mechexo.config.models import DeskSettings, RunbookSettings, Settings
from mechexo.runbook import catalogue
from mechexo.runbook.catalogue import Catalogue, read_catalogue
from mechexo.runbook.library import read_library
from mechexo.runbook.lookup import search_entries

QUERIES = ("feed stale", "disk-full", "alert_7", "databse corupted", "zanzibar", "entry", "ours")
Read = Callable[..., Catalogue]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    own = tmp_path / "runbooks"
    own.mkdir()
    for n in range(12):
        (own / f"entry-{n}.md").write_text(
            f"---\nid: entry-{n}\ntitle: Entry {n}\nalerts: [alert_{n}]\n---\nfeed {n} stale\n"
        )
    (own / "a.md").write_text("---\nid: disk-full\nextends: shipped\n---\n## After\n\nzanzibar\n")
    (own / "b.md").write_text("---\nid: ml-degradation\ntitle: Ours\n---\nours alone\n")
    (own / "c.md").write_text("---\nid: entry-3\n---\ntwice\n")
    (own / "d.md").write_text("---\nalerts: [\n---\nbroken\n")
    return own


@pytest.fixture
def settings(folder: Path) -> Settings:
    runbook = RunbookSettings(folder=str(folder), variables={"HALT_COMMAND": "stopit now"})
    return Settings(desk=DeskSettings(name="t"), runbook=runbook)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(catalogue, "INDEXED_FROM", 3)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "mechexo"


@pytest.fixture
def read(settings: Settings, place: Path) -> Read:
    def afresh() -> Catalogue:
        catalogue._indexed.cache_clear()
        return read_catalogue(settings)

    return afresh


def same_as_without(found: Catalogue, settings: Settings) -> None:
    entries = read_library(settings).entries
    assert sorted(card.id for card in found.cards) == sorted(entry.id for entry in entries)
    for entry in entries:
        assert found.entry(entry.id) == entry
    for query in QUERIES:
        assert found.search(query) == search_entries(entries, query)


def test_with_an_index_and_without_one_the_answers_are_the_same(
    read: Read, settings: Settings, place: Path
) -> None:
    same_as_without(read(), settings)
    assert len(list(place.iterdir())) == 1
    same_as_without(read(), settings)


def test_with_an_index_no_file_is_read_that_is_not_asked_for(
    read: Read, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    read()
    asked: list[str] = []
    real = catalogue.read_entry

    def told(source: object, origin: str) -> object:
        asked.append(Path(source.path).name)  # type: ignore[attr-defined]
        return real(source, origin)  # type: ignore[arg-type]

    monkeypatch.setattr(catalogue, "read_entry", told)
    found = read()
    # What extends, is broken or is there twice is read together with what it stands on.
    assert not [name for name in asked if name.startswith("entry-") and name != "entry-3.md"]
    asked.clear()
    assert found.search("alert_7", 1)[0].entry.title == "Entry 7"
    assert asked == ["entry-7.md"]


def test_a_changed_a_new_and_a_deleted_file_are_noticed(
    read: Read, settings: Settings, folder: Path
) -> None:
    read()
    (folder / "entry-1.md").write_text("---\nid: entry-1\n---\nabout porcupines\n")
    (folder / "entry-99.md").write_text("new\n")
    (folder / "entry-2.md").unlink()
    found = read()
    same_as_without(found, settings)
    assert found.search("porcupines")[0].entry.id == "entry-1"


@pytest.mark.parametrize(
    "damage", [b"", b"not json", b"[]", b'{"x": 1}', b'{"x": [1, 2, true, [1], []]}', b"[" * 9999]
)
def test_a_damaged_index_is_as_good_as_none_and_is_mended(
    read: Read, settings: Settings, place: Path, damage: bytes
) -> None:
    read()
    (file,) = place.iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage)
    same_as_without(read(), settings)
    assert file.read_bytes() == whole


def test_an_index_that_cannot_be_written_changes_no_answer(
    read: Read, settings: Settings, place: Path
) -> None:
    place.parent.write_text("a file where the folder should be")
    same_as_without(read(), settings)


def test_an_index_is_readable_by_its_owner_only_and_old_ones_go(
    read: Read, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.mkdir(parents=True)
    for n in range(20):
        old = place / f"runbook-{n}.json"
        old.write_text("{}")
        os.utime(old, (n, n))
    (place / "settings-x.json").write_text("{}")
    read()
    kept = list(place.glob("runbook-*.json"))
    assert len(kept) == catalogue.KEPT_AT_MOST
    newest = max(kept, key=lambda path: path.stat().st_mtime)
    assert newest.stat().st_mode & 0o777 == 0o600
    assert (place / "settings-x.json").exists()


def test_other_values_of_the_desks_names_are_another_index(
    read: Read, settings: Settings, folder: Path
) -> None:
    (folder / "entry-5.md").write_text("Call $SPARE_ROOM.\n")
    assert not read().search("marmalade")
    runbook = RunbookSettings(folder=str(folder), variables={"SPARE_ROOM": "marmalade"})
    other = Settings(desk=settings.desk, runbook=runbook)
    assert read_catalogue(other).search("marmalade")[0].entry.id == "entry-5"


def test_few_entries_need_no_index(
    settings: Settings, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "INDEXED_FROM", 100)
    same_as_without(read_catalogue(settings), settings)
    assert not place.exists()
