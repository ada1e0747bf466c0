"""Reading and checking mechexo.toml."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from mechexo.config import validated
from mechexo.config.finding import FILE_NAME as FILE_NAME
from mechexo.config.finding import find_config as find_config
from mechexo.config.models import Settings
from mechexo.config.plain_secrets import plain_secret
from mechexo.config.references import wrong_references
from mechexo.config.secrets import literal_secret, redact
from mechexo.errors import ConfigError, close_names

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_MOST_SAID = 8
"""How much of what is wrong one line tells."""


def load_settings(path: Path) -> Settings:
    """Reads and checks a configuration file.

    Raises:
        ConfigError: it cannot be read, is not TOML, or does not fit; all misfits are named.
    """
    try:
        source = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    known = validated.recall(path, source)
    if known is not None:
        return known
    import tomllib

    try:
        document = tomllib.loads(source.decode())
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from error
    except RecursionError:
        raise ConfigError(f"{path}: is nested too deeply") from None
    settings = check_settings(document, path)
    validated.remember(path, source, settings)
    return settings


def check_settings(document: Mapping[str, Any], path: Path) -> Settings:
    """Checks a document that was read from `path`."""
    from pydantic import TypeAdapter, ValidationError

    try:
        settings = TypeAdapter(Settings).validate_python(document)
    except ValidationError as error:
        raise ConfigError(describe_misfits(error, Settings, path)) from None
    for name, channel in settings.channels.items():
        if channel.url and "://" not in channel.url and "${" not in channel.url:
            raise ConfigError(
                f"{path}: [channels.{name}] url is no address: expected one like "
                "mailtos://..., json://... or file://..."
            )
        if (channel.url and literal_secret(channel.url)) or _plain(channel.token):
            key = "token" if _plain(channel.token) else "url"
            raise ConfigError(
                f"{path}: [channels.{name}] {key} holds a secret in plain text; write it as "
                "${env:NAME} or ${file:path} instead"
            )
    if settings.watchdog.url and literal_secret(settings.watchdog.url):
        raise ConfigError(
            f"{path}: [watchdog] url holds a secret in plain text; write it as ${{env:NAME}} or "
            "${file:path} instead"
        )
    for name, ci in settings.ci.items():
        # What has neither is no address, which is said below.
        is_address = "://" in ci.base_url or "${" in ci.base_url
        if _plain(ci.token) or (is_address and literal_secret(ci.base_url)):
            key = "token" if _plain(ci.token) else "base_url"
            raise ConfigError(
                f"{path}: [ci.{name}] {key} holds a secret in plain text; write it as "
                "${env:NAME} or ${file:path} instead"
            )
    if wrong := list(wrong_references(settings)):
        raise ConfigError(_all_of(path, wrong))
    for name, probe in settings.probes.items():
        if found := plain_secret(probe.options):
            raise ConfigError(
                f"{path}: [probes.{name}] {found}; write the secret as ${{env:NAME}} or "
                "${file:path} instead"
            )
    if found := plain_secret({"database": settings.rollback.flags.database}):
        raise ConfigError(
            f"{path}: [rollback.flags] {found}; write the secret as ${{env:NAME}} or "
            "${file:path} instead"
        )
    return settings


def _plain(secret: str) -> bool:
    return bool(secret) and not secret.startswith("${")


def describe_misfits(
    error: ValidationError, model: type, path: Path, table: Iterable[str] = ()
) -> str:
    """Words for what pydantic found: file, table, key, value, expectation, close names."""
    found = error.errors(include_url=False)
    return _all_of(path, [_describe(detail, model, tuple(table)) for detail in found])


def _all_of(path: Path, wrong: Sequence[str]) -> str:
    """What is wrong in a file, which is named once; of very much the first."""
    said = "; ".join(wrong[:_MOST_SAID])
    more = len(wrong) - _MOST_SAID
    return f"{path}: {said}; and {more} more" if more > 0 else f"{path}: {said}"


def _describe(detail: ErrorDetails, model: type, above: tuple[str, ...]) -> str:
    steps = tuple(str(step) for step in detail["loc"])
    *tables, key = (*above, *steps)
    where = f"[{'.'.join(tables)}] {key}" if tables else f"[{key}]"
    match detail["type"]:
        case "missing":
            return f"{where} is missing"
        case "extra_forbidden" | "unexpected_keyword_argument":
            return f"{where} is unknown; {close_names(key, _keys_at(model, steps[:-1]))}"
        case _:
            expected = detail["msg"].removeprefix("Value error, ")
            return f"{where} = {_shown(detail['input'])}: expected {_lower_first(expected)}"


def _shown(value: object) -> str:
    """The value as it may be repeated: short, and without what looks like a secret."""
    text = redact(repr(value))
    return text if len(text) <= 80 else text[:79] + "…"


def _lower_first(text: str) -> str:
    for opening in ("Input should be ", "String should ", "List should "):
        text = text.removeprefix(opening)
    return text[:1].lower() + text[1:]


def _keys_at(model: type, steps: tuple[str, ...]) -> list[str]:
    """The keys that the table under `steps` may have."""
    current: Any = model
    for step in steps:
        keys = _keys(current)
        if keys:
            current = keys.get(step)
        else:
            current = (get_args(current) or (None,))[-1]
    return sorted(_keys(current))


def _keys(table: Any) -> dict[str, Any]:
    """A table's keys with their types: a dataclass of ours, or a probe kind's pydantic model."""
    if dataclasses.is_dataclass(table):
        hints = get_type_hints(table)
        return {each.name: hints[each.name] for each in dataclasses.fields(table)}
    described: Mapping[str, Any] = getattr(table, "model_fields", {})
    return {name: each.annotation for name, each in described.items()}
