"""Reading `[probes.*]`: each probe with its kind and its checked options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError

from mechexo.config import ProbeSettings, Settings, redact
from mechexo.config.loading import describe_misfits
from mechexo.errors import ConfigError
from mechexo.health.context import ConfiguredProbe
from mechexo.health.kinds import find_kind

_HEADERS_OF_SECRETS = frozenset(
    {"authorization", "cookie", "proxy-authorization", "x-api-key", "x-auth-token"}
)


def load_probes(settings: Settings, config_path: Path) -> tuple[ConfiguredProbe, ...]:
    """The configured probes, in the order of the file.

    Raises:
        ConfigError: a kind is unknown, or its keys do not fit; names `[probes.NAME]` and the key.
    """
    return tuple(_load(name, each, config_path) for name, each in settings.probes.items())


def _load(name: str, settings: ProbeSettings, path: Path) -> ConfiguredProbe:
    where = f"{path}: [probes.{name}]"
    try:
        kind = find_kind(settings.kind)
    except ConfigError as error:
        raise ConfigError(f"{where} kind: {error}") from error
    # First of all, because an error shows the value that it is about.
    _refuse_literal_secrets(settings.options, where)
    try:
        options = kind.options_model.model_validate(settings.options)
    except ValidationError as error:
        raise ConfigError(redact(_misfits(error, kind.options_model, path, name))) from None
    return ConfiguredProbe(name, settings, kind, options)


def _misfits(error: ValidationError, model: type, path: Path, name: str) -> str:
    whole = [each for each in error.errors(include_url=False) if not each["loc"]]
    if whole:
        # About several keys at once: there is no single value to show.
        expected = "; ".join(each["msg"].removeprefix("Value error, ") for each in whole)
        return f"{path}: [probes.{name}] needs {expected}"
    return describe_misfits(error, model, path, table=("probes", name))


def _refuse_literal_secrets(options: Mapping[str, object], where: str) -> None:
    instead = "write the secret as ${env:NAME} or ${file:path} instead"
    for key, value in options.items():
        if isinstance(value, str) and "://" in value and _password(value):
            raise ConfigError(f"{where} {key} holds a password in plain text; {instead}")
        if key == "headers" and isinstance(value, Mapping):
            for header, content in value.items():
                if str(header).lower() in _HEADERS_OF_SECRETS and "${" not in str(content):
                    raise ConfigError(f"{where} headers.{header} is in plain text; {instead}")


def _password(url: str) -> bool:
    try:
        password = urlsplit(url).password
    except ValueError:
        return False
    return bool(password) and "${" not in (password or "")
