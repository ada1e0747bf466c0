"""Finding, reading and checking mechexo.toml."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mechexo.config.models import Settings
from mechexo.config.secrets import literal_secret
from mechexo.errors import ConfigError

FILE_NAME = "mechexo.toml"


def user_config_path() -> Path:
    """Where a user's own configuration lies when no other is named."""
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "mechexo" / FILE_NAME


def find_config(named: Path | None = None) -> Path:
    """The configuration to use: the one named, `$MECHEXO_CONFIG`, `./mechexo.toml`, the user's.

    Raises:
        ConfigError: there is none; the text says where it was looked for.
    """
    from_environment = os.environ.get("MECHEXO_CONFIG")
    chosen = named or (Path(from_environment) if from_environment else None)
    if chosen is not None:
        if not chosen.is_file():
            raise ConfigError(f"{chosen}: no such configuration file; make one with: mechexo init")
        return chosen.resolve()
    places = (Path(FILE_NAME), user_config_path())
    for place in places:
        if place.is_file():
            return place.resolve()
    looked = " or ".join(str(place) for place in places)
    raise ConfigError(
        f"no configuration: looked for {looked}; make one with: mechexo init, or try: mechexo demo"
    )


def load_settings(path: Path) -> Settings:
    """Reads and checks a configuration file.

    Raises:
        ConfigError: it cannot be read, is not TOML, or does not fit; all misfits are named.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from error
    return check_settings(document, path)


def check_settings(document: Mapping[str, Any], path: Path) -> Settings:
    """Checks a document that was read from `path`."""
    try:
        settings = Settings.model_validate(document)
    except ValidationError as error:
        raise ConfigError(describe_misfits(error, Settings, path)) from None
    for name, channel in settings.channels.items():
        if literal_secret(channel.url):
            raise ConfigError(
                f"{path}: [channels.{name}] url holds a secret in plain text; write it as "
                "${env:NAME} or ${file:path} instead"
            )
    return settings


def describe_misfits(
    error: ValidationError, model: type[BaseModel], path: Path, table: Iterable[str] = ()
) -> str:
    """Words for what pydantic found: file, table, key, value, expectation, close names."""
    return "; ".join(
        _describe(detail, model, path, tuple(table)) for detail in error.errors(include_url=False)
    )


def _describe(
    detail: ErrorDetails, model: type[BaseModel], path: Path, above: tuple[str, ...]
) -> str:
    steps = tuple(str(step) for step in detail["loc"])
    *tables, key = (*above, *steps)
    where = f"{path}: [{'.'.join(tables)}] {key}" if tables else f"{path}: [{key}]"
    match detail["type"]:
        case "missing":
            return f"{where} is missing"
        case "extra_forbidden":
            known = _keys_at(model, steps[:-1])
            close = difflib.get_close_matches(key, known, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(known)}"
            return f"{where} is unknown; {hint}"
        case _:
            expected = detail["msg"].removeprefix("Value error, ")
            return f"{where} = {detail['input']!r}: expected {_lower_first(expected)}"


def _lower_first(text: str) -> str:
    for opening in ("Input should be ", "String should ", "List should "):
        text = text.removeprefix(opening)
    return text[:1].lower() + text[1:]


def _keys_at(model: type[BaseModel], steps: tuple[str, ...]) -> list[str]:
    """The keys that the table under `steps` may have."""
    current: Any = model
    for step in steps:
        if isinstance(current, type) and issubclass(current, BaseModel):
            current = (
                current.model_fields[step].annotation if step in current.model_fields else None
            )
        else:
            arguments = getattr(current, "__args__", ())
            current = arguments[-1] if arguments else None
    if isinstance(current, type) and issubclass(current, BaseModel):
        return sorted(current.model_fields)
    return []
