"""The kinds of probe: one module each, and those that other packages add.

A kind is a module (or any object) with `Options`, a pydantic model of the keys it takes in
`[probes.NAME]`, and `run(options, context) -> Outcome`. It may name modules that are slow to import
in `NEEDS`. Other packages add kinds through the entry-point group `mechexo.probes`:

    [project.entry-points."mechexo.probes"]
    fix_session = "our_package.fix_session"
"""

from __future__ import annotations

from pydantic import BaseModel

from mechexo.health.context import ProbeKind
from mechexo.plug_ins import Kinds

_OWN = (
    "flag",
    "freshness",
    "heartbeat",
    "host",
    "http",
    "process",
    "prometheus",
    "sql",
    "tcp",
    "timer",
)
KINDS = Kinds("probe", "mechexo.probes", {name: f"{__name__}.{name}" for name in _OWN})


def find_kind(name: str) -> ProbeKind:
    """The kind of that name; our own come before those of other packages.

    Raises:
        ConfigError: there is none (the text lists close names), or a package's kind is broken.
    """
    found = KINDS.find(name)
    model, run = getattr(found.kind, "Options", None), getattr(found.kind, "run", None)
    if not (isinstance(model, type) and issubclass(model, BaseModel) and callable(run)):
        raise found.lacks("Options (a pydantic model) and run()")
    return ProbeKind(name, model, run, tuple(getattr(found.kind, "NEEDS", ())))
