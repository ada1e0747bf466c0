"""The one table of actions, held to keys, footer, help and command line."""

from __future__ import annotations

import pytest

from mechexo.actor import Role
from mechexo_tui.actions import (
    ACTIONS,
    CHANGES,
    FLOWS,
    ROLLBACK,
    SCREENS,
    TEXTS,
    Action,
    Situation,
    action_for,
    actions_of,
    all_keys,
    command_words,
    completed,
    why_disabled,
)
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.screens.help import help_lines
from mechexo_tui.widgets.footer import footer_line
from mechexo_tui.widgets.lines import text_of

EVERYWHERE = [name for _, name, _, _ in SCREENS] + sorted(TEXTS | CHANGES | ROLLBACK | FLOWS)
FREE_OF_TMUX = {"ctrl+a", "ctrl+b", "ctrl+s", "ctrl+z", "ctrl+h", "ctrl+j", "ctrl+m"}


def at(screen: str, *, role: Role = Role.ADMIN, read_only: bool = False) -> Situation:
    return Situation(screen, role, "ada", read_only, alert_chosen=True)


@pytest.mark.parametrize("screen", EVERYWHERE)
def test_a_key_means_one_thing_on_a_screen(screen: str) -> None:
    keys = [key for action in actions_of(screen) for key in action.keys]
    assert sorted(keys) == sorted(set(keys))


def test_every_key_of_the_table_is_bound() -> None:
    assert {binding.key for binding in ConsoleScreen.BINDINGS} == set(all_keys())  # type: ignore[union-attr]


@pytest.mark.parametrize("screen", EVERYWHERE)
def test_the_help_names_every_action_of_the_screen(screen: str) -> None:
    text = "\n".join(text_of(shown) for shown in help_lines(at(screen), 120))
    assert all(action.text in text for action in actions_of(screen))


@pytest.mark.parametrize("screen", EVERYWHERE)
@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_footer_always_shows_the_help_and_the_way_out(screen: str, width: int) -> None:
    text = text_of(footer_line(at(screen), width))
    assert "? help" in text
    assert "q quit" in text or "q back" in text
    assert len(text) <= width


def test_no_key_is_one_that_tmux_or_job_control_takes() -> None:
    assert not FREE_OF_TMUX & set(all_keys())


@pytest.mark.parametrize("screen", EVERYWHERE)
def test_q_leads_out_of_every_screen(screen: str) -> None:
    action = action_for("q", screen)
    assert action is not None
    assert action.id in {"quit", "back"}


def test_every_screen_has_its_digit() -> None:
    assert [key for key, *_ in SCREENS] == list("1234567890")
    for key, name, _, _ in SCREENS:
        action = action_for(key, "costs")
        assert action is not None
        assert action.id == f"show-{name}"


CHANGING = [action for action in ACTIONS if action.changes]


@pytest.mark.parametrize("action", CHANGING, ids=lambda action: action.id)
def test_what_changes_the_desk_is_refused_read_only_and_to_viewers(action: Action) -> None:
    assert "read-only" in why_disabled(action, at("alerts", read_only=True))
    assert action.needs >= Role.RESPONDER
    assert action.needs.label in why_disabled(action, at("alerts", role=Role.VIEWER))
    below = Role(action.needs - 1)
    assert action.needs.label in why_disabled(action, at("alerts", role=below))
    assert why_disabled(action, at("alerts", role=action.needs)) == ""


def test_the_footer_leaves_out_what_needs_an_alert_when_none_is_chosen() -> None:
    nothing_chosen = Situation("overview", Role.ADMIN, "ada", False, alert_chosen=False)
    assert "a ack" not in text_of(footer_line(nothing_chosen, 120))


def test_the_command_line_knows_screens_and_deeds() -> None:
    words = command_words("overview")
    assert {"alerts", "costs", "home", "refresh", "report", "quit", "ack", "help"} <= set(words)


def test_completion_goes_as_far_as_it_is_sure() -> None:
    words = command_words("overview")
    assert completed("ov", words) == ("overview", ("overview",))
    sure, fitting = completed("r", words)
    assert sure == "r"
    assert {"refresh", "risk", "runbook"} <= set(fitting)
    assert completed("zzz", words) == ("zzz", ())
