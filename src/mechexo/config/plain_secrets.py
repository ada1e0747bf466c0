"""Finding a secret that stands in a probe's options in plain text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from mechexo.config.secrets import redact

_HEADERS = frozenset(
    {"authorization", "cookie", "proxy-authorization", "x-api-key", "x-auth-token"}
)
_KEYS = frozenset({"password", "passwd", "pwd", "secret", "token", "api_key", "apikey"})
_REFERENCE = re.compile(r"\$\{[^}]*\}")


def plain_secret(options: Mapping[str, object]) -> str:
    """Which of a probe's options holds a secret in plain text, and what kind; "" when none does."""
    for key, value in options.items():
        if isinstance(value, str):
            if "://" in value and _in_address(value):
                return f"{key} holds a password in plain text"
            if key.lower() in _KEYS and _REFERENCE.sub("", value):
                return f"{key} is in plain text"
        elif key == "headers" and isinstance(value, Mapping):
            for header, content in value.items():
                if str(header).lower() in _HEADERS and "${" not in str(content):
                    return f"headers.{header} is in plain text"
    return ""


def _in_address(url: str) -> bool:
    bare = _REFERENCE.sub("", url)
    try:
        parts = urlsplit(bare)
        # The query as a whole: `redact` knows the names that secrets go by.
        return bool(parts.password) or redact(parts.query) != parts.query
    except ValueError:
        return False
