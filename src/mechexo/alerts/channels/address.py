"""A channel's address with its secrets filled in, and how to keep them out of every text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mechexo.alerts.channels.mailbox import SCHEME, is_mailbox, mailbox_path
from mechexo.alerts.text import clean
from mechexo.config import ChannelSettings, redact
from mechexo.config.addresses import (
    SHORTEST_PIECE,
    credentials,
    fill_address,
    forms,
    secrets_of_references,
)

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
    resolved = fill_address(channel.url, root)
    if is_mailbox(resolved):
        path = mailbox_path(resolved, root)
        inside = not Path(resolved[len(SCHEME) :]).expanduser().is_absolute()
        return Address("file", str(path), inside, ())
    secrets = [*secrets_of_references(channel.url, root), *credentials(resolved)]
    found = {form for form in forms(secrets) if len(form) >= SHORTEST_PIECE}
    return Address("apprise", resolved, False, tuple(found))
