"""The example mechexo.toml documents every key, works as it stands, and in every sample."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from mechexo.config import ProbeSettings, Settings, load_settings
from mechexo.health.kinds import KINDS
from mechexo.health.operations import load_probes

EXAMPLE = Path(__file__).parents[2] / "mechexo.toml"
SAMPLE = re.compile(r"^#(?=[a-z\[])", re.MULTILINE)


@pytest.fixture
def uncommented(tmp_path: Path) -> Path:
    """The example with every sample line taken into use."""
    config = tmp_path / "mechexo.toml"
    config.write_text(SAMPLE.sub("", EXAMPLE.read_text()))
    return config


def test_it_works_as_it_stands(tmp_path: Path) -> None:
    config = tmp_path / "mechexo.toml"
    config.write_text(EXAMPLE.read_text())
    assert load_probes(load_settings(config), config)


def test_it_works_with_every_sample_in_use(uncommented: Path) -> None:
    settings = load_settings(uncommented)
    assert {probe.kind.name for probe in load_probes(settings, uncommented)} == set(KINDS.built_in)


def tables(table: Any) -> dict[str, Any]:
    """A table's keys and their types."""
    hints = get_type_hints(table)
    return {field.name: hints[field.name] for field in dataclasses.fields(table)}


@pytest.mark.parametrize("name", list(tables(Settings)))
def test_every_key_of_every_table_is_in_it(uncommented: Path, name: str) -> None:
    written = tomllib.loads(uncommented.read_text())[name]
    model = tables(Settings)[name]
    if not dataclasses.is_dataclass(model):
        # A table of tables: what any of them shows is shown.
        model = get_args(model)[-1]
        written = set().union(*written.values())
    assert set(tables(model)) - {"options"} <= set(written)
    for key, inner in tables(model).items():
        if dataclasses.is_dataclass(inner):
            assert set(tables(inner)) <= set(written[key])


@pytest.mark.parametrize("kind", sorted(KINDS.built_in))
def test_every_option_of_every_kind_of_probe_is_in_it(uncommented: Path, kind: str) -> None:
    probes = tomllib.loads(uncommented.read_text())["probes"].values()
    written = set().union(*(probe for probe in probes if probe["kind"] == kind))
    options = set(import_module(f"mechexo.health.kinds.{kind}").Options.model_fields)
    limits = {"warn_above", "critical_above", "warn_below", "critical_below"}
    assert options - limits <= written
    assert written <= options | set(tables(ProbeSettings))


def test_the_samples_of_plain_tables_show_the_defaults_where_there_is_one(
    uncommented: Path,
) -> None:
    settings = load_settings(uncommented)
    for name in ("refresh", "alerts", "cards", "uptime", "console"):
        assert getattr(settings, name) == type(getattr(settings, name))()


def test_it_holds_no_secret_and_no_path_of_a_machine() -> None:
    text = EXAMPLE.read_text()
    assert "/home/" not in text
    assert "/Users/" not in text
