"""The messages in the desk's mailbox files (`file:///…` channels), newest first."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from mechexo.errors import UnreachableError
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.desk import Desk

_TAIL_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class MailboxMessage:
    """A message as it was delivered. A line that is no message has only a title: itself."""

    channel: str
    title: str
    body: str = ""
    severity: str = ""
    at: datetime | None = None


def newest(desk: Desk, limit: int) -> tuple[MailboxMessage, ...]:
    """The last messages of every mailbox file that a channel writes to, newest first.

    Raises:
        UnreachableError: a mailbox that exists cannot be read.
    """
    messages: list[MailboxMessage] = []
    for name, channel in desk.settings.channels.items():
        url = urlsplit(channel.url)
        if url.scheme != "file":
            continue
        path = desk.path(unquote(url.netloc + url.path))
        if path.exists():
            messages += [_message(name, text) for text in _tail(path)[-limit:]]
    messages.sort(key=lambda message: message.at.timestamp() if message.at else 0.0)
    return tuple(reversed(messages[-limit:]))


def _message(channel: str, text: str) -> MailboxMessage:
    try:
        found = json.loads(text)
        return MailboxMessage(
            channel=channel,
            title=str(found["title"]),
            body=str(found.get("body", "")),
            severity=str(found.get("severity", "")),
            at=datetime.fromisoformat(found["at"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return MailboxMessage(channel, text)


def _tail(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            start = max(0, path.stat().st_size - _TAIL_BYTES)
            file.seek(start)
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError as error:
        raise UnreachableError(f"{path}: {error.strerror or error}") from error
    # Where it was cut, the first line is only the end of one.
    return [text for text in lines[1 if start else 0 :] if text.strip()]
