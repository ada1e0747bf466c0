"""The desk's own names in an entry: `$HALT_COMMAND` becomes what `[runbook.variables]` says."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mechexo.runbook.harmless import harmless

_NAME = re.compile(r"(?<![\\$\w])\$(?:\{([A-Z][A-Z0-9_]*)\}|([A-Z][A-Z0-9_]*)(?![a-z]))")
_ASSIGNED = re.compile(
    r"(?:^|[\s;&|(])(?:export[ \t]+|for[ \t]+)?([A-Z][A-Z0-9_]*)(?:=|[ \t]+in\b)"
)
_OF_THE_SHELL = frozenset({"HOME", "PATH", "USER", "PWD", "SHELL", "HOSTNAME", "TMPDIR", "EDITOR"})


def fill(text: str, variables: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """The text with the desk's values in place of `$NAME`, and the names that are not set.

    A name without a value stays visible as such: an empty text in a command would be obeyed.
    The shell's own variables and those that the text itself assigns are left alone.
    """
    own = _OF_THE_SHELL | set(_ASSIGNED.findall(text))
    unset: dict[str, None] = {}

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name in own and name not in variables:
            return match[0]
        # One line: a newline in a value would end a step's text or add a command.
        found = " ".join(harmless(variables.get(name, "")).split())
        if found:
            return found
        unset[name] = None
        return missing(name)

    return _NAME.sub(value, text), tuple(unset)


def missing(name: str) -> str:
    """What is shown in place of a variable that is not set."""
    return f"⟨{name} is not set in [runbook.variables]⟩"
