"""A channel's address with its secrets filled in, and how to keep them out of every text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from mechexo.alerts.channels.mailbox import SCHEME, is_mailbox, mailbox_path
from mechexo.alerts.text import clean
from mechexo.config import ChannelSettings, redact, resolve_references

_REFERENCE = re.compile(r"\$\{[^}]+\}")
# What stands in the address of other schemes is a token as likely as not.
_OPEN_SCHEMES = frozenset({"http", "https", "json", "jsons", "xml", "xmls", "form", "forms"})
_MAIL_SCHEMES = frozenset({"mailto", "mailtos"})
_PUBLIC_PARAMETERS = frozenset(
    {"from", "to", "cc", "bcc", "name", "mode", "overflow", "format", "cto", "rto", "method"}
)
_SHORTEST_SECRET = 4
DETAIL_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Address:
    """Where a channel's messages really go. Never stored, logged or shown."""

    kind: str
    """`file` or `apprise`."""
    resolved: str
    make_folder: bool
    """Whether the mailbox's folder may be made: only when it lies in the desk's own."""
    secrets: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Address({self.kind})"

    def harmless(self, text: str) -> str:
        """The text, short, in one line and without any secret of this address."""
        # Before the cut, which could leave half a secret that is no longer recognised.
        return clean(redact(clean(text), self.secrets), DETAIL_LIMIT)


def address_of(channel: ChannelSettings, root: Path) -> Address:
    """Resolves a channel's address; `root` is the desk's folder.

    Raises:
        ConfigError: a reference cannot be resolved, or a mailbox names no file.
    """
    resolved = resolve_references(channel.url, root)
    if is_mailbox(resolved):
        path = mailbox_path(resolved, root)
        inside = not Path(resolved[len(SCHEME) :]).expanduser().is_absolute()
        return Address("file", str(path), inside, ())
    references = tuple(
        resolve_references(reference, root) for reference in _REFERENCE.findall(channel.url)
    )
    found = {
        form
        for secret in (*references, *_secrets_in(resolved))
        for form in (secret, unquote(secret), quote(secret, safe=""), quote(secret))
        if len(form) >= _SHORTEST_SECRET
    }
    return Address("apprise", resolved, False, tuple(found))


def _secrets_in(url: str) -> list[str]:
    """Every part of an address that may be a credential; rather one too many."""
    scheme = url.partition("://")[0].lower()
    rest = "http://" + url.partition("://")[2]
    try:
        parts = urlsplit(rest)
    except ValueError:
        return [url]
    found = [
        value for name, value in parse_qsl(parts.query) if name.lower() not in _PUBLIC_PARAMETERS
    ]
    user_information, _, host = parts.netloc.rpartition("@")
    user, _, password = user_information.partition(":")
    found += [user_information, password]
    if scheme in _OPEN_SCHEMES:
        # A webhook's path is often its only credential.
        found.append(parts.path.strip("/"))
    elif scheme not in _MAIL_SCHEMES:
        # A Telegram token stands where a host would, and its second half is the secret one.
        found += [user, host, *host.split(":"), *parts.path.split("/")]
    return [part for part in found if part]
