"""The kinds of source: which one reads an address, by its scheme.

A kind is a class (or any object) with `parse(text, setting, root) -> Source`: `text` is the
address as configured, `setting` the key it stands under (for errors), `root` the desk's folder.
Other packages add kinds through the entry-point group `mechexo.cost_sources`, under the scheme
of their addresses; `arctic://library/fills` is then read by:

    [project.entry-points."mechexo.cost_sources"]
    arctic = "our_package.arctic:ArcticSource"
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from mechexo.costs.sources.addresses import SCHEME
from mechexo.costs.sources.protocol import RawTable, Source, Window
from mechexo.errors import ConfigError, MechexoError, UnreachableError, close_names
from mechexo.value_classes import dataclass

GROUP = "mechexo.cost_sources"
BUILT_IN: Mapping[str, tuple[str, str]] = {
    "az": ("objects", "ObjectSource"),
    "duckdb": ("duckdb", "DuckdbSource"),
    "freqtrade": ("freqtrade", "FreqtradeSource"),
    "gs": ("objects", "ObjectSource"),
    "hummingbot": ("hummingbot", "HummingbotSource"),
    "postgres": ("postgresql", "PostgresqlSource"),
    "postgresql": ("postgresql", "PostgresqlSource"),
    "s3": ("objects", "ObjectSource"),
    "sqlite": ("sqlite", "SqliteSource"),
}
"""Scheme -> the module here that reads it, and its class."""


def open_source(text: str, setting: str, root: Path) -> Source:
    """The source of a configured address; our own kinds come before those of other packages.

    Raises:
        ConfigError: nothing is configured, no kind has that scheme (the text lists close names),
            or a package's kind is broken.
    """
    if not text:
        raise ConfigError(
            f"[costs] {setting} is not set: name a Parquet or CSV glob, sqlite:///path?table=NAME, "
            "or another address (mechexo costs sources lists what can be read)"
        )
    scheme = SCHEME.match(text)
    if scheme is None:
        from mechexo.costs.sources.files import FileSource

        return FileSource.parse(text, setting, root)
    name = scheme.group(1).lower()
    if name in BUILT_IN:
        module, kind = BUILT_IN[name]
        found: Any = getattr(import_module(f"mechexo.costs.sources.{module}"), kind)
        opened: Source = found.parse(text, setting, root)
        return opened
    added = added_kinds()
    if name in added:
        return _added_source(added[name], text, setting, root)
    raise ConfigError(
        f"[costs] {setting}: {name}:// is no kind of source; "
        f"{close_names(name, sorted({*BUILT_IN, *added}))}, or a path"
    )


def added_kinds() -> dict[str, EntryPoint]:
    """The kinds that other packages add, by their scheme."""
    return {entry.name.lower(): entry for entry in entry_points(group=GROUP)}


@dataclass(frozen=True, slots=True)
class AddedSource:
    """A source of another package. What fails in it is its failure, told in one line."""

    source: Source
    name: str
    setting: str

    def batches(
        self, window: Window, time_column: str | None
    ) -> Generator[Sequence[RawTable], None, None]:
        """See `Source.batches`."""
        try:
            yield from self.source.batches(window, time_column)
        except MechexoError:
            raise
        except Exception as error:
            raise UnreachableError(
                f"[costs] {self.setting}: {self.name} failed: {type(error).__name__}: {error}"
            ) from error


def _added_source(entry: EntryPoint, text: str, setting: str, root: Path) -> Source:
    package = entry.dist.name if entry.dist else entry.value
    name = f"the source {entry.name!r} of {package}"
    try:
        opened = entry.load().parse(text, setting, root)
    except MechexoError:
        raise
    except Exception as error:
        raise ConfigError(
            f"[costs] {setting}: {name} cannot be opened ({entry.value}): "
            f"{type(error).__name__}: {error}"
        ) from error
    if not callable(getattr(opened, "batches", None)):
        raise ConfigError(f"[costs] {setting}: {name} must have batches(window, time_column)")
    return AddedSource(opened, name, setting)
