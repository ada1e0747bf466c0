"""Reading `[probes.*]`: each probe with its kind and its checked options."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from mechexo.config import ProbeSettings, Settings, redact
from mechexo.config.loading import describe_misfits
from mechexo.errors import ConfigError
from mechexo.health.context import ConfiguredProbe
from mechexo.health.kinds import find_kind


def load_probes(settings: Settings, config_path: Path) -> tuple[ConfiguredProbe, ...]:
    """The configured probes, in the order of the file.

    Raises:
        ConfigError: a kind is unknown, or its keys do not fit; names `[probes.NAME]` and the key.
    """
    return tuple(_load(name, each, config_path) for name, each in settings.probes.items())


def load_fitting(
    settings: Settings, config_path: Path
) -> tuple[tuple[ConfiguredProbe, ...], dict[str, str]]:
    """The probes whose configuration fits, and for each other one what is wrong with it."""
    fitting: list[ConfiguredProbe] = []
    misfits: dict[str, str] = {}
    for name, each in settings.probes.items():
        try:
            fitting.append(_load(name, each, config_path))
        except ConfigError as error:
            misfits[name] = str(error).removeprefix(f"{config_path}: ")
    return tuple(fitting), misfits


def _load(name: str, settings: ProbeSettings, path: Path) -> ConfiguredProbe:
    where = f"{path}: [probes.{name}]"
    try:
        kind = find_kind(settings.kind)
    except ConfigError as error:
        raise ConfigError(f"{where} kind: {error}") from error
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
