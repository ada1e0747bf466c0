"""What is kept of a look at an orchestrator: read back as it was, or not at all."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.config.orchestrators import OrchestratorSettings
from mechexo.errors import UnreachableError
from mechexo.flows.orchestrators import keeping, rules, standings, values
from mechexo.flows.orchestrators.standings import DeploymentStanding, Look, Standing
from mechexo.flows.orchestrators.values import Deployment, OrchestratorRun, Phase
from mechexo.outside.values import LONGEST_VALUE

SETTINGS = OrchestratorSettings(kind="prefect", url="http://127.0.0.1:4200/api")
SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    datetime: st.integers(0, 4 * 10**15).map(
        lambda at: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
    ),
    str: st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    float: st.floats(0, 1e9),
    bool: st.booleans(),
    int: st.integers(),
}


def of(shape: Any) -> st.SearchStrategy[Any]:
    """Any value of a type, as the values of an orchestrator are made."""
    inner = [each for each in get_args(shape) if each not in (type(None), ...)]
    if is_dataclass(shape) and isinstance(shape, type):
        names = {**vars(values), **vars(rules), **vars(standings)}
        hints = get_type_hints(shape, names)
        return st.builds(shape, **{each.name: of(hints[each.name]) for each in fields(shape)})
    if get_origin(shape) is tuple:
        return st.lists(of(inner[0]), max_size=2).map(tuple)
    if inner:
        return st.none() | of(inner[0])
    return st.sampled_from(shape) if issubclass(shape, Enum) else SIMPLE[shape]


LOOKS = of(Look)


@given(LOOKS)
def test_a_look_is_read_back_as_it_was(look: Look) -> None:
    kept = keeping.to_text(SETTINGS, look)
    assert keeping.from_text(SETTINGS, kept, runs=True) == look
    assert keeping.from_text(SETTINGS, kept) == replace(look, runs=())


@pytest.mark.parametrize("other", [{"url": "http://127.0.0.1:1/api"}, {"token": "${env:OTHER}"}])
@given(look=LOOKS)
def test_what_was_kept_of_another_server_says_nothing_of_this_one(
    other: dict[str, str], look: Look
) -> None:
    kept = keeping.to_text(SETTINGS, look)
    assert keeping.from_text(replace(SETTINGS, **other), kept) is None  # type: ignore[arg-type]


def places(found: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in a JSON document."""
    items = found.items() if isinstance(found, dict) else enumerate(found)
    paths = []
    for key, value in items:
        paths.append((*path, key))
        if isinstance(value, dict | list):
            paths += places(value, (*path, key))
    return paths


@given(LOOKS, st.data())
def test_one_that_was_damaged_is_not_read_or_holds_values_of_their_types(
    look: Look, data: st.DataObject
) -> None:
    document = json.loads(keeping.to_text(SETTINGS, look))
    path = data.draw(st.sampled_from(places(document)))
    place = document
    for key in path[:-1]:
        place = place[key]
    wrong: Any = data.draw(st.sampled_from([None, True, 7, 0.5, "x", [], {}, [None]]))
    place[path[-1]] = wrong
    found = keeping.from_text(SETTINGS, json.dumps(document), runs=True)
    if found is not None:
        assert all(isinstance(run.phase, Phase) for run in found.runs)
        assert isinstance(found.standing.observed_at, datetime)
        assert keeping.from_text(SETTINGS, keeping.to_text(SETTINGS, found), runs=True) == found


@pytest.mark.parametrize("kept", [None, "", "{", "[]", "7", '{"version": 1}', "[" * 100_000])
def test_what_is_no_look_is_none(kept: str | None) -> None:
    assert keeping.from_text(SETTINGS, kept) is None


AT = datetime(2026, 3, 2, tzinfo=UTC)
RUN = OrchestratorRun(
    "r", "d", "n", Phase.COMPLETED, "Completed", AT, AT, AT, 1.0, 0.0, 0, "x" * 2000
)


def test_of_too_many_runs_the_newest_are_kept() -> None:
    runs = tuple(replace(RUN, id=str(number)) for number in range(2000))
    look = Look(Standing("p", AT, AT, True, ()), runs)
    kept = keeping.to_text(SETTINGS, look)
    assert len(kept) <= LONGEST_VALUE
    found = keeping.from_text(SETTINGS, kept, runs=True)
    assert found is not None
    assert found.runs == runs[: len(found.runs)]
    assert len(found.runs) > 100


def test_too_many_deployments_are_a_failure_that_is_told_not_a_part_of_them() -> None:
    one = DeploymentStanding(Deployment("d", "n" * 1000, False, ()), None, None, ())
    look = Look(Standing("p", AT, AT, False, (one,) * 1000), ())
    with pytest.raises(UnreachableError, match="1,000 deployments are too many to keep"):
        keeping.to_text(SETTINGS, look)
