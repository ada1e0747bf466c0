"""The messages in the desk's mailbox files (`file:///…` channels), newest first."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from mechexo.desk import Desk
from mechexo.errors import UnreachableError

_TAIL_BYTES = 256 * 1024


def newest(desk: Desk, limit: int) -> tuple[str, ...]:
    """The last lines of every mailbox file that a channel writes to, newest first.

    Raises:
        UnreachableError: a mailbox that exists cannot be read.
    """
    lines: list[str] = []
    for name, channel in desk.settings.channels.items():
        url = urlsplit(channel.url)
        if url.scheme != "file":
            continue
        path = desk.path(unquote(url.netloc + url.path))
        if path.exists():
            lines += [f"{name}: {text}" for text in _tail(path)]
    return tuple(reversed(lines[-limit:]))


def _tail(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            data = file.read()
    except OSError as error:
        raise UnreachableError(f"{path}: {error.strerror or error}") from error
    return [text for text in data.decode("utf-8", "replace").splitlines() if text.strip()]
