"""Whatever fails, and in whatever order: in the end one annotation each, as the records stand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conftest import ME, START
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.grafana.annotating import standing
from mechexo.grafana.rules import milliseconds
from mechexo.grafana_annotations import annotate
from mechexo.incidents import operations as incidents
from mechexo.incidents.values import IncidentStatus
from support.grafana_server import GrafanaServer, grafana_server, said

pytestmark = pytest.mark.slow

FAULTS: dict[str, Callable[[GrafanaServer], None]] = {
    "well": lambda server: None,
    "down": lambda server: setattr(server, "fault", (503, {}, b"")),
    "loses answers": lambda server: server.loses_answers.set(),
    "fails at writing": lambda server: server.faults.update(POST=(500, {}, b"")),
    "asks for patience when done": lambda server: setattr(
        server, "answers_instead", (503, {"Retry-After": "30"}, b"")
    ),
    "refuses": lambda server: server.faults.update(POST=said({"message": "no"}, 400)),
    "fails at looking": lambda server: server.faults.update(GET=(500, {}, b"")),
    "fails at changing": lambda server: server.faults.update(PATCH=(502, {}, b"")),
    "tells no number": lambda server: server.faults.update(POST=(200, {}, b"{}")),
}
STEPS = st.one_of(
    st.just("open"),
    st.tuples(st.sampled_from(["close", "reopen", "worse"]), st.integers(1, 3)),
    st.sampled_from(list(FAULTS)),
)


@settings(max_examples=40)
@given(st.lists(STEPS, min_size=3, max_size=14))
@example(steps=["open", "loses answers", "fails at changing"])
def test_one_annotation_each_as_the_records_stand(
    steps: list[str | tuple[str, int]],
) -> None:
    with grafana_server() as server, TemporaryDirectory() as folder:
        config = Path(folder) / "mechexo.toml"
        config.write_text(
            f'[desk]\nname = "test"\n[grafana]\nurl = "{server.url}"\ntoken = "${{file:token}}"\n'
        )
        (Path(folder) / "token").write_text("t0ken")
        server.token = "t0ken"
        clock = VirtualClock(START)
        desk = Desk.open(config, clock=clock, actor=ME)
        annotate(desk, deadline_s=60.0)
        count = 0
        for step in steps:
            clock.advance(timedelta(minutes=3))
            if step == "open":
                count += 1
                incidents.open_incident(desk, title=f"number {count}", severity="SEV2")
            elif isinstance(step, tuple):
                if step[1] <= count:
                    change(desk, *step)
            else:
                FAULTS[step](server)
                annotate(desk, deadline_s=60.0)
                mend(server)
        for _ in range(3):
            clock.advance(timedelta(hours=1))
            annotate(desk, deadline_s=60.0)
        desk.state.close()
        found = {each["tags"][-1]: each for each in server.annotations.values()}
        assert len(found) == len(server.annotations) == count
        for each in incidents.list_incidents(desk, all=True):
            there = found[f"mechexo:test-incident-{each.id}"]
            assert there["time"] == milliseconds(each.began_at)
            assert there["timeEnd"] == milliseconds(each.closed_at or each.began_at)
            assert f"({each.severity})" in there["text"]
        assert {each.state for each in standing(desk).notes} <= {"written"}
        desk.state.close()


def change(desk: Desk, what: str, number: int) -> None:
    match what:
        case "close":
            incidents.close(desk, number)
        case "reopen":
            incidents.set_status(desk, number, IncidentStatus.OPEN)
        case "worse":
            incidents.set_severity(desk, number, "SEV1")


def mend(server: GrafanaServer) -> None:
    server.fault = server.answers_instead = None
    server.faults.clear()
    server.loses_answers.clear()
