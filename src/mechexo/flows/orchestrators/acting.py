"""Acting through an orchestrator: run now, retry, cancel, pause, resume.

An action is on record before it is sent, so that none is made which the audit log does not know;
and again when it is known what came of it, also when that is not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from mechexo.actor import Role
from mechexo.errors import ConflictError, NotAllowedError, UsageError
from mechexo.flows.orchestrators.kinds import connect
from mechexo.flows.orchestrators.operations import chosen_deployment, known
from mechexo.flows.orchestrators.sending import Sending, send_on_record, why
from mechexo.flows.orchestrators.values import ENDED, ON_RUNS, Accepted, Action, Phase
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.flows.orchestrators.protocol import Orchestrator


@dataclass(frozen=True, slots=True)
class Proposal:
    """An action as it would be done now: what there is to confirm."""

    source: str
    action: Action
    target: str
    """A deployment's name or a run's id: what a person types to confirm it."""
    target_id: str
    name: str
    """How people call it."""
    before: str
    """How it stands, in the orchestrator's words."""

    @property
    def words(self) -> str:
        """The action in one line."""
        return f"{self.action} of {self.name} on {self.source}, which is {self.before}"


@dataclass(frozen=True, slots=True)
class Done:
    """An action that the orchestrator took on."""

    proposal: Proposal
    accepted: Accepted
    note: str = ""
    """What must be known of the record of it; empty when it is in the audit log."""


class UnconfirmedError(NotAllowedError):
    """The action was not confirmed."""

    def __init__(self, proposal: Proposal) -> None:
        self.proposal = proposal
        super().__init__(f"{proposal.words}: not confirmed; add --yes")


def propose(desk: Desk, source: str, action: Action, target: str, *, reason: str = "") -> Proposal:
    """What an action would do: its target as it stands, and whether that can be asked for.

    Raises:
        NotAllowedError: the role is below operator; the refusal is in the audit log.
        UsageError: a live desk was given no reason.
        ConflictError: the target does not stand so that this can be done.
        NotFoundError, ConfigError, SourceError: as they say.
    """
    _check_right(desk, source, action, target, reason)
    return _proposal(desk, connect(desk, source), source, action, target)


def act(desk: Desk, proposal: Proposal, *, reason: str = "") -> Done:
    """Does what was proposed and confirmed.

    Raises:
        ConflictError: the target stands otherwise than when it was proposed.
        RefusedError: the orchestrator did not do it; nothing changed.
        OutcomeUnknownError: it may have been done; the text says where to look.
        NotAllowedError, UsageError, SourceError, BusyError, StateError: nothing was asked.
    """
    source, action = proposal.source, proposal.action
    _check_right(desk, source, action, proposal.target, reason)
    orchestrator = connect(desk, source)
    now = _proposal(desk, orchestrator, source, action, proposal.target_id)
    if now.before != proposal.before:
        raise ConflictError(
            f"{proposal.name} is {now.before} now, no longer {proposal.before}: look again"
        )
    key = f"mechexo-{uuid4()}"
    sending = Sending(
        _audit_name(action),
        f"{source}: {proposal.name}",
        {
            "source": source,
            "before": proposal.before,
            "reason": reason,
            "role": desk.role.label,
            "key": key,
        },
        _look(proposal),
    )
    accepted, note = send_on_record(
        desk,
        sending,
        lambda: _send(orchestrator, proposal, key, why(desk, reason)),
        lambda found: {"after": found.state, "run": found.run_id},
    )
    return Done(proposal, accepted, note)


def _look(proposal: Proposal) -> str:
    if proposal.action in (Action.PAUSE, Action.RESUME):
        asked = "deployments"
    else:
        asked = "runs"
    return f"see what became of it: mechexo flows {asked} --source {proposal.source}"


def _check_right(desk: Desk, source: str, action: Action, target: str, reason: str) -> None:
    desk.require(_audit_name(action), f"{source}: {target}", Role.OPERATOR)
    if desk.is_live and not reason.strip():
        raise UsageError(f"flows {action} on a live desk needs a reason: add --reason TEXT")


def _proposal(
    desk: Desk, orchestrator: Orchestrator, source: str, action: Action, target: str
) -> Proposal:
    if action in ON_RUNS:
        run = orchestrator.run(target)
        ended = run.phase in ENDED
        if action is Action.RETRY and (not ended or run.phase is Phase.COMPLETED):
            raise ConflictError(
                f"run {target} is {run.state}: only one that failed or was cancelled is retried"
            )
        if action is Action.CANCEL and ended:
            raise ConflictError(f"run {target} is {run.state}: it has ended already")
        name = f"run {run.name} ({run.id})" if run.name else f"run {run.id}"
        return Proposal(source, action, run.id, run.id, name, run.state)
    table = desk.settings.orchestrators[source]
    one = chosen_deployment(known(orchestrator, table), target, source)
    before = {True: "paused", False: "active", None: "in a state that is not told"}[one.paused]
    if (action, one.paused) in ((Action.PAUSE, True), (Action.RESUME, False)):
        raise ConflictError(f"{one.name} is {before} already")
    return Proposal(source, action, one.name, one.id, one.name, before)


def _send(orchestrator: Orchestrator, proposal: Proposal, key: str, why: str) -> Accepted:
    target = proposal.target_id
    match proposal.action:
        case Action.RUN_NOW:
            return orchestrator.run_now(target, key=key)
        case Action.RETRY:
            return orchestrator.retry(target, why=why)
        case Action.CANCEL:
            return orchestrator.cancel(target, why=why)
        case Action.PAUSE:
            return orchestrator.pause(target)
        case Action.RESUME:
            return orchestrator.resume(target)


def _audit_name(action: Action) -> str:
    return f"flows.{action.replace('-', '_')}"
