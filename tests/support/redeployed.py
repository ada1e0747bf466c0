"""A deployment that is deployed anew and put back, on a desk that has a Prefect."""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.flows.orchestrators import looking, redeploying, versions
from support.fake_prefect import FakePrefect

TCA = "tca-daily/prod"
MINUTE = timedelta(minutes=1)
SECRET = "canary-of-a-job"
BAD = {
    "version": "1.1.0",
    "entrypoint": "flows.py:tca_hourly",
    "parameters": {"n": 7, "venue": "XLON"},
    "job_variables": {"image": "desk:1.1", "env": {"API_KEY": SECRET}},
    "tags": ["tca", "new"],
    "work_queue_name": "slow",
    "pull_steps": None,
}


def later(desk: Desk) -> datetime:
    """A minute later."""
    assert isinstance(desk.clock, VirtualClock)
    desk.clock.advance(MINUTE)
    return desk.clock.now()


def look(desk: Desk) -> looking.Known:
    """Looks now, and keeps what was seen."""
    (known,) = looking.look(desk, deadline_s=60.0, force=True)
    return known


def deployed(prefect: FakePrefect) -> dict[str, Any]:
    """The deployment that is put back, as the server has it."""
    return prefect.deployments[0]


def numbers(desk: Desk) -> list[int]:
    """Of its versions that are kept, newest first."""
    return [one.number for one in versions.versions(desk, "prefect", TCA)]


def put_back(desk: Desk, number: int = 1, *, reason: str = "") -> redeploying.Redeployed:
    """Puts a version back, as planned just before."""
    plan = redeploying.plan_redeploy(desk, "prefect", TCA, number=number)
    return redeploying.redeploy(desk, plan, reason=reason)


def gone_bad(desk: Desk, prefect: FakePrefect) -> dict[str, Any]:
    """A look saw the deployment, somebody deployed it anew, a look saw that. What it was before."""
    look(desk)
    before = deepcopy(deployed(prefect))
    deployed(prefect).update(deepcopy(BAD))
    later(desk)
    look(desk)
    return before
