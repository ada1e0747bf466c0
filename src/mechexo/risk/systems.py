"""The kinds of risk source: one module each, and those that other packages add.

A kind is a module (or any object) with `look(settings, question) -> RiskLook`; it is chosen by what
stands before the `://` of `source`. Other packages add kinds through the entry-point group
`mechexo.risk_sources`:

    [project.entry-points."mechexo.risk_sources"]
    ibflex = "our_package.ibflex"
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from mechexo.errors import ConfigError
from mechexo.outside.resolving import Resolving
from mechexo.plug_ins import Kinds
from mechexo.risk.trading_day import TradingDay
from mechexo.risk.values import RiskLook
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.config import RiskSettings

_MODULES = {
    "sqlite": "sqlite",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "https": "http_json",
    "http": "http_json",
    "freqtrade": "freqtrade",
    "hummingbot": "hummingbot",
    "nautilus": "nautilus",
}
KINDS = Kinds(
    "risk source",
    "mechexo.risk_sources",
    {name: f"mechexo.risk.sources.{module}" for name, module in _MODULES.items()},
)


@dataclass(frozen=True, slots=True)
class RiskQuestion(Resolving):
    """One look at a source: when, of which trading day, how long it may take."""

    now: datetime
    day: TradingDay
    within_s: float

    def path(self, source: str) -> Path:
        """The file or folder that `kind:///path` means: from the desk's folder, `kind:////path`
        absolute.

        Raises:
            ConfigError: a reference cannot be resolved, there is no path, or nothing is there and
                something is at the same path from the root of the disk.
        """
        address = self.resolve(source, whole=True)
        kind, _, rest = address.partition("://")
        path = rest.removeprefix("/")
        if not path:
            raise ConfigError("the source names no path: expected one like sqlite:///trading.db")
        found = self.root / Path(path).expanduser()
        if not found.exists() and (Path("/") / path).exists():
            raise ConfigError(f"there is no {found}; for /{path} write {kind}:////{path}")
        return found


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
    return cast(RiskSystem, KINDS.find(kind).with_function("look"))
