"""What a look at an orchestrator brought, as the text that the state file keeps."""

from __future__ import annotations

import json
import types
import typing
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
        return typing.cast(Look, _read(Look, found))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _identity(settings: OrchestratorSettings) -> list[Any]:
    """What makes a look another one. References only, never a secret."""
    return [settings.kind, settings.url, settings.token, settings.user, settings.password]


@cache
def _shape(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind, _NAMES)


def _read(shape: Any, found: Any) -> Any:
    """A value of that type from what `documents.plain` made of it.

    Raises:
        ValueError, TypeError, KeyError: it is no such value.
    """
    if is_dataclass(shape) and isinstance(shape, type):
        hints = _shape(shape)
        return shape(
            **{each.name: _read(hints[each.name], found[each.name]) for each in fields(shape)}
        )
    origin = typing.get_origin(shape)
    if origin in (types.UnionType, typing.Union):
        chosen = [each for each in typing.get_args(shape) if each is not type(None)]
        return None if found is None else _read(chosen[0], found)
    if origin is tuple:
        return tuple(_read(typing.get_args(shape)[0], each) for each in found)
    if shape is datetime:
        return from_iso_z(found)
    if isinstance(shape, type) and issubclass(shape, Enum):
        return shape(found)
    if shape is float and isinstance(found, int) and not isinstance(found, bool):
        return float(found)
    if not isinstance(found, shape):
        raise TypeError(f"{found!r} is no {shape.__name__}")
    return found
