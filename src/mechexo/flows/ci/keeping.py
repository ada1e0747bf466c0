"""What is known of a repository, as the text that the state file keeps."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from mechexo.documents import plain
from mechexo.flows.ci.values import CiLook, CiPage, CiRun, CiState
from mechexo.times import from_iso_z

if TYPE_CHECKING:
    from mechexo.config import CiSettings

VERSION = 3
_RUN_FIELDS = frozenset(each.name for each in fields(CiRun))


def to_text(settings: CiSettings, look: CiLook) -> str:
    """The look, with what was asked for."""
    document = {
        "version": VERSION,
        "of": _identity(settings),
        "pages": plain(look.pages),
        "earlier": plain(look.earlier),
        "silent_since": plain(look.silent_since),
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def from_text(settings: CiSettings, kept: str | None) -> CiLook | None:
    """The look, or None when it cannot be read or the configuration asks for another by now."""
    try:
        document = json.loads(kept or "")
        if document["version"] != VERSION or document["of"] != _identity(settings):
            return None
        pages = tuple(
            CiPage(each["path"], each["etag"], _runs(each["runs"]), each["next"])
            for each in document["pages"]
        )
        silent = document["silent_since"]
        since = from_iso_z(silent) if silent else None
        return CiLook(pages, _runs(document["earlier"]), since)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _identity(settings: CiSettings) -> list[Any]:
    """What makes a look another one. References only, never a secret."""
    return [
        *(settings.kind, settings.base_url, settings.repository, settings.token, settings.runs),
        *(list(settings.branches), list(settings.workflows)),
    ]


def _runs(kept: list[dict[str, Any]]) -> tuple[CiRun, ...]:
    return tuple(_run(each) for each in kept)


def _run(kept: dict[str, Any]) -> CiRun:
    values = {name: value for name, value in kept.items() if name in _RUN_FIELDS}
    ended = values["ended_at"]
    values |= {
        "state": CiState(values["state"]),
        "started_at": from_iso_z(values["started_at"]),
        "ended_at": from_iso_z(ended) if ended else None,
    }
    return CiRun(**values)
