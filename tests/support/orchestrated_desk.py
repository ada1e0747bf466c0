"""Desks that have a Prefect, at the moment when its answers were captured."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from mechexo.actor import Actor
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from support.fake_prefect import CAPTURED, PASSWORD, USER, FakePrefect

LATE = "01a2083b-d895-7132-9a1f-c56145e61711"
RUNNING = "89119dc8-9e9e-4d9f-ac3e-8409d6238c8f"
FAILED = "abf600d4-5c72-4f47-bf3d-d67e5920bf56"
FAILED_BEFORE = "c9eb22ad-44fa-4c82-a70c-811dfbe09781"
COMPLETED = "545dbf98-324d-4d28-b37d-b49fcb5c19a2"
NOBODY = "00000000-0000-0000-0000-000000000000"

FLOWS = '[flows.tca]\nusual = "5m"\n'


def table(fake: FakePrefect, more: str = "") -> str:
    """The configuration of a desk that enters this server by its password."""
    return (
        f'{FLOWS}[orchestrators.prefect]\nkind = "prefect"\nurl = "{fake.url}"\nuser = "{USER}"\n'
        'password = "${env:PREFECT_PASSWORD}"\nlate_after = "1m"\nstuck_after = "3m"\n'
        f'flows = {{ "tca-daily/prod" = "tca" }}\n{more}'
    )


def desk_with(
    make_desk: Callable[..., Desk],
    monkeypatch: object,
    fake: FakePrefect,
    more: str = "",
    *,
    mode: str = "paper",
    actor: Actor | None = None,
) -> Desk:
    """A desk with this Prefect, its password in the environment, its clock at the capture."""
    monkeypatch.setenv("PREFECT_PASSWORD", PASSWORD)  # type: ignore[attr-defined]
    desk = make_desk(table(fake, more), mode=mode)
    return Desk.open(desk.config_path, clock=VirtualClock(CAPTURED), actor=actor or desk.actor)


def ended_well(prefect: FakePrefect, run_id: str, at: datetime) -> None:
    """Lets a run end well at a moment."""
    state = {"type": "COMPLETED", "name": "Completed", "message": ""}
    prefect.run(run_id).update(
        state_type="COMPLETED",
        state_name="Completed",
        state=state,
        start_time=at.isoformat(),
        end_time=at.isoformat(),
    )
