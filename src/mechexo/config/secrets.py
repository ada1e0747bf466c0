"""Secrets by reference: `${env:NAME}`, `${file:path}`, `${keyring:service/name}`.

A configuration holds references only. They are resolved where the secret is used and never
stored, logged or shown.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from mechexo.errors import ConfigError

_REFERENCE = re.compile(r"\$\{(env|file|keyring):([^}]+)\}")
# Schemes that carry no credential outside the user:password part of the address.
_OPEN_SCHEMES = frozenset(
    {"file", "http", "https", "json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos"}
)
_KEYS_OF_SECRETS = re.compile(r"(?i)\b(pass(word)?|pwd|secret|token|api_?key|auth)(=)[^&\s]+")
HIDDEN = "***"


def resolve_references(text: str, root: Path) -> str:
    """The text with each reference replaced by its secret.

    `root` is the folder that relative `${file:…}` paths start from.

    Raises:
        ConfigError: a reference cannot be resolved; the text names it, never a secret.
    """

    def resolved(match: re.Match[str]) -> str:
        kind, name = match.group(1), match.group(2)
        if kind == "env":
            if name not in os.environ:
                raise ConfigError(
                    f"the environment variable {name} (from ${{env:{name}}}) is not set"
                )
            return os.environ[name]
        if kind == "file":
            try:
                return (root / Path(name).expanduser()).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"${{file:{name}}} cannot be read: {error}") from error
        try:
            import keyring  # type: ignore[import-not-found,unused-ignore]
        except ImportError:
            raise ConfigError(f"${{keyring:{name}}} needs: pip install keyring") from None
        service, _, entry = name.partition("/")
        secret = keyring.get_password(service, entry)
        if secret is None:
            raise ConfigError(f"the keyring has no entry {name}")
        return str(secret)

    return _REFERENCE.sub(resolved, text)


def literal_secret(url: str) -> bool:
    """Whether a channel's URL holds a credential in plain text instead of a reference."""
    if _REFERENCE.search(url):
        rest = _REFERENCE.sub("", url)
        return bool(_KEYS_OF_SECRETS.search(rest))
    parts = urlsplit(url)
    if parts.scheme.lower() not in _OPEN_SCHEMES:
        return True
    return parts.password is not None or bool(_KEYS_OF_SECRETS.search(parts.query))


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """The text with known secrets and everything that looks like one hidden."""
    for secret in sorted((s for s in secrets if s), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = re.sub(r"(?<=://)[^/\s@]+:[^/\s@]+(?=@)", HIDDEN, text)
    return _KEYS_OF_SECRETS.sub(rf"\1\3{HIDDEN}", text)
