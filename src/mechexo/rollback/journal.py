"""The journal of a rollback: what stood there before, on the disk before anything is changed.

A folder for each run beside the state file. It is complete when `ARMED` is there: from then on the
run can be taken back whole. `COMMITTED` is the moment when the run counts: from then on it is
finished instead. Neither: nothing had been changed yet.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mechexo.errors import UnreachableError
from mechexo.rollback.durable import FileSystem, Tree
from mechexo.rollback.worktree import Content
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.desk import Desk

_MANIFEST, _ARMED, _COMMITTED = "manifest.json", "ARMED", "COMMITTED"


class Stage(Enum):
    """How far a journal had come."""

    BEGUN = "begun"
    ARMED = "armed"
    COMMITTED = "committed"


@dataclass(frozen=True, slots=True)
class KeptPath:
    """One path of a run: what stood there, the digest of what comes, and the name beside it."""

    path: str
    beside: str
    old: Content | None
    new: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that it takes to put a run's changes back, in the order in which they are made."""

    run_id: str
    actor: str
    repository: str
    ref: str
    old_commit: str
    new_commit: str
    """Empty when no commit is made."""
    entries: Mapping[str, tuple[list[str] | None, list[str] | None]]
    """Of the paths that the commit changes, what git had there and has then: [mode, object id] or
    None. Empty when no commit is made."""
    paths: tuple[KeptPath, ...]
    folders_made: tuple[str, ...]
    folders_gone: tuple[str, ...]
    flags: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Journal:
    """The journals of a desk. `files` makes each change of the disk."""

    root: Path
    files: FileSystem

    @classmethod
    def of(cls, desk: Desk, files: FileSystem) -> Journal:
        """The folder beside the state file."""
        return cls(desk.state.path.with_name(f"{desk.state.path.name}.rollback"), files)

    def arm(self, manifest: Manifest) -> None:
        """Writes what stood there before; when this returns it is on the disk, and armed.

        Raises:
            OSError: the disk did not take it; nothing of the desk was changed.
        """
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        tree, folder = Tree(self.root, self.files), manifest.run_id
        tree.make_folder(folder)
        listed = []
        for number, kept in enumerate(manifest.paths):
            if kept.old is not None:
                tree.create(f"{folder}/old-{number}", kept.old.data, 0o600)
            listed.append(
                {
                    "path": _text(kept.path),
                    "beside": kept.beside,
                    "old": _without_data(kept.old),
                    "new": dict(kept.new) if kept.new else None,
                }
            )
        document = {
            **{"run_id": manifest.run_id, "actor": manifest.actor},
            **{"repository": _text(manifest.repository), "ref": manifest.ref},
            **{"old_commit": manifest.old_commit, "new_commit": manifest.new_commit},
            "entries": [[_text(path), *pair] for path, pair in manifest.entries.items()],
            "paths": listed,
            "folders_made": [_text(each) for each in manifest.folders_made],
            "folders_gone": [_text(each) for each in manifest.folders_gone],
            "flags": [dict(flag) for flag in manifest.flags],
        }
        tree.create(f"{folder}/{_MANIFEST}", json.dumps(document).encode(), 0o600)
        tree.create(f"{folder}/{_ARMED}", b"", 0o600)

    def commit(self, run_id: str) -> None:
        """Marks that the run counts."""
        Tree(self.root, self.files).create(f"{run_id}/{_COMMITTED}", b"", 0o600)

    def take_back(self, run_id: str) -> None:
        """Makes sure that the run is not marked as one that counts, before it is put back."""
        Tree(self.root, self.files).remove(f"{run_id}/{_COMMITTED}")

    def clear(self, run_id: str) -> None:
        """Removes a journal that is not needed any more; cut off, it can be done again."""
        tree, folder = Tree(self.root, self.files), self.root / run_id
        # Armed no more, first: what is left half cleared must never be taken for a whole one.
        tree.remove(f"{run_id}/{_ARMED}")
        names = [each.name for each in folder.iterdir()] if folder.is_dir() else []
        for name in sorted(names, key=lambda each: each == _COMMITTED):
            tree.remove(f"{run_id}/{name}")
        tree.remove_folder(run_id)
        shutil.rmtree(self._scratch(run_id), ignore_errors=True)

    def pending(self) -> tuple[tuple[str, Stage], ...]:
        """The runs that left a journal behind, and how far each had come."""
        try:
            found = sorted(each.name for each in self.root.iterdir() if each.is_dir())
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise UnreachableError(f"{self.root}: cannot be read: {error.strerror}") from error
        return tuple((name, self._stage(self.root / name)) for name in found)

    def read(self, run_id: str) -> Manifest:
        """The manifest of an armed journal, with the bytes that stood there.

        Raises:
            UnreachableError: it cannot be read; it is kept as it is.
        """
        folder = self.root / run_id
        try:
            document = json.loads((folder / _MANIFEST).read_bytes())
            paths = tuple(
                KeptPath(
                    path=_path(each["path"]),
                    beside=each["beside"],
                    old=_with_data(each["old"], folder / f"old-{number}"),
                    new=each["new"],
                )
                for number, each in enumerate(document["paths"])
            )
        except (OSError, ValueError, KeyError) as error:
            raise UnreachableError(
                f"{folder}: the journal of rollback {run_id} cannot be read: {error}"
            ) from error
        return Manifest(
            run_id=document["run_id"],
            actor=document["actor"],
            repository=_path(document["repository"]),
            ref=document["ref"],
            old_commit=document["old_commit"],
            new_commit=document["new_commit"],
            entries={_path(path): (old, new) for path, old, new in document["entries"]},
            paths=paths,
            folders_made=tuple(map(_path, document["folders_made"])),
            folders_gone=tuple(map(_path, document["folders_gone"])),
            flags=tuple(document["flags"]),
        )

    def scratch(self, run_id: str) -> Path:
        """An empty folder for git to work in, of no worth after a cut."""
        place = self._scratch(run_id)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700, parents=True)
        return place

    def _scratch(self, run_id: str) -> Path:
        return self.root.with_name(f"{self.root.name}-scratch-{run_id}")

    @staticmethod
    def _stage(folder: Path) -> Stage:
        if (folder / _COMMITTED).exists():
            return Stage.COMMITTED
        return Stage.ARMED if (folder / _ARMED).exists() else Stage.BEGUN


def _text(path: str) -> str:
    return base64.b64encode(os.fsencode(path)).decode("ascii")


def _path(text: str) -> str:
    return os.fsdecode(base64.b64decode(text))


def _without_data(content: Content | None) -> dict[str, Any] | None:
    if content is None:
        return None
    return {
        "mode": content.mode,
        "permissions": content.permissions,
        "owner": list(content.owner) if content.owner else None,
    }


def _with_data(kept: dict[str, Any] | None, place: Path) -> Content | None:
    if kept is None:
        return None
    owner = tuple(kept["owner"]) if kept["owner"] else None
    return Content(kept["mode"], place.read_bytes(), kept["permissions"], owner)
