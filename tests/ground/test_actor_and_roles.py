"""Who acts is what the kernel says; what they may do is what the configuration says."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from mechexo.actor import Actor, Role, current_actor
from mechexo.desk import Desk
from mechexo.errors import NotAllowedError, UsageError

STRANGER = Actor(4_000_000, "stranger")


def test_the_environment_cannot_say_who_acts() -> None:
    lying = {"USER": "somebody", "LOGNAME": "somebody", "SUDO_USER": "hint"}
    actor = current_actor(lying)
    assert actor.uid == os.getuid()
    assert actor.name != "somebody"
    assert actor.as_record()["sudo_user"] == "hint"


def test_each_role_may_do_what_the_ones_before_it_may() -> None:
    assert sorted(Role) == [Role.VIEWER, Role.RESPONDER, Role.OPERATOR, Role.ADMIN]


@pytest.mark.parametrize("role", list(Role))
def test_a_role_is_given_by_name_or_by_number(make_desk: Callable[..., Desk], role: Role) -> None:
    for who in (STRANGER.name, str(STRANGER.uid)):
        desk = make_desk(f'[access]\n{role.label} = ["{who}"]', actor=STRANGER)
        assert desk.role is role


def test_the_highest_role_listed_counts(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk('[access]\nviewer = ["stranger"]\noperator = ["stranger"]', actor=STRANGER)
    assert desk.role is Role.OPERATOR


def test_who_is_not_listed_is_a_viewer_unless_said_otherwise(
    make_desk: Callable[..., Desk],
) -> None:
    assert make_desk(actor=STRANGER).role is Role.VIEWER
    assert make_desk('[access]\nothers = "responder"', actor=STRANGER).role is Role.RESPONDER


def test_the_owner_of_the_file_is_admin_unless_said_otherwise(
    make_desk: Callable[..., Desk],
) -> None:
    assert make_desk().role is Role.ADMIN
    assert make_desk("[access]\nowner_is_admin = false").role is Role.VIEWER


def test_a_live_desk_wants_a_reason(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(mode="live")
    with (
        pytest.raises(UsageError, match="--reason"),
        desk.operation("test.do", "it", needs=Role.VIEWER, reason="  "),
    ):
        pytest.fail("must not be reached")
    with desk.operation("test.do", "it", needs=Role.VIEWER, reason="because"):
        pass
    assert len(desk.audit_entries()) == 1


def test_a_role_too_low_stops_before_the_transaction(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(actor=STRANGER)
    with (
        pytest.raises(NotAllowedError),
        desk.operation("test.do", "it", needs=Role.RESPONDER),
    ):
        pytest.fail("must not be reached")


def test_the_state_file_may_lie_in_the_home_folder(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    text = desk.config_path.read_text().replace(
        'name = "test"', 'name = "test"\nstate = "~/m.sqlite"'
    )
    desk.config_path.write_text(text)
    assert Desk.open(desk.config_path).state.path == (desk.path("~/m.sqlite").resolve())
