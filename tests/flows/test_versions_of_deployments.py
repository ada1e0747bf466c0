"""Versions of a deployment, kept as ticks see them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from mechexo import what_changed
from mechexo.desk import Desk
from mechexo.errors import NotFoundError
from mechexo.flows.orchestrators import records, versions
from mechexo.flows.orchestrators.versions import Definition
from support.fake_prefect import CAPTURED, FakePrefect
from support.orchestrated_desk import desk_with
from support.redeployed import (
    MINUTE,
    SECRET,
    TCA,
    deployed,
    gone_bad,
    later,
    look,
    numbers,
    put_back,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch, prefect: FakePrefect
) -> Desk:
    return desk_with(make_desk, monkeypatch, prefect)


def test_each_look_keeps_the_definitions_that_changed_and_no_other(
    desk: Desk, prefect: FakePrefect
) -> None:
    look(desk)
    later(desk)
    look(desk)
    assert numbers(desk) == [1]
    deployed(prefect).update(version="1.1.0")
    seen = later(desk)
    look(desk)
    newest, first = versions.versions(desk, "prefect", TCA)
    assert (newest.number, newest.told, newest.seen_at) == (2, "1.1.0", seen)
    assert (first.number, first.told, first.seen_at) == (1, "1.0.0", CAPTURED)
    assert versions.what_changed(newest, first) == ("version",)


def test_what_is_no_part_of_a_definition_makes_no_version(desk: Desk, prefect: FakePrefect) -> None:
    look(desk)
    deployed(prefect).update(last_polled=None, paused=True, status="NOT_READY", schedules=[])
    look(desk)
    assert numbers(desk) == [1]


def test_a_deployment_can_be_named_by_its_flow(desk: Desk) -> None:
    look(desk)
    assert versions.versions(desk, "prefect", "tca")[0].deployment == TCA


def test_a_deployment_that_no_look_saw_has_no_versions(desk: Desk) -> None:
    with pytest.raises(NotFoundError, match="a tick keeps them"):
        versions.versions(desk, "prefect", TCA)
    look(desk)
    with pytest.raises(NotFoundError, match="did you mean tca-daily/prod"):
        versions.versions(desk, "prefect", "tca-daily/prd")


def test_an_answer_that_is_older_than_a_redeployment_makes_no_version(
    desk: Desk, prefect: FakePrefect
) -> None:
    gone_bad(desk, prefect)
    asked_at, answer = (
        desk.clock.now(),
        Definition.of(deployed(prefect)["id"], "", {"version": "x"}),
    )
    later(desk)
    put_back(desk)
    assert numbers(desk) == [3, 2, 1]
    versions.keep(desk, "prefect", [answer], {}, seen_at=asked_at)
    assert numbers(desk) == [3, 2, 1]


def test_the_version_that_stood_at_a_moment_can_be_named_by_it(
    desk: Desk, prefect: FakePrefect
) -> None:
    gone_bad(desk, prefect)
    kept = versions.versions(desk, "prefect", TCA)

    def at(moment: datetime) -> int:
        return versions.chosen(kept, as_of=moment).number

    assert at(CAPTURED) == at(CAPTURED + MINUTE - timedelta(seconds=1)) == 1
    assert at(CAPTURED + MINUTE) == at(CAPTURED + timedelta(days=30)) == 2
    with pytest.raises(NotFoundError, match="the oldest that is kept was seen first at"):
        at(CAPTURED - timedelta(seconds=1))


def test_of_one_deployment_only_the_newest_versions_are_kept(
    desk: Desk, prefect: FakePrefect
) -> None:
    number = records.MOST_OF_ONE + 5
    for at in range(number):
        deployed(prefect)["version"] = f"1.{at}.0"
        later(desk)
        look(desk)
    assert numbers(desk) == list(range(number, 5, -1))


def test_of_all_together_no_more_than_so_many_characters_are_kept_the_newest_of_each_first(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MOST_CHARACTERS", 500)
    for at in range(3):
        later(desk)
        kept = [Definition.of(one, str(at), {"x": "y" * 90, "at": at}) for one in ("a", "b", "c")]
        versions.keep(desk, "prefect", kept, {}, seen_at=desk.clock.now())
    found = records.versions_of(desk.state, "prefect")
    assert sum(len(one.definition) for one in found) <= 500
    assert {one.deployment_id for one in found if one.number == 3} == {"a", "b", "c"}


def test_a_definition_that_is_too_long_to_keep_is_said_on_the_card_and_alerts_work(
    desk: Desk, prefect: FakePrefect
) -> None:
    deployed(prefect)["parameters"] = {"n": "x" * versions.LONGEST}
    known = look(desk)
    assert known.look is not None
    assert known.look.note == f"too long to keep: the definition of {TCA}"
    assert known.look.standing.observations
    with pytest.raises(NotFoundError):
        versions.versions(desk, "prefect", TCA)


def test_a_changed_definition_is_in_the_time_line_of_an_alert_and_suspected(
    desk: Desk, prefect: FakePrefect
) -> None:
    from mechexo.alerts import operations as alerts
    from mechexo.alerts.values import Observation

    gone_bad(desk, prefect)
    later(desk)
    labels = {"card": "orchestrators", "flow": "tca"}
    alerts.observe(
        desk, [Observation("o", True, "high", "prefect_failing", "it fails", "test", labels)]
    )
    (alert,) = alerts.list_alerts(desk)
    found = what_changed.around_alert(desk, alert.id)
    (row,) = [each for each in found.rows if each.happening.key.startswith("definition:")]
    assert row.happening.what.startswith(f"{TCA} on prefect became version 2 (1.1.0): ")
    assert SECRET not in row.happening.what
    assert row.happening.flows == ("tca",)
    assert row.suspect is not None
    assert row.happening.no_remedy.endswith(f"mechexo flows redeploy {TCA} --source prefect --to 1")
    # The first that was seen of each of the others is no change.
    assert len([each for each in found.rows if each.happening.kind.value == "deployment"]) == 1
