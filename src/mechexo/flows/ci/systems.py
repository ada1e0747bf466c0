"""The kinds of CI system: one module each, and those that other packages add.

A kind is a module (or any object) with `look(settings, question) -> CiAnswer`. Other packages add
kinds through the entry-point group `mechexo.ci_sources`:

    [project.entry-points."mechexo.ci_sources"]
    buildkite = "our_package.buildkite"
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from mechexo.config.addresses import fill_address, forms, secrets_of_references
from mechexo.config.secrets import redact, resolve_references
from mechexo.errors import ConfigError, close_names
from mechexo.flows.ci.values import CiLook

if TYPE_CHECKING:
    from mechexo.config import CiSettings

GROUP = "mechexo.ci_sources"
BUILT_IN = ("github", "gitlab")


@dataclass(frozen=True, slots=True)
class CiAnswer:
    """What a look brought, and until when the system wants no other."""

    look: CiLook
    hold_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class CiQuestion:
    """One look at a repository: when, how long it may take, what was known before."""

    root: Path
    """The desk's folder: relative paths start here."""
    now: datetime
    within_s: float
    before: CiLook | None = None
    _secrets: set[str] = field(default_factory=set)

    def resolve(self, written: str) -> str:
        """The text with its secret references replaced; `tidy` hides them from then on.

        Raises:
            ConfigError: a reference cannot be resolved.
        """
        self._secrets.update(forms(secrets_of_references(written, self.root)))
        return resolve_references(written, self.root)

    def resolve_address(self, written: str) -> str:
        """The address with its secrets filled in at their places; `tidy` hides them from then on.

        Raises:
            ConfigError: a reference cannot be resolved.
        """
        self._secrets.update(forms(secrets_of_references(written, self.root)))
        return fill_address(written, self.root)

    def path(self, configured: str) -> Path:
        """A configured path, from the desk's folder when it is relative."""
        return self.root / Path(configured).expanduser()

    def tidy(self, said: str) -> str:
        """The text without the secrets that were resolved, and without what looks like one."""
        return redact(said, tuple(self._secrets))


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
    if name in BUILT_IN:
        return _checked(name, import_module(f"mechexo.flows.ci.{name}"), "mechexo")
    added = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name in added:
        return _loaded(added[name])
    raise ConfigError(
        f"{name!r} is no kind of CI system; {close_names(name, sorted({*BUILT_IN, *added}))}"
    )


def _loaded(entry: EntryPoint) -> CiSystem:
    package = entry.dist.name if entry.dist else entry.value
    try:
        loaded = entry.load()
    except Exception as error:
        raise ConfigError(
            f"the CI system {entry.name!r} of {package} cannot be loaded ({entry.value}): "
            f"{type(error).__name__}: {error}"
        ) from error
    return _checked(entry.name, loaded, package)


def _checked(name: str, loaded: object, package: str) -> CiSystem:
    if not callable(getattr(loaded, "look", None)):
        raise ConfigError(f"the CI system {name!r} of {package} must have look()")
    return cast(CiSystem, loaded)
