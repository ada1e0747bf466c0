"""What identifies the trouble that another system tells of: never its text.

A key begins with `source/` or `source{`. mechexo's own keys (`probe:…`, `flow:…`, `channel:…`) have
a colon there, which no source can have, so that nobody outside merges with them or resolves them.
What a person raises by hand has none of these, or begins with `manual/`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from mechexo.alerts.inbound.reading import BadPayloadError

_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SIMPLE_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_NAMED_BY_A_SOURCE = re.compile(r"[:/{]")
MANUAL = "manual"
OWN_SOURCES = frozenset(
    {
        *("probe", "flow", "flows", "tick", "costs", "outbox", "channel", "uptime", "oncall"),
        *(MANUAL, "serve", "drill", "mechexo", "ci-runs", "orchestrators", "state-file"),
    }
)
"""The sources of mechexo itself; what they say is judged by it, and nobody else may say it."""


def check_source(source: str, where: str) -> str:
    """The source, if somebody outside may be it.

    Raises:
        BadPayloadError: it has other characters, or is one of mechexo's own.
    """
    if not _SOURCE.fullmatch(source):
        raise BadPayloadError(
            f"{where}: a source has up to 64 of A-Z, a-z, 0-9, dot, dash and underscore"
        )
    if source.lower() in OWN_SOURCES:
        raise BadPayloadError(f"{where}: {source} is a source of mechexo's own; use another")
    return source


def explicit_key(source: str, key: str) -> str:
    """The key of trouble that its source names itself."""
    return f"{source}/{key}"


def manual_key(key: str) -> str:
    """The key of trouble that a person names on this machine.

    A word of theirs stays as it is: no source has such keys. What could be the key of a source gets
    a place of its own, where it merges with no alert but those raised by hand.
    """
    return explicit_key(MANUAL, key) if _NAMED_BY_A_SOURCE.search(key) else key


def label_key(source: str, labels: Mapping[str, str]) -> str:
    """The key of trouble that its labels identify, whatever their order."""
    pairs = (f"{_name(name)}={json.dumps(value)}" for name, value in sorted(labels.items()))
    return f"{source}{{{','.join(pairs)}}}"


def _name(name: str) -> str:
    return name if _SIMPLE_LABEL.fullmatch(name) else json.dumps(name)
