"""The kinds of a thing: modules of our own, and what other packages add through entry points."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from mechexo.errors import ConfigError, close_names
from mechexo.value_classes import dataclass


@dataclass(frozen=True, slots=True)
class Kinds:
    """The kinds of one thing, such as a CI system."""

    of: str
    """What they are kinds of, in the singular."""
    group: str
    """The entry-point group by which other packages add theirs."""
    built_in: Mapping[str, str]
    """Our own, and the module of each. They come before those of other packages."""

    def find(self, name: str) -> Found:
        """The kind of that name; it is imported now.

        Raises:
            ConfigError: there is none (the text lists close names), or a package's kind cannot be
                loaded.
        """
        if name in self.built_in:
            return Found(self.of, name, import_module(self.built_in[name]), "mechexo")
        added = {entry.name: entry for entry in entry_points(group=self.group)}
        if name in added:
            return self._loaded(added[name])
        hint = close_names(name, sorted({*self.built_in, *added}))
        raise ConfigError(f"{name!r} is no kind of {self.of}; {hint}")

    def _loaded(self, entry: EntryPoint) -> Found:
        package = entry.dist.name if entry.dist else entry.value
        try:
            return Found(self.of, entry.name, entry.load(), package)
        except Exception as error:
            raise ConfigError(
                f"the {self.of} {entry.name!r} of {package} cannot be loaded ({entry.value}): "
                f"{type(error).__name__}: {error}"
            ) from error


@dataclass(frozen=True, slots=True)
class Found:
    """A kind that was found, and the package that it is of."""

    of: str
    name: str
    kind: object
    package: str

    def with_function(self, name: str) -> object:
        """The kind, which has a function of that name.

        Raises:
            ConfigError: it has none.
        """
        if not callable(getattr(self.kind, name, None)):
            raise self.lacks(f"{name}()")
        return self.kind

    def lacks(self, what: str) -> ConfigError:
        """The error that says what a kind must have."""
        return ConfigError(f"the {self.of} {self.name!r} of {self.package} must have {what}")
