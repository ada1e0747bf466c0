"""Settings that were validated before, kept so that the next command need not do it again.

Validation imports pydantic, which costs more than everything else that `mechexo status` does. What
was validated is kept in the user's cache folder under the digest of the configuration's bytes, its
path and the version: any change of one of them misses. A file that is not the user's own, or that
cannot be read back exactly, is a miss too, never an error.
"""

from __future__ import annotations

import hashlib
import json
import os
import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from mechexo import __version__
from mechexo.config import models
from mechexo.config.keeping import keep
from mechexo.config.models import Settings

_KEPT_AT_MOST = 20
_SHAPE = (
    "models.py",
    "alerting.py",
    "ci.py",
    "costs.py",
    "fields.py",
    "grafana.py",
    "incidents.py",
    "market.py",
    "orchestrators.py",
    "resources.py",
    "risk.py",
    "rollback.py",
)


def recall(path: Path, source: bytes) -> Settings | None:
    """The settings validated earlier from exactly these bytes, or None."""
    try:
        place = _place(path, source)
        with place.open("rb") as file:
            if os.fstat(file.fileno()).st_uid != os.getuid():
                return None
            kept = json.load(file)
        return typing.cast(Settings, _read(Settings, kept))
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, AttributeError):
        return None  # A RuntimeError: the user has no home folder.


def remember(path: Path, source: bytes, settings: Settings) -> None:
    """Keeps validated settings; where the cache cannot be written the next command validates."""
    try:
        place = _place(path, source)
        keep(place, json.dumps(_write(settings)))
        kept = sorted(place.parent.glob("settings-*.json"), key=lambda each: each.stat().st_mtime)
        for old in kept[:-_KEPT_AT_MOST]:
            old.unlink(missing_ok=True)
    except (OSError, RuntimeError, TypeError):
        # A read-only cache, no home folder, or an option that JSON has no word for (a TOML date):
        # not kept.
        return


def _place(path: Path, source: bytes) -> Path:
    # The shape of the settings counts too: a checkout changes without a new version.
    files = [Path(models.__file__).with_name(name).stat() for name in _SHAPE]
    shape = "\0".join(f"{each.st_mtime_ns}\0{each.st_size}" for each in files)
    digest = hashlib.sha256(f"{__version__}\0{shape}\0{path}\0".encode() + source)
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return base / "mechexo" / f"settings-{digest.hexdigest()[:32]}.json"


def _write(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _write(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {key: _write(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_write(item) for item in value]
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, time):
        return value.isoformat()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"{type(value).__name__} cannot be kept")


@cache
def _hints(table: type) -> dict[str, Any]:
    return typing.get_type_hints(table)


def _read(expected: Any, kept: Any) -> Any:
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if origin in (types.UnionType, typing.Union):
        if kept is None:
            return None
        return _read(next(each for each in arguments if each is not type(None)), kept)
    if is_dataclass(expected):
        hints = _hints(typing.cast(type, expected))
        return typing.cast(Any, expected)(
            **{each.name: _read(hints[each.name], kept[each.name]) for each in fields(expected)}
        )
    if origin is dict:
        return {key: _read(arguments[1], item) for key, item in kept.items()}
    if origin is tuple:
        return tuple(_read(arguments[0], item) for item in kept)
    if expected is timedelta:
        return timedelta(seconds=kept)
    if expected is time:
        return time.fromisoformat(kept)
    return kept
