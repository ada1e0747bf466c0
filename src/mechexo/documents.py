"""Answers as JSON documents: the same text whichever face gives them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

from mechexo.times import iso_z

_AS_THEY_ARE = frozenset({str, int, bool, type(None)})


def json_text(
    name: str, at: datetime, body: Mapping[str, object], *, indent: int | None = None
) -> str:
    """`body` as the document `mechexo.<name>/1` of the moment `at`."""
    return _text(name, at, plain(body), indent)


def plain_json_text(name: str, at: datetime, body: Mapping[str, object]) -> str:
    """The same for a body that has nothing in it but what JSON knows."""
    return _text(name, at, body, None)


def _text(name: str, at: datetime, body: Mapping[str, object], indent: int | None) -> str:
    document = {"schema": f"mechexo.{name}/1", "at": iso_z(at), **body}
    return json.dumps(document, ensure_ascii=False, indent=indent)


def plain(value: Any) -> Any:
    """Dataclasses, moments, durations and enums as what JSON knows; NaN is null."""
    if type(value) in _AS_THEY_ARE:
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return iso_z(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
