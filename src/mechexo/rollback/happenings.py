"""What can have happened around an alert, as values: what the ranking of suspects works on."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from enum import StrEnum

from mechexo.errors import MechexoError
from mechexo.rollback import globs
from mechexo.times import iso_z
from mechexo.value_classes import dataclass


class Kind(StrEnum):
    """What a happening is; the order is that of suspects which are alike in everything else."""

    EDIT = "edit"
    """A file that differs from what git has."""
    FLAG = "flag"
    DEPLOYMENT = "deployment"
    """What is checked out, or deployed, became another commit."""
    COMMIT = "commit"
    FLOW_FAILURE = "flow_failure"
    ALERT = "alert"
    ON_CALL = "on_call"

    @property
    def word(self) -> str:
        """As people read it."""
        return self.value.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Remedy:
    """The rollback that takes a change back: what `mechexo rollback plan` is asked for."""

    kind: str
    """config, flow or flags."""
    name: str
    """The path, the flow or the flag."""
    to: datetime | None
    """The moment to go back to; None is now, which takes back what git does not know."""
    covers: int = 1
    """How many of the change's files it takes back."""

    @property
    def command(self) -> str:
        """The command that plans it; empty for a name that cannot be typed."""
        if not self.name.isprintable():
            return ""
        to = "now" if self.to is None else iso_z(self.to).replace(".000000Z", "Z")
        return f"mechexo rollback plan {self.kind} {shlex.quote(self.name)} --to {to}"


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened."""

    key: str
    """What it is, among all others, and stays when it is looked for again."""
    kind: Kind
    at: datetime
    what: str
    """In words, secrets masked."""
    who: str = ""
    paths: tuple[str, ...] = ()
    """The watched files that it touched, as they are called in the repository."""
    flows: tuple[str, ...] = ()
    """The flows that it belongs to."""
    flags: tuple[str, ...] = ()
    cards: tuple[str, ...] = ()
    """The health cards that it belongs to."""
    size: int | None = None
    """How many files it touched, watched or not; None where that says nothing."""
    seldom: str = ""
    """Why its author counts as one who seldom commits here, in words."""
    adds_risk: bool = False
    commit: str = ""
    remedy: Remedy | None = None
    """What takes it back; None when nothing of mechexo's does."""
    no_remedy: str = ""
    """Why there is none, in words."""

    @property
    def partly(self) -> str:
        """That the remedy does not take all of it back, in words; empty when it does."""
        covers = self.remedy.covers if self.remedy else 0
        if self.remedy is None or self.flags or covers >= len(self.paths):
            return ""
        return f"takes back {covers} of its {len(self.paths)} watched files"


@dataclass(frozen=True, slots=True)
class Gap:
    """A source that could not be read, or not wholly: what happened there is not known."""

    source: str
    reason: str
    error: MechexoError | None = None
    """The failure; None of a mere note: that more happened, or since when it is known."""

    @classmethod
    def of(cls, source: str, error: MechexoError) -> Gap:
        """A source that could not be read."""
        return cls(source, str(error), error)

    @property
    def unknown(self) -> bool:
        """Whether it is a failure."""
        return self.error is not None

    @property
    def exit_code(self) -> int:
        """The command line's, of the failure; 0 when it is none."""
        return self.error.exit_code if self.error else 0


@dataclass(frozen=True, slots=True)
class Watch:
    """What an alert watches, as far as that is known; of a bare moment nothing is."""

    at: datetime
    """When it started."""
    files: tuple[str, ...] = ()
    """The files that the alert names as its suspects."""
    flows: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    cards: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()
    """The words of its name that mean something."""
    own: tuple[str, ...] = ()
    """The keys of happenings that are the alert itself, said in another way."""


@dataclass(frozen=True, slots=True)
class Targets:
    """What of a repository can be rolled back, and as what."""

    configs: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    flows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Globs by flow."""
    flow_flags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The flags that belong to each flow."""

    @property
    def watched(self) -> tuple[str, ...]:
        """The globs of everything whose changes are told of, flow code included."""
        mine = [glob for paths in self.flows.values() for glob in paths]
        return (*self.configs, *mine, *globs.FLOW_CODE)

    def flows_of(self, paths: Sequence[str]) -> tuple[str, ...]:
        """The flows that some of these files belong to."""
        return tuple(
            name
            for name, mine in self.flows.items()
            if any(globs.matching(path, mine) for path in paths)
        )

    def flows_with(self, flag: str) -> tuple[str, ...]:
        """The flows that a flag belongs to."""
        return tuple(name for name, flags in self.flow_flags.items() if flag in flags)

    def takes_back(self, path: str) -> bool:
        """Whether a file may be rolled back by itself."""
        forbidden = globs.denied(path) or globs.matching(path, self.never)
        return bool(globs.matching(path, self.configs)) and not forbidden

    def remedy(self, paths: Sequence[str], to: datetime | None, watch: Watch) -> Remedy | None:
        """What takes a change of these files back: first the file that the alert names, then the
        flow that it is about, a single file, any flow. None when none of them may be."""
        files = [path for path in paths if self.takes_back(path)]
        flows = self.flows_of(paths)
        named = next((path for path in watch.files if path in files), None)
        about = next((flow for flow in watch.flows if flow in flows), None)
        if named is not None:
            return Remedy("config", named, to)
        if about is None and files and not (flows and len(files) > 1):
            return Remedy("config", files[0], to)
        flow = about or next(iter(flows), None)
        if flow is None:
            return None
        mine = sum(bool(globs.matching(path, self.flows[flow])) for path in paths)
        return Remedy("flow", flow, to, covers=mine)
