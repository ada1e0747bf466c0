"""Secrets in addresses: filled in so that each stays in its place, and kept out of every text.

A password is written as it is, whatever signs it holds. Put bare into `user:PASSWORD@host` it would
be cut at its `@` or `/`, and the rest of it taken for the host: asked for by name, and shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from mechexo.config.secrets import resolve_references

SHORTEST_PIECE = 4
"""A piece of a secret that is shorter is no help to anybody, and is part of many a word."""

_REFERENCE = re.compile(r"\$\{[^}]+\}")
_DIVIDERS = re.compile(r"[@/:#?]")
_QUERY = re.compile(r"[?&]\w+=")
_MARK = "\0"
# Their paths are read as they stand.
_FILES = frozenset({"sqlite", "file"})
# What stands in the address of other schemes is a token as likely as not.
_OPEN_SCHEMES = frozenset({"http", "https", "json", "jsons", "xml", "xmls", "form", "forms"})
# Host and path are a place, and no secret.
_PLACE_SCHEMES = frozenset({"mailto", "mailtos", "postgresql", "postgres"})
_PUBLIC_PARAMETERS = frozenset(
    {"from", "to", "cc", "bcc", "name", "mode", "overflow", "format", "cto", "rto", "method"}
)


def fill_address(text: str, root: Path) -> str:
    """The address with its references filled in, each so that it stays where it was written.

    `root` is the folder that relative `${file:…}` paths start from.

    Raises:
        ConfigError: a reference cannot be resolved; the text names it, never a secret.
    """
    references = iter(_REFERENCE.findall(text))
    bare = _REFERENCE.sub(_MARK, text)
    scheme, dividing, rest = bare.partition("://")
    if scheme.lower() in _FILES:
        return resolve_references(text, root)
    if not dividing:
        # The first reference holds the scheme, and who knows what else.
        scheme, rest = "", bare
    place, question, query = rest.partition("?")
    authority, slash, path = place.partition("/")
    user_information, at, host = authority.rpartition("@")
    if not dividing:
        user_information, at, host, slash, path = "", "", place, "", ""

    def filled(part: str, safe: str | None) -> str:
        words = part.split(_MARK)
        for index in range(1, len(words)):
            secret = resolve_references(next(references), root)
            words[index] = (secret if safe is None else quote(secret, safe=safe)) + words[index]
        return "".join(words)

    return "".join(
        (
            filled(scheme, None) + dividing,
            filled(user_information, "") + at,
            filled(host, None) + slash,
            filled(path, "/:@!$&'()*+,;=~%") + question,
            filled(query, ""),
        )
    )


def secrets_of_references(text: str, root: Path) -> list[str]:
    """What the references in a text stand for, and the credentials of those that are addresses."""
    found = []
    for reference in _REFERENCE.findall(text):
        secret = resolve_references(reference, root)
        if secret != reference:  # else it is of no kind that is known, and text
            found += [secret, *credentials(secret)] if "://" in secret else [secret]
    return found


def credentials(url: str) -> list[str]:
    """Every part of an address that may be a credential; rather one too many."""
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    try:
        parts = urlsplit("http://" + rest)
        values = parse_qsl(parts.query)
    except ValueError:
        return [url]
    found = [value for name, value in values if name.lower() not in _PUBLIC_PARAMETERS]
    user_information, _, host = parts.netloc.rpartition("@")
    user, _, password = user_information.partition(":")
    found.append(password or user_information)
    # A password with a / or # in it ends the host's part too soon.
    before = _QUERY.split(rest, maxsplit=1)[0].rpartition("@")[0]
    found.append(before.partition(":")[2] or before)
    if scheme in _OPEN_SCHEMES:
        # A webhook's path is often its only credential.
        found.append(parts.path.strip("/"))
    elif scheme not in _PLACE_SCHEMES:
        # A Telegram token stands where a host would, and its second half is the secret one.
        found += [user, host, *host.split(":"), *parts.path.split("/")]
    return [part for part in found if len(part) >= SHORTEST_PIECE]


def forms(secrets: Iterable[str]) -> set[str]:
    """The secrets in every form in which a message may repeat them: as they are, encoded, and each
    piece between the signs that divide an address, for a mangled address is told in pieces."""
    return {form for secret in secrets for piece in _pieces(secret) for form in _spellings(piece)}


def _pieces(secret: str) -> Iterator[str]:
    yield secret
    for word in (secret, unquote(secret)):
        # The pieces of a whole address are its credentials, which are given beside it.
        if "://" not in word:
            yield from (piece for piece in _DIVIDERS.split(word) if len(piece) >= SHORTEST_PIECE)


def _spellings(text: str) -> Iterator[str]:
    yield from (text, unquote(text), quote(text, safe=""), quote(text))
    yield from (repr(text)[1:-1], json.dumps(text)[1:-1])
