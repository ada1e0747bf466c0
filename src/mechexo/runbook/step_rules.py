"""What a step may do and how its run went. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mechexo.actor import Role
from mechexo.runbook.following_values import StepOutcome
from mechexo.runbook.values import Entry, Step

DEFAULT_TIMEOUT_S = 60
PLACEHOLDER = re.compile(r"<[A-Za-z][A-Za-z0-9 _.-]*>")
_ROLES = {role.label: role for role in Role}


def blocked(step: Step, steps: Sequence[Step]) -> str:
    """Why a step can never be run as it stands, whoever asks; empty when it can.

    Args:
        step: of the entry as the desk reads it, its variables filled in.
        steps: all steps of the entry.
    """
    if not step.id:
        return "it has no id, so it is for reading only"
    named = sum(each.id == step.id for each in steps)
    if named > 1:
        return f"the id {step.id} is used {named} times in its entry"
    if not step.command.strip():
        return "it has no command"
    if step.unset:
        names = ", ".join(f"${name}" for name in step.unset)
        return f"{names} {'is' if len(step.unset) == 1 else 'are'} not set in [runbook.variables]"
    if (found := PLACEHOLDER.search(step.command)) is not None:
        return f"its command still holds {found[0]}"
    try:
        re.compile(step.expect)
    except re.error as error:
        return f"its expect is no regular expression: {error}"
    return ""


def confirmation(step: Step) -> str:
    """What has to be said before a step runs: its id (`typed`), or `yes`."""
    return "typed" if step.risk == "danger" or step.confirm else "yes"


def needed_role(step: Step, entry: Entry) -> Role:
    """The lowest role that may run a step: responder to look, operator to change, and what the
    entry itself requires for a change if that is higher."""
    if step.risk == "read":
        return Role.RESPONDER
    # A role that we cannot read is the highest.
    wanted = _ROLES.get(entry.requires, Role.ADMIN) if entry.requires else Role.OPERATOR
    return max(Role.OPERATOR, wanted)


def limit_s(step: Step) -> int:
    """How long a step may run, in seconds."""
    return step.timeout_s or DEFAULT_TIMEOUT_S


def reads(entry: Entry, from_step: str = "") -> tuple[Step, ...]:
    """The steps that only look, in order: those that one confirmation lets run. With `from_step`,
    from that one on; none when it is not among them."""
    runnable = [
        step for step in entry.steps if step.id and step.risk == "read" and not step.confirm
    ]
    ids = [step.id for step in runnable]
    if from_step and from_step not in ids:
        return ()
    return tuple(runnable[ids.index(from_step) if from_step else 0 :])


def outcome(
    how: str, exit_code: int | None, exits: Sequence[int], *, expected: bool
) -> StepOutcome:
    """How a run went.

    Args:
        how: `ended` by itself, `timed_out`, `cancelled`, `not_started`, or `lost` when nobody saw
            its end.
        exit_code: of a run that ended by itself.
        exits: the exit codes of a good run.
        expected: whether the output is as the step expects it.
    """
    match how:
        case "ended" if exit_code in exits:
            return StepOutcome.OK if expected else StepOutcome.UNEXPECTED
        case "ended" | "not_started":
            return StepOutcome.FAILED
        case "timed_out":
            return StepOutcome.TIMED_OUT
        case "cancelled":
            return StepOutcome.CANCELLED
        case _:
            return StepOutcome.UNKNOWN
