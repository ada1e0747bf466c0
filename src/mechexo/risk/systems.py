"""The kinds of risk source: one module each, and those that other packages add.

A kind is a module (or any object) with `look(settings, question) -> RiskLook`; it is chosen by what
stands before the `://` of `source`. Other packages add kinds through the entry-point group
`mechexo.risk_sources`:

    [project.entry-points."mechexo.risk_sources"]
    ibflex = "our_package.ibflex"
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
from mechexo.risk.trading_day import TradingDay
from mechexo.risk.values import RiskLook

if TYPE_CHECKING:
    from mechexo.config import RiskSettings

GROUP = "mechexo.risk_sources"
BUILT_IN = {
    "sqlite": "sqlite",
    "https": "http_json",
    "http": "http_json",
    "freqtrade": "freqtrade",
    "hummingbot": "hummingbot",
    "nautilus": "nautilus",
}
"""Our kinds, and the module of each."""


@dataclass(frozen=True, slots=True)
class RiskQuestion:
    """One look at a source: when, of which trading day, how long it may take."""

    root: Path
    """The desk's folder: relative paths start here."""
    now: datetime
    day: TradingDay
    within_s: float
    _secrets: set[str] = field(default_factory=set)

    def resolve(self, written: str, *, whole: bool = False) -> str:
        """The text with its secret references replaced; `tidy` hides them from then on.

        `whole`: hides them as wholes only. It is for paths, whose parts are everyday words.

        Raises:
            ConfigError: a reference cannot be resolved.
        """
        secrets = secrets_of_references(written, self.root)
        self._secrets.update(secrets if whole else forms(secrets))
        return resolve_references(written, self.root)

    def resolve_address(self, written: str) -> str:
        """The address with its secrets filled in at their places; `tidy` hides them from then on.

        Raises:
            ConfigError: a reference cannot be resolved.
        """
        self._secrets.update(forms(secrets_of_references(written, self.root)))
        return fill_address(written, self.root)

    def path(self, source: str) -> Path:
        """The file or folder that `kind:///path` means: from the desk's folder, `kind:////path`
        absolute.

        Raises:
            ConfigError: a reference cannot be resolved, or there is no path.
        """
        address = self.resolve(source, whole=True)
        _, _, rest = address.partition("://")
        path = rest.removeprefix("/")
        if not path:
            raise ConfigError("the source names no path: expected one like sqlite:///trading.db")
        return self.root / Path(path).expanduser()

    def file(self, configured: str) -> Path:
        """A configured path, from the desk's folder when it is relative."""
        return self.root / Path(configured).expanduser()

    def tidy(self, said: str) -> str:
        """The text without the secrets that were resolved, and without what looks like one."""
        return redact(said, tuple(self._secrets))


class RiskSystem(Protocol):
    """A kind of risk source."""

    def look(self, settings: RiskSettings, question: RiskQuestion) -> RiskLook:
        """What the source knows now. Reads only; writes nothing there.

        Raises:
            HeldError: it is not to be asked before a moment.
            MechexoError: there is no good answer; the text says why.
        """
        ...


def find_system(kind: str) -> RiskSystem:
    """The kind of that name; our own come before those of other packages.

    Raises:
        ConfigError: there is none (the text lists close names), or a package's kind is broken.
    """
    if kind in BUILT_IN:
        module = import_module(f"mechexo.risk.sources.{BUILT_IN[kind]}")
        return _checked(kind, module, "mechexo")
    added = {entry.name: entry for entry in entry_points(group=GROUP)}
    if kind in added:
        return _loaded(added[kind])
    raise ConfigError(
        f"{kind!r} is no kind of risk source; {close_names(kind, sorted({*BUILT_IN, *added}))}"
    )


def _loaded(entry: EntryPoint) -> RiskSystem:
    package = entry.dist.name if entry.dist else entry.value
    try:
        loaded = entry.load()
    except Exception as error:
        raise ConfigError(
            f"the risk source {entry.name!r} of {package} cannot be loaded ({entry.value}): "
            f"{type(error).__name__}: {error}"
        ) from error
    return _checked(entry.name, loaded, package)


def _checked(name: str, loaded: object, package: str) -> RiskSystem:
    if not callable(getattr(loaded, "look", None)):
        raise ConfigError(f"the risk source {name!r} of {package} must have look()")
    return cast(RiskSystem, loaded)
