"""Addresses of sources: `scheme://user:password@host:port/path?name=value&query=SELECT ...`.

A secret in one is a reference (`${env:NAME}`); it is resolved where it is used, and what an error
shows is the text with the reference in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mechexo.config.secrets import redact, resolve_references
from mechexo.errors import ConfigError
from mechexo.value_classes import dataclass

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_REFERENCE = re.compile(r"\$\{[^}]*\}")
_QUERY = re.compile(r"(?:^|&)query=", re.ASCII)
_PARAMETERS = re.compile(r"\?(?=[A-Za-z_][A-Za-z0-9_.-]*=)")
_SECRET_NAME = re.compile(r"(?i)password|passwd|pwd|secret|token|_key|^key$|apikey|^sas$")
_MARK = "\ue000{}\ue001"
_MARKED = re.compile("\ue000(\\d+)\ue001")


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed address. Its parts still hold their references; `resolved` gives them without."""

    text: str
    setting: str
    scheme: str
    user: str
    password: str
    host: str
    port: int | None
    path: str
    """Without its first slash, so that a relative path has three slashes and an absolute four."""
    parameters: Mapping[str, str]
    query: str
    """What follows `query=`, up to the end, as it stands; empty without one."""

    @property
    def where(self) -> str:
        """What an error calls the source."""
        return f"[costs] {self.setting}"

    def wrong(self, expected: str) -> ConfigError:
        """The refusal of an address that lacks a part."""
        return ConfigError(f"{self.where} = {redact(self.text)!r}: write {expected}")

    def refuse_unknown(self, known: tuple[str, ...]) -> None:
        """Refuses parameters that nobody would read.

        Raises:
            ConfigError: naming the parameter.
        """
        for name in self.parameters:
            if name not in known:
                raise ConfigError(
                    f"{self.where}: the parameter {name!r} is unknown; known: {', '.join(known)}"
                )

    def resolved(self, text: str, root: Path) -> str:
        """A part of the address with its references replaced by what they refer to.

        Raises:
            ConfigError: a reference cannot be resolved.
        """
        return resolve_references(text, root)

    def secrets(self, root: Path) -> tuple[str, ...]:
        """Everything that references in the address stand for: what an error must not show."""
        found = _REFERENCE.findall(self.text)
        return tuple(resolve_references(each, root) for each in found)

    def file(self, root: Path) -> Path:
        """The path, from the desk's folder when it is relative."""
        return root / Path(self.path).expanduser()


def parse_address(text: str, setting: str) -> Address:
    """Takes an address apart. Values are percent-decoded, the query and references are not.

    Raises:
        ConfigError: the text is no address, or a secret stands in it in plain text.
    """
    references: list[str] = []

    def mark(match: re.Match[str]) -> str:
        references.append(match.group(0))
        return _MARK.format(len(references) - 1)

    def unmarked(part: str) -> str:
        return _MARKED.sub(lambda match: references[int(match.group(1))], unquote(part))

    place, rest = _parted(_REFERENCE.sub(mark, text))
    try:
        parts = urlsplit(place.replace("?", "%3F").replace("#", "%23"))
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"[costs] {setting} = {redact(text)!r} is no address: {error}") from None
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    found = _QUERY.search(rest)
    query = rest[found.end() :] if found else ""
    given = rest[: found.start()] if found else rest
    parameters = {
        unmarked(name): unmarked(value.replace("+", " "))
        for name, _, value in (pair.partition("=") for pair in given.split("&") if pair)
    }
    for name, value in [("password", unmarked(password)), *parameters.items()]:
        if value and _SECRET_NAME.search(name) and not _REFERENCE.fullmatch(value):
            raise ConfigError(
                f"[costs] {setting}: {name} stands in plain text; write a reference like "
                "${env:NAME} or ${file:path} instead"
            )
    return Address(
        text=text,
        setting=setting,
        scheme=parts.scheme.lower(),
        user=unmarked(user),
        password=unmarked(password),
        host=unmarked(parts.netloc.rpartition("@")[2].partition(":")[0]),
        port=port,
        path=unmarked(parts.path.removeprefix("/")),
        parameters=parameters,
        query=_MARKED.sub(lambda match: references[int(match.group(1))], query).strip(),
    )


def _parted(text: str) -> tuple[str, str]:
    """The place, and its parameters: what follows the first `?name=`, for a `?` may be a glob's."""
    found = _PARAMETERS.search(text)
    return (text[: found.start()], text[found.end() :]) if found else (text, "")
