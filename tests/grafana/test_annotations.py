"""Annotations: one for each incident, written once, kept as our records stand, never in the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from conftest import START, MakeDesk
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import BusyError
from mechexo.grafana.annotating import MOST_AT_ONCE, standing, want
from mechexo.grafana.rules import MOST_REFUSALS, milliseconds
from mechexo.grafana.values import Wanted
from mechexo.grafana_annotations import annotate, wanted
from mechexo.incidents import operations as incidents
from mechexo.incidents.values import IncidentStatus
from mechexo.outside import Standing
from mechexo.state.lock_files import held
from support.grafana_server import TOKEN, GrafanaServer, said

MakeGrafanaDesk = Callable[[str], Desk]
MINUTE = timedelta(minutes=1)


def opened(desk: Desk, title: str = "Feed is stale", severity: str = "SEV2") -> int:
    return incidents.open_incident(desk, title=title, severity=severity).id


def the_only(server: GrafanaServer) -> dict[str, Any]:
    (found,) = server.annotations.values()
    return found


def told(desk: Desk) -> list[tuple[str, str]]:
    return [(each.subject, each.state) for each in standing(desk).notes]


def test_an_incident_that_opens_is_annotated_where_it_began(
    grafana_desk: Desk, server: GrafanaServer
) -> None:
    began = START - timedelta(minutes=7)
    incidents.open_incident(grafana_desk, title="Feed is stale", severity="SEV2", began_at=began)
    annotate(grafana_desk, deadline_s=5.0)
    found = the_only(server)
    assert found["time"] == milliseconds(began)
    assert found["text"] == "Incident 1 (SEV2): Feed is stale<br>mechexo incident show 1"
    assert found["tags"] == [
        *("mechexo", "incident", "SEV2", "desk:test"),
        "mechexo:test-incident-1",
    ]
    assert "timeEnd" not in server.asked("POST")[0][1]
    assert told(grafana_desk) == [("incident-1", "written")]


def test_its_end_makes_it_a_region(
    grafana_desk: Desk, server: GrafanaServer, clock: VirtualClock
) -> None:
    opened(grafana_desk)
    annotate(grafana_desk, deadline_s=5.0)
    clock.advance(90 * MINUTE)
    incidents.close(grafana_desk, 1)
    annotate(grafana_desk, deadline_s=5.0)
    assert the_only(server)["timeEnd"] == milliseconds(clock.now())
    assert "closed by tester" in the_only(server)["text"]
    assert [path for path, _ in server.asked("PATCH")] == ["/api/annotations/1"]


def test_one_that_goes_on_again_loses_its_end(
    grafana_desk: Desk, server: GrafanaServer, clock: VirtualClock
) -> None:
    opened(grafana_desk)
    clock.advance(MINUTE)
    incidents.close(grafana_desk, 1)
    annotate(grafana_desk, deadline_s=5.0)
    clock.advance(timedelta(days=9))
    incidents.set_status(grafana_desk, 1, IncidentStatus.OPEN)
    annotate(grafana_desk, deadline_s=5.0)
    assert the_only(server)["timeEnd"] == the_only(server)["time"]
    clock.advance(timedelta(days=9))
    incidents.close(grafana_desk, 1)
    annotate(grafana_desk, deadline_s=5.0)
    assert the_only(server)["timeEnd"] == milliseconds(clock.now())


def test_one_that_gets_worse_says_so(grafana_desk: Desk, server: GrafanaServer) -> None:
    opened(grafana_desk)
    annotate(grafana_desk, deadline_s=5.0)
    incidents.set_severity(grafana_desk, 1, "SEV1")
    annotate(grafana_desk, deadline_s=5.0)
    assert the_only(server)["text"].startswith("Incident 1 (SEV1)")
    assert "SEV1" in the_only(server)["tags"]


def test_what_stands_as_it_should_is_not_written_again(
    grafana_desk: Desk, server: GrafanaServer, clock: VirtualClock
) -> None:
    opened(grafana_desk)
    annotate(grafana_desk, deadline_s=5.0)
    count = len(server.requests)
    for _ in range(5):
        clock.advance(MINUTE)
        annotate(grafana_desk, deadline_s=5.0)
    assert len(server.requests) == count


def test_a_new_grafana_is_told_of_what_goes_on_and_not_of_what_is_over(
    make_grafana_desk: MakeGrafanaDesk, server: GrafanaServer, clock: VirtualClock
) -> None:
    desk = make_grafana_desk("")
    opened(desk, "long over")
    incidents.close(desk, 1)
    opened(desk, "goes on")
    clock.advance(MINUTE)
    for _ in range(3):
        annotate(desk, deadline_s=5.0)
        clock.advance(20 * MINUTE)
    assert "goes on" in the_only(server)["text"]


def test_the_same_grafana_under_another_address_gets_no_second_annotation(
    grafana_desk: Desk, make_desk: MakeDesk, server: GrafanaServer, clock: VirtualClock
) -> None:
    opened(grafana_desk)
    annotate(grafana_desk, deadline_s=5.0)
    moved = make_desk(f'[grafana]\nurl = "{server.url}/"\ntoken = "${{env:GRAFANA_TOKEN}}"\n')
    annotate(moved, deadline_s=5.0)
    assert len(server.annotations) == 1
    clock.advance(MINUTE)
    incidents.close(moved, 1)
    annotate(moved, deadline_s=5.0)
    assert the_only(server)["timeEnd"] == milliseconds(clock.now())


def test_one_that_opened_and_ended_between_two_ticks_is_annotated_whole(
    grafana_desk: Desk, server: GrafanaServer, clock: VirtualClock
) -> None:
    annotate(grafana_desk, deadline_s=5.0)
    clock.advance(MINUTE)
    opened(grafana_desk)
    clock.advance(MINUTE)
    incidents.close(grafana_desk, 1)
    clock.advance(timedelta(days=12))
    annotate(grafana_desk, deadline_s=5.0)
    assert server.asked("POST")[0][1]["timeEnd"] == milliseconds(START + 2 * MINUTE)


def test_severities_choose(make_grafana_desk: MakeGrafanaDesk, server: GrafanaServer) -> None:
    desk = make_grafana_desk('severities = ["SEV1"]\n')
    opened(desk, "mild", "SEV3")
    opened(desk, "bad", "SEV1")
    annotate(desk, deadline_s=5.0)
    assert "bad" in the_only(server)["text"]


def test_what_is_not_to_be_annotated_any_more_neither_waits_nor_keeps_others_back(
    make_grafana_desk: MakeGrafanaDesk, server: GrafanaServer, clock: VirtualClock
) -> None:
    before, after = make_grafana_desk(""), make_grafana_desk('annotate = ["incidents"]\n')
    annotate(before, deadline_s=5.0)
    rollbacks = [
        Wanted(f"rollback-{number}", START, START, "", ("mechexo",), f"mechexo:{number}")
        for number in range(MOST_AT_ONCE + 1)
    ]
    want(before, rollbacks)
    clock.advance(MINUTE)
    opened(after)
    assert told(after) == []
    annotate(after, deadline_s=5.0)
    assert told(after) == [("incident-1", "written")]


def test_with_nothing_to_annotate_nobody_is_asked(
    make_grafana_desk: MakeGrafanaDesk, server: GrafanaServer
) -> None:
    desk = make_grafana_desk("annotate = []\n")
    opened(desk)
    annotate(desk, deadline_s=5.0)
    assert server.requests == []


def test_one_dashboard_can_be_the_only_one(
    make_grafana_desk: MakeGrafanaDesk, server: GrafanaServer
) -> None:
    desk = make_grafana_desk('annotate_on = "board1"\n')
    opened(desk)
    annotate(desk, deadline_s=5.0)
    assert the_only(server)["dashboardUID"] == "board1"


def test_markup_and_secrets_in_a_title_stay_text_and_hidden(
    make_grafana_desk: MakeGrafanaDesk, server: GrafanaServer
) -> None:
    desk = make_grafana_desk('link = "https://ops.example.com/{kind}/{id}?a=1&b=2"\n')
    opened(desk, '<img src=x onerror="x()"> postgresql://me:hunter2hunter2@db password=hunter3')
    annotate(desk, deadline_s=5.0)
    text = the_only(server)["text"]
    assert "<img" not in text
    assert "hunter" not in text
    page = "https://ops.example.com/incident/1?a=1&amp;b=2"
    assert text.endswith(f'<br><a href="{page}" target="_blank">incident 1</a>')


# Grafana fails


def test_while_grafana_is_away_nothing_is_lost(
    grafana_desk: Desk, server: GrafanaServer, clock: VirtualClock
) -> None:
    server.fault = (502, {}, b"<html>bad gateway</html>")
    opened(grafana_desk)
    for _ in range(10):
        annotate(grafana_desk, deadline_s=5.0)
        clock.advance(MINUTE)
    assert told(grafana_desk) == [("incident-1", "failing")]
    assert standing(grafana_desk).standing is Standing.OPEN
    assert standing(grafana_desk).why == "answered 502"
    incidents.close(grafana_desk, 1)
    server.fault = None
    clock.advance(timedelta(hours=1))
    annotate(grafana_desk, deadline_s=5.0)
    assert the_only(server)["timeEnd"] > the_only(server)["time"]
    assert told(grafana_desk) == [("incident-1", "written")]


def test_an_answer_that_was_lost_makes_no_second_annotation(
    grafana_desk: Desk, server: GrafanaServer, clock: VirtualClock
) -> None:
    server.loses_answers.set()
    opened(grafana_desk)
    annotate(grafana_desk, deadline_s=5.0)
    assert len(server.annotations) == 1
    server.loses_answers.clear()
    clock.advance(2 * MINUTE)
    annotate(grafana_desk, deadline_s=5.0)
    assert len(server.annotations) == 1
    assert len(server.asked("POST")) == 1
    assert told(grafana_desk) == [("incident-1", "written")]


def test_a_proxy_that_asks_for_patience_after_the_work_was_done_makes_no_second_annotation(
    grafana_desk: Desk, server: GrafanaServer, clock: VirtualClock
) -> None:
    opened(grafana_desk)
    server.answers_instead = (503, {"Retry-After": "30"}, b"")
    annotate(grafana_desk, deadline_s=5.0)
    server.answers_instead = None
    clock.advance(2 * MINUTE)
    annotate(grafana_desk, deadline_s=5.0)
    assert len(server.annotations) == 1
    assert told(grafana_desk) == [("incident-1", "written")]


def test_one_that_did_not_arrive_is_looked_for_and_then_written(
    grafana_desk: Desk, server: GrafanaServer, clock: VirtualClock
) -> None:
    annotate(grafana_desk, deadline_s=5.0)
    server.faults["POST /api/annotations"] = (500, {}, b"")
    opened(grafana_desk)
    annotate(grafana_desk, deadline_s=5.0)
    server.faults.clear()
    clock.advance(2 * MINUTE)
    annotate(grafana_desk, deadline_s=5.0)
    assert len(server.annotations) == 1
    assert len(server.asked("GET", "tags=mechexo%3Atest-incident-1")) == 1


def test_one_of_another_desk_or_another_time_is_not_taken_for_ours(
    grafana_desk: Desk, server: GrafanaServer, clock: VirtualClock
) -> None:
    other = {"time": milliseconds(START) - 500, "timeEnd": milliseconds(START), "text": "old"}
    server.annotations[7] = {**other, "id": 7, "tags": ["mechexo:test-incident-1"]}
    server.faults["POST /api/annotations"] = (500, {}, b"")
    opened(grafana_desk)
    annotate(grafana_desk, deadline_s=5.0)
    server.faults.clear()
    clock.advance(2 * MINUTE)
    annotate(grafana_desk, deadline_s=5.0)
    assert server.annotations[7]["text"] == "old"
    assert len(server.annotations) == 2


def test_a_process_that_dies_while_it_writes_leaves_no_second_annotation(
    grafana_desk: Desk, server: GrafanaServer, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    opened(grafana_desk)
    with monkeypatch.context() as patch:
        patch.setattr("mechexo.grafana.annotating._record", dies)
        with pytest.raises(KeyboardInterrupt):
            annotate(grafana_desk, deadline_s=5.0)
    assert len(server.annotations) == 1
    clock.advance(2 * MINUTE)
    annotate(grafana_desk, deadline_s=5.0)
    assert len(server.annotations) == 1
    assert told(grafana_desk) == [("incident-1", "written")]


def test_a_token_without_the_right_is_said_and_tried_again(
    grafana_desk: Desk, server: GrafanaServer, clock: VirtualClock
) -> None:
    annotate(grafana_desk, deadline_s=5.0)
    refusal = {"message": f"You'll need additional permissions {TOKEN}"}
    server.faults["POST /api/annotations"] = said(refusal, 403)
    opened(grafana_desk)
    found = annotate(grafana_desk, deadline_s=5.0)
    assert "the token lacks a right" in found.why
    assert TOKEN not in found.why + found.notes[0].why
    server.faults.clear()
    clock.advance(2 * MINUTE)
    annotate(grafana_desk, deadline_s=5.0)
    assert len(server.asked("GET", "/api/annotations")) == 0
    assert len(server.annotations) == 1


def test_a_round_that_could_not_even_begin_is_stuck_and_never_well(
    grafana_desk: Desk, server: GrafanaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRAFANA_TOKEN")
    opened(grafana_desk)
    found = annotate(grafana_desk, deadline_s=5.0)
    assert told(grafana_desk) == [("incident-1", "waiting")]
    assert "GRAFANA_TOKEN" in found.why
    assert found.is_stuck


def test_one_that_only_waits_for_the_next_tick_is_not_stuck(
    grafana_desk: Desk, server: GrafanaServer
) -> None:
    annotate(grafana_desk, deadline_s=5.0)
    opened(grafana_desk)
    want(grafana_desk, wanted(grafana_desk))
    found = standing(grafana_desk)
    assert [each.state for each in found.behind] == ["waiting"]
    assert not found.is_stuck


@pytest.mark.slow
def test_one_that_grafana_refuses_keeps_no_other_back_and_is_given_up_in_the_end(
    grafana_desk: Desk, server: GrafanaServer, clock: VirtualClock
) -> None:
    opened(grafana_desk, "refused")
    server.faults["POST /api/annotations"] = said({"message": "bad request data"}, 400)
    annotate(grafana_desk, deadline_s=5.0)
    server.faults.clear()
    opened(grafana_desk, "taken")
    annotate(grafana_desk, deadline_s=5.0)
    assert "taken" in the_only(server)["text"]
    server.faults["POST /api/annotations"] = said({"message": "bad request data"}, 400)
    for _ in range(MOST_REFUSALS):
        clock.advance(timedelta(hours=2))
        annotate(grafana_desk, deadline_s=5.0)
    assert told(grafana_desk) == [("incident-2", "written"), ("incident-1", "given up")]
    count = len(server.requests)
    clock.advance(timedelta(hours=2))
    annotate(grafana_desk, deadline_s=5.0)
    assert len(server.requests) == count
    server.faults.clear()
    annotate(grafana_desk, deadline_s=5.0, force=True)
    assert told(grafana_desk) == [("incident-2", "written"), ("incident-1", "written")]


def test_what_somebody_removed_at_grafana_stays_removed(
    grafana_desk: Desk, server: GrafanaServer, clock: VirtualClock
) -> None:
    opened(grafana_desk)
    annotate(grafana_desk, deadline_s=5.0)
    server.annotations.clear()
    clock.advance(MINUTE)
    incidents.close(grafana_desk, 1)
    annotate(grafana_desk, deadline_s=5.0)
    incidents.set_status(grafana_desk, 1, IncidentStatus.OPEN)
    annotate(grafana_desk, deadline_s=5.0)
    assert told(grafana_desk) == [("incident-1", "gone")]
    assert server.annotations == {}


def test_another_annotation_that_has_its_number_by_now_is_not_overwritten(
    grafana_desk: Desk, server: GrafanaServer, clock: VirtualClock
) -> None:
    opened(grafana_desk)
    annotate(grafana_desk, deadline_s=5.0)
    theirs = {"id": 1, "time": 1, "timeEnd": 2, "text": "a release", "tags": ["deploy"]}
    server.annotations = {1: dict(theirs)}
    clock.advance(MINUTE)
    incidents.close(grafana_desk, 1)
    found = annotate(grafana_desk, deadline_s=5.0)
    assert server.annotations == {1: theirs}
    assert told(grafana_desk) == [("incident-1", "gone")]
    assert "belongs to another annotation" in found.notes[0].why


def test_a_proxy_that_finds_nothing_removes_nothing(
    grafana_desk: Desk, server: GrafanaServer, clock: VirtualClock
) -> None:
    opened(grafana_desk)
    annotate(grafana_desk, deadline_s=5.0)
    server.faults["PATCH"] = (404, {}, b"<html>no such site</html>")
    clock.advance(MINUTE)
    incidents.close(grafana_desk, 1)
    annotate(grafana_desk, deadline_s=5.0)
    assert told(grafana_desk) == [("incident-1", "failing")]


def test_a_rate_limit_is_obeyed(
    grafana_desk: Desk, server: GrafanaServer, clock: VirtualClock
) -> None:
    server.fault = (429, {"Retry-After": "300"}, b"")
    opened(grafana_desk)
    annotate(grafana_desk, deadline_s=5.0)
    clock.advance(2 * MINUTE)
    annotate(grafana_desk, deadline_s=5.0, force=True)
    assert len(server.requests) == 1


@pytest.mark.parametrize("answer", [b'{"message": "Annotation added"}', b"[]", b"<html>"])
def test_an_answer_without_a_number_is_no_success(
    grafana_desk: Desk, server: GrafanaServer, clock: VirtualClock, answer: bytes
) -> None:
    server.faults["POST /api/annotations"] = (200, {}, answer)
    opened(grafana_desk)
    annotate(grafana_desk, deadline_s=5.0)
    assert told(grafana_desk) == [("incident-1", "failing")]
    server.faults.clear()
    clock.advance(2 * MINUTE)
    annotate(grafana_desk, deadline_s=5.0)
    assert len(server.annotations) == 1


@pytest.mark.slow
def test_a_grafana_that_hangs_is_left_after_its_timeout_and_nothing_is_written_twice(
    make_grafana_desk: MakeGrafanaDesk, server: GrafanaServer, clock: VirtualClock
) -> None:
    desk = make_grafana_desk('timeout = "1s"\n')
    server.hangs.set()
    opened(desk)
    opened(desk, "the second")
    annotate(desk, deadline_s=5.0)
    assert told(desk) == [("incident-2", "waiting"), ("incident-1", "failing")]
    server.hangs.clear()
    clock.advance(timedelta(hours=1))
    annotate(desk, deadline_s=60.0)
    assert sorted(each["text"][:10] for each in server.annotations.values()) == [
        *("Incident 1", "Incident 2"),
    ]


def test_two_programs_do_not_write_at_once(grafana_desk: Desk, server: GrafanaServer) -> None:
    opened(grafana_desk)
    with held(f"{grafana_desk.state.path}.grafana", "test"), pytest.raises(BusyError):
        annotate(grafana_desk, deadline_s=5.0)
    assert server.requests == []


@pytest.mark.slow
def test_a_storm_is_written_in_rounds(
    grafana_desk: Desk, server: GrafanaServer, clock: VirtualClock
) -> None:
    for number in range(60):
        opened(grafana_desk, f"storm {number}")
    annotate(grafana_desk, deadline_s=60.0)
    assert len(server.annotations) == 50
    annotate(grafana_desk, deadline_s=60.0)
    assert len(server.annotations) == 60


def test_the_state_file_holds_no_secret(grafana_desk: Desk, server: GrafanaServer) -> None:
    opened(grafana_desk, "token=hunter2hunter2")
    annotate(grafana_desk, deadline_s=5.0)
    kept = grafana_desk.state.rows("SELECT * FROM grafana_annotation")
    assert TOKEN not in json.dumps([tuple(row) for row in kept])
