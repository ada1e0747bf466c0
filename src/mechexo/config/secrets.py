"""Secrets by reference: `${env:NAME}`, `${file:path}`, `${keyring:service/name}`.

A configuration holds references only. They are resolved where the secret is used and never
stored, logged or shown.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from mechexo.errors import ConfigError

_REFERENCE = re.compile(r"\$\{(env|file|keyring):([^}]+)\}")
# Schemes that carry no credential outside the user:password part of the address.
_OPEN_SCHEMES = frozenset(
    {"file", "http", "https", "json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos"}
)
_KEYS_OF_SECRETS = re.compile(r"(?i)\b(pass(word)?|pwd|secret|token|api[_-]?key|auth)(=)[^&\s]+")
_OWN_TOKEN = re.compile(r"\bmechexo_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")
# Whoever knows the path of a hook there can send: its last part is the credential.
_HOOK_HOSTS = (
    "hooks.slack.com",
    "hooks.zapier.com",
    "discord.com",
    "discordapp.com",
    "maker.ifttt.com",
    "webhook.office.com",
    "outlook.office.com",
)
_USER_AND_PASSWORD = re.compile(r"(?<=://)[^/\s@:]*:[^/\s@]+(?=@)")
_PASSWORD = re.compile(r"[^:/@\[]*:(?!\d+/)[^@?]+@")
_LETTERS_IN_DIGITS = re.compile(r"[A-Za-z]\d+[A-Za-z]|\d[A-Za-z]+\d")
_SHORTEST_TOKEN = 20
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
            file = root / Path(name).expanduser()
            try:
                return file.read_text(encoding="utf-8").strip()
            except UnicodeDecodeError as error:
                raise ConfigError(f"${{file:{name}}} is not UTF-8 text") from error
            except OSError as error:
                from mechexo.access import barrier

                why = barrier(file) or f"{file}: {error.strerror}"
                raise ConfigError(f"${{file:{name}}} cannot be read: {why}") from error
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
    """Whether a channel's URL holds a credential in plain text instead of a reference.

    A part with a reference stands for itself only: what is written out beside it is looked at.
    """
    if "://" not in url and _REFERENCE.search(url):
        # The reference holds the scheme, and as a rule the whole address.
        rest = _REFERENCE.sub("", url)
        return bool(_KEYS_OF_SECRETS.search(rest)) or any(map(_is_token, rest.split("/")))
    scheme, _, address = url.partition("://")
    if scheme.lower() == "file":
        return False
    is_open = scheme.lower() in _OPEN_SCHEMES
    # The marks of a reference hold what would divide an address.
    place, _, query = _REFERENCE.sub("\0", address).partition("?")
    if not is_open and "\0" not in place:
        return True
    place, query = place.replace("\0", ""), query.replace("\0", "")
    authority, _, path = place.partition("/")
    user_information, _, host = authority.rpartition("@")
    name, _, port = host.partition(":")
    values = [pair.partition("=")[2] for pair in query.split("&")]
    opaque = [*path.split("/"), *values]
    if not is_open:
        # There a token may stand where others have a user or a host.
        opaque += [user_information.partition(":")[0], *([] if "." in name else [name])]
    return (
        bool(user_information.partition(":")[2])
        or bool(_PASSWORD.match(place))
        or bool(_KEYS_OF_SECRETS.search(query))
        or (not is_open and bool(port) and not port.isdigit())
        or (_is_hook(name) and bool(path.rpartition("/")[2]))
        or any(map(_is_token, opaque))
    )


def _is_hook(host: str) -> bool:
    return any(host.lower() == each or host.lower().endswith(f".{each}") for each in _HOOK_HOSTS)


def _is_token(part: str) -> bool:
    """Whether a part of an address looks drawn by lot: long, letters and digits mixed within a
    word. `desk-alerts-production-v2` does not; neither does `k8s-production-alerts`."""
    if len(part) < _SHORTEST_TOKEN or not re.fullmatch(r"[\w.~+=%:-]+", part, re.ASCII):
        return False
    words = re.split(r"[^A-Za-z0-9]+", part)
    return any(len(word) > 4 and _LETTERS_IN_DIGITS.search(word) for word in words)


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """The text with known secrets and everything that looks like one hidden."""
    if secrets:
        for secret in sorted((s for s in secrets if s), key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
    # Nearly every text has nothing to hide, and each alert has a dozen of them.
    if "mechexo_" in text:
        text = _OWN_TOKEN.sub(rf"mechexo_\1_{HIDDEN}", text)
    if "://" in text:
        text = _USER_AND_PASSWORD.sub(HIDDEN, text)
    if "=" in text and _KEYS_OF_SECRETS.search(text):
        text = _KEYS_OF_SECRETS.sub(rf"\1\3{HIDDEN}", text)
    return text
