"""A plan that set a limit aside waits for a second person where the configuration says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from mechexo.actor import Actor
from mechexo.desk import Desk
from mechexo.errors import NotAllowedError
from mechexo.rollback import approval
from mechexo.rollback import operations as rollback
from mechexo.rollback.values import RunState
from rollback.approvers import Approvers
from rollback.carrying import carry_out
from rollback.histories import History, at

pytestmark = pytest.mark.slow


def test_what_was_set_aside_is_applied_only_with_an_approval_that_still_counts(
    make_desk: Callable[..., Desk], history: History
) -> None:
    desk = make_desk(
        '[access]\noperator = ["bob"]\n[rollback]\nrepository = "repo"\nconfigs = ["a"]\n'
        'second_person = ["limits"]\nsigners = "approvers"\n[rollback.limits]\nage = "1h"\n'
    )
    bob = replace(desk, actor=Actor(uid=4242, name="bob"))
    approvers = Approvers.begin(desk.root / "keys", desk.root / "approvers")
    approvers.allow("bob")
    history.commit({"a": "1\n"}, at(1))
    history.commit({"a": "2\n"}, at(2))
    plan = rollback.plan_config(desk, "a", to=at(1), overrides=["age"])
    assert [guard.name for guard in plan.held_back] == ["second person"]
    with pytest.raises(NotAllowedError, match="needs a second person"):
        carry_out(desk, plan)
    approval.approve(bob, plan.id, plan.digest, key=approvers.key("bob"))
    approvers.forget("bob")
    with pytest.raises(NotAllowedError, match="needs a second person"):
        carry_out(desk, plan)
    approvers.allow("bob")
    assert carry_out(desk, plan).state is RunState.APPLIED
