"""The kinds of probe: one module each, and those that other packages add.

A kind is a module (or any object) with `Options`, a pydantic model of the keys it takes in
`[probes.NAME]`, and `run(options, context) -> Outcome`. It may name modules that are slow to import
in `NEEDS`. Other packages add kinds through the entry-point group `mechexo.probes`:

    [project.entry-points."mechexo.probes"]
    fix_session = "our_package.fix_session"
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType

from pydantic import BaseModel

from mechexo.errors import ConfigError, close_names
from mechexo.health.context import ProbeKind

GROUP = "mechexo.probes"
BUILT_IN = (
    "flag",
    "freshness",
    "heartbeat",
    "host",
    "http",
    "process",
    "prometheus",
    "sql",
    "tcp",
)


def find_kind(name: str) -> ProbeKind:
    """The kind of that name; our own come before those of other packages.

    Raises:
        ConfigError: there is none (the text lists close names), or a package's kind is broken.
    """
    if name in BUILT_IN:
        return _kind(name, import_module(f"{__name__}.{name}"), "mechexo")
    added = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name in added:
        return _load(added[name])
    hint = close_names(name, sorted({*BUILT_IN, *added}))
    raise ConfigError(f"{name!r} is no kind of probe; {hint}")


def _load(entry: EntryPoint) -> ProbeKind:
    package = entry.dist.name if entry.dist else entry.value
    try:
        loaded = entry.load()
    except Exception as error:
        raise ConfigError(
            f"the kind {entry.name!r} of {package} cannot be loaded ({entry.value}): "
            f"{type(error).__name__}: {error}"
        ) from error
    return _kind(entry.name, loaded, package)


def _kind(name: str, source: ModuleType | object, package: str) -> ProbeKind:
    model, run = getattr(source, "Options", None), getattr(source, "run", None)
    if not (isinstance(model, type) and issubclass(model, BaseModel) and callable(run)):
        raise ConfigError(
            f"the kind {name!r} of {package} must have Options (a pydantic model) and run()"
        )
    return ProbeKind(name, model, run, tuple(getattr(source, "NEEDS", ())))
