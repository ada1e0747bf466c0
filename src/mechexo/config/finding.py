"""Where mechexo.toml is. Loads nothing of what it means."""

from __future__ import annotations

import os
from pathlib import Path

from mechexo.errors import ConfigError

FILE_NAME = "mechexo.toml"


def user_config_path() -> Path:
    """Where a user's own configuration lies when no other is named."""
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    try:
        folder = Path(base).expanduser()
    except RuntimeError:
        folder = Path(base)  # The user has no home folder: it is named as it would be, not found.
    return folder / "mechexo" / FILE_NAME


def find_config(named: Path | None = None) -> Path:
    """The configuration to use: the one named, `$MECHEXO_CONFIG`, `./mechexo.toml`, the user's.

    Raises:
        ConfigError: there is none; the text says where it was looked for.
    """
    from_environment = os.environ.get("MECHEXO_CONFIG")
    chosen = named or (Path(from_environment) if from_environment else None)
    if chosen is not None:
        if not _is_file(chosen):
            raise ConfigError(f"{chosen}: no such configuration file; make one with: mechexo init")
        return chosen.resolve()
    places = (Path(FILE_NAME), user_config_path())
    for place in places:
        if _is_file(place):
            return place.resolve()
    looked = " or ".join(str(place) for place in places)
    raise ConfigError(
        f"no configuration: looked for {looked}; make one with: mechexo init, or try: mechexo demo"
    )


def config_place(named: Path | None = None) -> Path:
    """Where the configuration lies that would be used, or should lie when there is none."""
    try:
        return find_config(named)
    except ConfigError:
        from_environment = os.environ.get("MECHEXO_CONFIG")
        return (named or Path(from_environment or FILE_NAME)).absolute()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
