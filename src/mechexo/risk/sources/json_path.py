"""A path into a JSON document: `account.equity`, `$.books[0].positions`, `"a.b".c`. Pure."""

from __future__ import annotations

import re
from typing import Any

from mechexo.errors import UnreachableError

_STEP = re.compile(r'\.?(?:"([^"]*)"|([^.\[\]"]+))|\[(-?\d{1,6})\]')


def at_path(document: Any, path: str) -> Any:
    """What stands there. `$` alone is the whole document.

    Raises:
        UnreachableError: it is no path, or leads nowhere; the text says where it ends.
    """
    found, walked = document, "$"
    for step in steps_of(path):
        if isinstance(step, int):
            if not isinstance(found, list):
                raise UnreachableError(f"{path}: {walked} is no list")
            if not -len(found) <= step < len(found):
                raise UnreachableError(f"{path}: {walked} has {len(found)} elements")
            found, walked = found[step], f"{walked}[{step}]"
        else:
            if not isinstance(found, dict):
                raise UnreachableError(f"{path}: {walked} is no object")
            if step not in found:
                raise UnreachableError(f"{path}: {walked} has no {step!r}")
            found, walked = found[step], f"{walked}.{step}"
    return found


def steps_of(path: str) -> list[str | int]:
    """The names and places that a path is made of.

    Raises:
        UnreachableError: it is no path.
    """
    rest = path.strip().removeprefix("$")
    steps: list[str | int] = []
    while rest:
        match = _STEP.match(rest)
        if match is None or (steps and match[3] is None and not rest.startswith(".")):
            raise UnreachableError(f"{path!r} is no JSON path: expected one like account.equity")
        quoted, name, place = match.groups()
        steps.append(int(place) if place is not None else quoted if quoted is not None else name)
        rest = rest[match.end() :]
    return steps
