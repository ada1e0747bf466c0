"""Plans from what a person sees: from the row of a state, and from an earlier plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.errors import UsageError
from mechexo.rollback import records
from mechexo.rollback.guards import OVERRIDES
from mechexo.rollback.making import Asked, make
from mechexo.rollback.operations import plan_by_id, store
from mechexo.times import iso_z

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.rollback.choosing import Moment
    from mechexo.rollback.values import Plan


def plan_to(desk: Desk, kind: str, name: str, moment: Moment | datetime) -> Plan:
    """The plan that would bring a target back to a state that it was in, or to what it was at a
    moment. The row of a state names its commit, so that no record has to tell which it was.

    Raises:
        MechexoError: as for `operations.plan_flow`, `plan_config` and `plan_flags`.
    """
    to = moment if isinstance(moment, datetime) else moment.to or desk.clock.now()
    commit = "" if isinstance(moment, datetime) else moment.last_commit
    return store(desk, make(desk, Asked(kind, name, iso_z(to), commit=commit)))


def plan_again(desk: Desk, plan_id: str, *, set_aside: Sequence[str] = ()) -> Plan:
    """A fresh plan for what an earlier one was asked, with what was set aside then and, beyond
    that, the guards in `set_aside`.

    Raises:
        NotFoundError: there is no such plan.
        UsageError: a guard of that name cannot be set aside, or the moment cannot be gone back to.
        MechexoError: as for the plan of before.
    """
    plan = plan_by_id(desk, plan_id)
    words = records.assumed_by(desk.state, plan.id).get("asked")
    if words is None:
        raise UsageError(f"plan {plan.id} is of a version that cannot be made again; ask anew")
    before = Asked(**{**words, "overrides": tuple(words["overrides"])})
    overrides = tuple(dict.fromkeys((*before.overrides, *set_aside)))
    return store(desk, make(desk, replace(before, overrides=overrides)))


def can_be_set_aside(plan: Plan) -> tuple[str, ...]:
    """The guards of a plan that do not hold and that a person may set aside by name."""
    return tuple(guard.name for guard in plan.held_back if guard.name in OVERRIDES)
