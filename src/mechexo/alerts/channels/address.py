"""A channel's address with its secrets filled in, and how to keep them out of every text."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import unquote

from mechexo.alerts.channels.mailbox import SCHEME, is_mailbox, mailbox_path
from mechexo.alerts.text import clean
from mechexo.config import ChannelSettings, redact, resolve_references
from mechexo.config.addresses import (
    SHORTEST_PIECE,
    credentials,
    fill_address,
    forms,
    secrets_of_references,
)
from mechexo.errors import ConfigError
from mechexo.value_classes import dataclass

DETAIL_LIMIT = 500

_PARTS = ("token", "account", "sender", "to", "api")
_NUMBER = re.compile(r"\+[1-9]\d{4,14}", re.ASCII)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a channel's messages really go. Never stored, logged or shown."""

    kind: str
    """`file`, `apprise`, `telegram` or `phone`."""
    resolved: str
    """The file or the Apprise address; empty for our own clients, which have `parts`."""
    make_folder: bool
    """Whether the mailbox's folder may be made: only when it lies in the desk's own."""
    secrets: tuple[str, ...]
    parts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """telegram, phone: token, account, sender, to, api, language."""

    def __repr__(self) -> str:
        return f"Address({self.kind})"

    def harmless(self, text: str) -> str:
        """The text, short, in one line and without any secret of this address."""
        # Before the cut, which could leave half a secret that is no longer recognised.
        return clean(redact(clean(text), self.secrets), DETAIL_LIMIT)


def address_of(channel: ChannelSettings, root: Path) -> Address:
    """Resolves a channel's address; `root` is the desk's folder.

    Raises:
        ConfigError: a reference cannot be resolved, a mailbox names no file, or a part of our own
            clients is not what it must be.
    """
    if channel.kind:
        return _own(channel, root)
    resolved = fill_address(channel.url, root)
    if is_mailbox(resolved):
        path = mailbox_path(resolved, root)
        inside = not Path(resolved[len(SCHEME) :]).expanduser().is_absolute()
        return Address("file", str(path), inside, ())
    secrets = [*secrets_of_references(channel.url, root), *credentials(resolved)]
    login = resolved.partition("://")[2].split("/")[0].rpartition("@")[0]
    secrets += [_as_header(unquote(login))] if login else []
    found = {form for form in forms(secrets) if len(form) >= SHORTEST_PIECE}
    return Address("apprise", resolved, False, tuple(found))


def _own(channel: ChannelSettings, root: Path) -> Address:
    written = {name: str(getattr(channel, name)) for name in _PARTS}
    parts = {name: resolve_references(text, root).strip() for name, text in written.items()}
    parts["language"] = channel.language
    secrets = [parts["token"], *credentials(parts["api"])]
    secrets.append(_as_header(f"{parts['account']}:{parts['token']}"))
    for text in written.values():
        secrets += secrets_of_references(text, root)
    if channel.kind == "phone":
        # Somebody's number is nobody else's business, however it is written.
        secrets += [parts["to"], parts["sender"]]
    _check(channel.kind, parts)
    found = {form for form in forms(secrets) if len(form) >= SHORTEST_PIECE}
    return Address(channel.kind, "", False, tuple(found), MappingProxyType(parts))


def _as_header(login: str) -> str:
    """A user and a password as the head of a request has them, which a service may repeat."""
    return b64encode(login.encode()).decode().rstrip("=")


def _check(kind: str, parts: Mapping[str, str]) -> None:
    """Finds what can never work. The words never repeat a value: it may be a secret."""
    wanted = ("token", "to") if kind == "telegram" else ("token", "account", "to", "sender")
    for name in wanted:
        if not parts[name]:
            raise ConfigError(f"the {kind} channel's {name} is empty: see what it refers to")
    if parts["api"] and not re.match(r"https?://[^/]", parts["api"]):
        raise ConfigError(f"the {kind} channel's api must begin with https://")
    if kind == "phone":
        for name in ("to", "sender"):
            if not _NUMBER.fullmatch(parts[name]):
                raise ConfigError(f"the phone channel's {name} must be a number like +15551234567")
        if not _LANGUAGE.fullmatch(parts["language"]):
            raise ConfigError("the phone channel's language must be a tag like en-GB")
