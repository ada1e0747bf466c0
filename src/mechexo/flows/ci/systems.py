"""The kinds of CI system: one module each, and those that other packages add.

A kind is a module (or any object) with `look(settings, question) -> CiAnswer`. Other packages add
kinds through the entry-point group `mechexo.ci_sources`:

    [project.entry-points."mechexo.ci_sources"]
    buildkite = "our_package.buildkite"
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol, cast

from mechexo.flows.ci.values import CiLook
from mechexo.outside.resolving import Resolving
from mechexo.plug_ins import Kinds
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.config import CiSettings

KINDS = Kinds(
    "CI system",
    "mechexo.ci_sources",
    {name: f"mechexo.flows.ci.{name}" for name in ("github", "gitlab")},
)


@dataclass(frozen=True, slots=True)
class CiAnswer:
    """What a look brought, and until when the system wants no other."""

    look: CiLook
    hold_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class CiQuestion(Resolving):
    """One look at a repository: when, how long it may take, what was known before."""

    now: datetime
    within_s: float
    before: CiLook | None = None


class CiSystem(Protocol):
    """A kind of CI system."""

    def look(self, settings: CiSettings, question: CiQuestion) -> CiAnswer:
        """The last runs of the configured branches, at most `settings.runs` of each list.

        Raises:
            HeldError: it is not to be asked before a moment.
            MechexoError: there is no good answer; the text says why.
        """
        ...


def find_system(name: str) -> CiSystem:
    """The kind of that name; our own come before those of other packages.

    Raises:
        ConfigError: there is none (the text lists close names), or a package's kind is broken.
    """
    return cast(CiSystem, KINDS.find(name).with_function("look"))
