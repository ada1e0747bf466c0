"""What git says of a repository, as values."""

from __future__ import annotations

from collections.abc import Mapping

from mechexo.value_classes import dataclass


@dataclass(frozen=True, slots=True)
class Head:
    """What is checked out. `ref` is empty when HEAD is detached."""

    oid: str
    ref: str


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A path in a commit: its git mode (like 100644), type and object id."""

    mode: str
    kind: str
    oid: str


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """What the index has at a path. `sparse` when the checkout leaves the file out on purpose."""

    mode: str
    oid: str
    sparse: bool


@dataclass(frozen=True, slots=True)
class Index:
    """What is staged at each path; several entries while a conflict is unresolved.

    `digest` is over the entries: the index file itself also changes when git only notes that a
    file was looked at.
    """

    entries: Mapping[str, tuple[IndexEntry, ...]]
    digest: str


@dataclass(frozen=True, slots=True)
class CommitNote:
    """What a commit says of itself. `epoch_s` is the commit time, never the author's."""

    oid: str
    epoch_s: int
    author: str
    subject: str
