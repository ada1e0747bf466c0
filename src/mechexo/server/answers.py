"""Answers: one line of JSON each, errors too, with the status that fits what went wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from starlette.responses import Response

from mechexo.documents import json_text, plain_json_text
from mechexo.errors import (
    BusyError,
    MechexoError,
    NotAllowedError,
    NotFoundError,
    UnreachableError,
    UsageError,
)
from mechexo.security.values import TokenRefusedError

JSON = "application/json"
BUSY_RETRY_S = 5
"""When to come again to a state file that was locked or could not be written."""


class RequestError(MechexoError):
    """A request that is refused for its form or its number, with its HTTP status."""

    def __init__(self, status: int, text: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.retry_after_s = retry_after_s


def document(name: str, at: datetime, body: Mapping[str, object], status: int = 200) -> Response:
    """The document `mechexo.<name>/1`."""
    return _json(json_text(name, at, body), status)


def taken(at: datetime, alerts: list[dict[str, object]]) -> Response:
    """The document `mechexo.taken/1`, of texts and numbers only."""
    return _json(plain_json_text("taken", at, {"alerts": alerts}), 200)


def refusal(error: MechexoError) -> Response:
    """A known failure, in its own words."""
    status, headers = _status(error)
    return _json(json.dumps({"error": str(error)}, ensure_ascii=False), status, headers)


def failure() -> Response:
    """A failure that nobody foresaw. What it was is for the server's own log."""
    said = "this is a defect of mechexo; the server's log names the report"
    return _json(json.dumps({"error": said}), 500)


def _json(text: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    # Nothing here may be kept by a proxy: it is as of now.
    fixed = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    content = f"{text}\n".encode("utf-8", "backslashreplace")
    return Response(content, status, {**fixed, **headers} if headers else fixed, media_type=JSON)


def _status(error: MechexoError) -> tuple[int, dict[str, str]]:
    match error:
        case RequestError():
            wait = error.retry_after_s
            # What is left of a body that was not read would be taken for the next request.
            close = {"connection": "close"} if error.status in (408, 413) else {}
            return error.status, close | ({} if wait is None else {"retry-after": str(wait)})
        case TokenRefusedError():
            return 401, {"www-authenticate": 'Bearer realm="mechexo", Basic realm="mechexo"'}
        case NotAllowedError():
            return 403, {}
        case NotFoundError():
            return 404, {}
        case BusyError() | UnreachableError():
            return 503, {"retry-after": str(BUSY_RETRY_S)}
        case UsageError():
            return 400, {}
    return 500, {}
