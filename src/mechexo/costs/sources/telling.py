"""What a failed read says, in one line."""

from __future__ import annotations

import re

from mechexo.config.secrets import redact
from mechexo.errors import UnreachableError

_LONGEST = 240
_CODE = re.compile(r"<Code>([^<]+)</Code>(?:\s*<Message>([^<]*)</Message>)?", re.DOTALL)
_NO_OBJECT = re.compile(r"Object at location (\S+) not found")


def told(error: BaseException, secrets: tuple[str, ...] = ()) -> str:
    """The first line of an error, secrets hidden; of an object store's the answer that it gave."""
    text = str(error).strip()
    code = _CODE.search(text)
    missing = _NO_OBJECT.search(text)
    if missing:
        line = f"there is no object {missing.group(1)}"
    elif code:
        message = " ".join((code.group(2) or "").split())
        line = f"{code.group(1)}: {message}" if message else code.group(1)
    else:
        line = (text.splitlines() or [type(error).__name__])[0]
    return redact(line, secrets)[:_LONGEST]


def unreadable(where: str, error: BaseException, cure: str = "") -> UnreachableError:
    """A source that could not be read, why, and what to do about it where that is known."""
    if "expanded paths were empty" in str(error):
        return UnreachableError(f"no object matches {where}")
    return UnreachableError(f"{where} cannot be read: {told(error)}{'; ' * bool(cure)}{cure}")
