"""Kinds of orchestrator that other packages add."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from mechexo import plug_ins
from mechexo.errors import ConfigError
from mechexo.flows.orchestrators import kinds, prefect


def added(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """As if a package that is installed had the kind `own`."""
    entry = EntryPoint("own", value, kinds.KINDS.group)
    monkeypatch.setattr(
        plug_ins, "entry_points", lambda group: [entry] if group == kinds.KINDS.group else []
    )


def test_a_package_can_add_a_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    added(monkeypatch, "mechexo.flows.orchestrators.prefect")
    assert kinds.find_kind("own") is prefect.connect


@pytest.mark.parametrize("name", sorted(kinds.KINDS.built_in))
def test_our_own_kinds_can_be_connected_to(name: str) -> None:
    assert callable(kinds.find_kind(name))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("no.such.module", "cannot be loaded"),
        ("mechexo.flows.orchestrators.values", "must have connect"),
    ],
)
def test_a_kind_that_is_broken_is_told(
    monkeypatch: pytest.MonkeyPatch, value: str, words: str
) -> None:
    added(monkeypatch, value)
    with pytest.raises(ConfigError, match=words):
        kinds.find_kind("own")


def test_an_added_kind_is_among_the_close_names(monkeypatch: pytest.MonkeyPatch) -> None:
    added(monkeypatch, "mechexo.flows.orchestrators.prefect")
    with pytest.raises(ConfigError, match="did you mean own"):
        kinds.find_kind("owns")
