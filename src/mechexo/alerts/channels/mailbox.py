"""A mailbox file as a channel: one JSON line per message, on disk when it counts as sent.

`file:///var/spool/desk.jsonl` is that absolute path; `file://messages/desk.jsonl` and
`file://~/desk.jsonl` are taken from the desk's folder and the home folder. The text after
`file://` is the path as it stands: nothing in it is percent-decoded.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mechexo.alerts.values import Message
from mechexo.config import resolve_references
from mechexo.errors import ConfigError

if TYPE_CHECKING:
    from mechexo.desk import Desk

SCHEME = "file://"
_BLOCK_BYTES = 65_536


def is_mailbox(url: str) -> bool:
    """Whether a channel's address is a mailbox file."""
    return url.lower().startswith(SCHEME)


def mailbox_path(url: str, root: Path) -> Path:
    """The file behind a `file://` address; `root` is the desk's folder.

    Raises:
        ConfigError: the address names no file.
    """
    named = url[len(SCHEME) :]
    if not named.strip() or named.endswith("/"):
        raise ConfigError(
            "the address file:// names no file; write file:///folder/mailbox.jsonl, or "
            "file://mailbox.jsonl for one beside mechexo.toml"
        )
    try:
        return root / Path(named).expanduser()
    except RuntimeError as error:
        raise ConfigError(f"file://{named}: {error}") from None


def mailbox(desk: Desk, limit: int = 50) -> tuple[Message, ...]:
    """The newest messages of all mailbox files of the desk, newest first.

    A line, or a whole file, that cannot be read stands at the end as a message that says so.
    """
    dated: list[tuple[datetime, Message]] = []
    undated: list[Message] = []
    for name, channel in desk.settings.channels.items():
        if not is_mailbox(channel.url):
            continue
        for message in _messages(desk, name, channel.url, limit):
            if message.at is None:
                undated.append(message)
            else:
                dated.append((message.at, message))
    dated.sort(key=lambda pair: pair[0], reverse=True)
    kept = [message for _, message in dated[: max(limit - len(undated), 0)]]
    return tuple([*kept, *undated][:limit])


def _messages(desk: Desk, channel: str, url: str, limit: int) -> list[Message]:
    try:
        path = mailbox_path(resolve_references(url, desk.root), desk.root)
        return [_message(line, channel) for line in _last_lines(path, limit)]
    except (ConfigError, OSError) as error:
        why = f"{type(error).__name__}: {error}"
        return [Message(None, channel, None, "", "a mailbox that cannot be read", why)]


def _message(line: bytes, channel: str) -> Message:
    try:
        record = json.loads(line)
        at = datetime.fromisoformat(record["at"])
        if at.tzinfo is None:
            raise ValueError("a time without a zone")
        alert_id = record["alert_id"]
        return Message(
            at=at,
            channel=channel,
            alert_id=None if alert_id is None else int(alert_id),
            severity=str(record["severity"]),
            title=str(record["title"]),
            body=str(record["body"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        why = f"{type(error).__name__}: {error}"
        return Message(None, channel, None, "", "a line that cannot be read", why)


def _last_lines(path: Path, limit: int) -> Iterator[bytes]:
    """The last lines of a file, newest first; none when it does not exist."""
    try:
        with path.open("rb") as file:
            position = file.seek(0, os.SEEK_END)
            tail = b""
            while position > 0 and tail.count(b"\n") <= limit:
                size = min(_BLOCK_BYTES, position)
                position -= size
                file.seek(position)
                tail = file.read(size) + tail
    except FileNotFoundError:
        return
    lines = [line for line in tail.split(b"\n") if line.strip()]
    yield from reversed(lines[-limit:])
