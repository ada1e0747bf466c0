"""Asking others whether a rollback is good: the flow's own check, the desk, the orchestrator."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from mechexo.rollback.validating import run_command

if TYPE_CHECKING:
    from pathlib import Path

    from mechexo.desk import Desk

Say = Callable[[str, str, bool], None]
"""Notes a step: its name, what was found, whether that is well."""


def fault_found(
    desk: Desk, name: str, folder: Path | None, worse: Callable[[], tuple[str, ...]], say: Say
) -> str:
    """What the flow's own check in stub mode, or else a look at the desk, says against the files as
    they are now; empty when nothing does. A check that does not end in time is a fault."""
    flow = desk.settings.rollback.flows.get(name)
    if flow is not None and flow.check and folder is not None:
        ended = run_command(flow.check, folder, flow.check_timeout, {"MECHEXO_STUB": "1"})
        say("check", ended.in_words, ended.well)
        if not ended.well:
            return f"the check of {name} {ended.in_words}"
    if found := worse():
        say("ops_ok", "; ".join(found), False)
        return f"the desk got worse: {'; '.join(found)}"
    say("ops_ok", "no new reason against it", True)
    return ""


def has_redeploy(desk: Desk, name: str) -> bool:
    """Whether a flow has an orchestrator that must be told."""
    flow = desk.settings.rollback.flows.get(name)
    return flow is not None and bool(flow.redeploy)


def redeploy(desk: Desk, name: str, say: Say, *, plan_id: str, to: str) -> bool:
    """Tells the orchestrator of a flow's new files; whether it took them. Where there is no flow,
    or none of its own command, there is nothing to tell.

    In the command `{plan}` stands for the plan's id and `{to}` for the moment that was gone back
    to, ISO 8601; a commit that was named has none, and a command that asks for it is not run.
    """
    flow = desk.settings.rollback.flows.get(name)
    if flow is None or not flow.redeploy:
        return True
    folder = desk.path(desk.settings.rollback.repository)
    if not to and any("{to}" in word for word in flow.redeploy):
        say("redeploy", "a commit was named, so that {to} is no moment: redeploy by hand", False)
        return False
    words = [word.replace("{to}", to).replace("{plan}", plan_id) for word in flow.redeploy]
    # Unlike a check it talks to somebody, whose address and key may be in the environment. What of
    # us it calls works on this desk.
    environment = {**os.environ, "MECHEXO_CONFIG": str(desk.config_path)}
    ended = run_command(words, folder, flow.redeploy_timeout, environment)
    say("redeploy", ended.in_words, ended.well)
    return ended.well
