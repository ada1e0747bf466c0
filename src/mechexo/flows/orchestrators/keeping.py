"""What a look at an orchestrator brought, as the text that the state file keeps."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any

from mechexo.documents import plain
from mechexo.errors import UnreachableError
from mechexo.flows.orchestrators import rules, standings, values
from mechexo.flows.orchestrators.standings import Look
from mechexo.outside.values import LONGEST_VALUE
from mechexo.times import from_iso_z

if TYPE_CHECKING:
    from mechexo.config import OrchestratorSettings

VERSION = 1
MOST_RUNS = 500
"""So many of the newest runs are kept; when they are too long to keep, fewer."""
_NAMES = {**vars(values), **vars(rules), **vars(standings)}


def to_text(settings: OrchestratorSettings, look: Look) -> str:
    """The look, with what was asked for.

    Raises:
        UnreachableError: it is too long to keep, even without a run.
    """
    runs = look.runs[:MOST_RUNS]
    while True:
        document = {
            "version": VERSION,
            "of": _identity(settings),
            "look": plain(replace(look, runs=runs)),
        }
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        if len(text) <= LONGEST_VALUE:
            return text
        if not runs:
            count = len(look.standing.deployments)
            raise UnreachableError(f"its {count:,} deployments are too many to keep")
        runs = runs[: len(runs) // 2]


def from_text(
    settings: OrchestratorSettings, kept: str | None, *, runs: bool = False
) -> Look | None:
    """The look, or None when it cannot be read or the configuration asks for another by now. Its
    runs, which take longer to read, are left out unless they are asked for."""
    try:
        document = json.loads(kept or "")
        if document["version"] != VERSION or document["of"] != _identity(settings):
            return None
        found = document["look"] if runs else document["look"] | {"runs": []}
        return typing.cast(Look, _reader(Look)(found))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _identity(settings: OrchestratorSettings) -> list[Any]:
    """What makes a look another one. References only, never a secret."""
    return [settings.kind, settings.url, settings.token, settings.user, settings.password]


Read = Callable[[Any], Any]
"""Makes a value of what `documents.plain` made of it. Raises ValueError, TypeError or KeyError when
it is no such value."""


@cache
def _reader(shape: Any) -> Read:
    """The reading of one type: found out once, for a desk has hundreds of deployments."""
    if is_dataclass(shape) and isinstance(shape, type):
        hints = typing.get_type_hints(shape, _NAMES)
        readers = [(each.name, _reader(hints[each.name])) for each in fields(shape)]
        return lambda found: shape(*[read(found[name]) for name, read in readers])
    origin = typing.get_origin(shape)
    if origin in (types.UnionType, typing.Union):
        [chosen] = [each for each in typing.get_args(shape) if each is not type(None)]
        inner = _reader(chosen)
        return lambda found: None if found is None else inner(found)
    if origin is tuple:
        one = _reader(typing.get_args(shape)[0])
        return lambda found: tuple([one(each) for each in found])
    if shape is datetime:
        return from_iso_z
    if isinstance(shape, type) and issubclass(shape, Enum):
        return shape
    # JSON may write a number without its fraction; a truth is no number.
    fitting = (float, int) if shape is float else (shape,)

    def checked(found: Any) -> Any:
        if type(found) not in fitting:
            raise TypeError(f"{found!r} is no {shape.__name__}")
        return found

    return checked
