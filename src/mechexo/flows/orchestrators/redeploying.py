"""Putting an earlier definition of a deployment back, where its orchestrator takes one.

What goes back is the definition: parameters, entrypoint, pull steps, image and variables of its
job, work pool. Code that lies on a disk is not in it. Whether the deployment is paused, and its
schedules, stay as they are: a person may have stopped it since.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mechexo.actor import Role
from mechexo.config.secrets import redact
from mechexo.errors import ConflictError, MechexoError, UsageError
from mechexo.flows.orchestrators import looking
from mechexo.flows.orchestrators.kinds import connect
from mechexo.flows.orchestrators.protocol import OutcomeUnknownError, Redeployable
from mechexo.flows.orchestrators.sending import Sending, send_on_record
from mechexo.flows.orchestrators.versions import (
    LONGEST,
    Definition,
    Version,
    changed_fields,
    chosen,
    digest_of,
    version_of,
    versions,
)
from mechexo.masking import masked
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.state import Transaction

AUDITED_AS = "flows.redeploy"
_TOGETHER = ({"work_pool_name", "work_queue_name"},)
"""Fields that mean something only together: when one of them goes back, all do."""


@dataclass(frozen=True, slots=True)
class Redeployment:
    """What putting a version back would change: a dry run. Making it changed nothing."""

    source: str
    deployment_id: str
    deployment: str
    number: int
    """Of the version that would be put back."""
    seen_at: datetime
    """When that version was seen first."""
    told: str
    """What that version called itself."""
    told_now: str
    digest_now: str
    """Of the definition as it was when this was made."""
    changed: tuple[str, ...]
    """The fields that would change, by name."""
    diff: str
    """From now to then, as unified text with secrets masked; empty when nothing would change."""


@dataclass(frozen=True, slots=True)
class Redeployed:
    """A version that was put back and read again."""

    plan: Redeployment
    note: str = ""
    """What must be known of the record of it; empty when it is in the audit log."""


def plan_redeploy(
    desk: Desk,
    source: str,
    deployment: str,
    *,
    number: int | None = None,
    as_of: datetime | None = None,
) -> Redeployment:
    """What putting a version back would change, with the deployment as it is defined now.

    Raises:
        NotFoundError: no such orchestrator, deployment or version.
        UsageError: several deployments are meant, no version is said, or its kind takes none.
        ConfigError, SourceError: it cannot be used, or not be read.
    """
    version = chosen(versions(desk, source, deployment), number=number, as_of=as_of)
    return _plan(version, _redeployable(desk, source).definition(version.deployment_id))


def redeploy(desk: Desk, plan: Redeployment, *, reason: str = "") -> Redeployed:
    """Puts the version back as it was planned, and reads the deployment again to see that it is so.

    Raises:
        NotAllowedError: the role is below operator; the refusal is in the audit log.
        UsageError: a live desk was given no reason.
        ConflictError: the deployment is defined otherwise than when it was planned.
        RefusedError: the orchestrator did not do it; nothing changed.
        OutcomeUnknownError: it may have been done, or the deployment is defined otherwise now.
        NotFoundError, SourceError, BusyError, StateError: nothing was asked.
    """
    target = f"{plan.source}: {plan.deployment}"
    desk.require(AUDITED_AS, target, Role.OPERATOR)
    if desk.is_live and not reason.strip():
        raise UsageError("flows redeploy on a live desk needs a reason: add --reason TEXT")
    version = chosen(versions(desk, plan.source, plan.deployment_id), number=plan.number)
    orchestrator = _redeployable(desk, plan.source)
    now = orchestrator.definition(plan.deployment_id)
    if now.digest != plan.digest_now:
        raise ConflictError(
            f"{plan.deployment} is defined otherwise now than when this was planned: look again"
        )
    if not plan.changed:
        return Redeployed(plan)
    fields = _to_send(now.fields, version.fields)
    sending = Sending(
        AUDITED_AS,
        target,
        {
            "source": plan.source,
            "to": plan.number,
            "before": now.digest,
            "wanted": version.digest,
            "fields": sorted(fields),
            "reason": reason,
            "role": desk.role.label,
        },
        "see how it is defined now: "
        f"mechexo flows redeploy {plan.deployment} --source {plan.source} --to {plan.number}",
    )

    def send() -> Definition:
        orchestrator.redefine(plan.deployment_id, fields)
        return _read_back(orchestrator, plan, fields)

    after, note = send_on_record(
        desk,
        sending,
        send,
        lambda found: {"after": found.digest},
        also=lambda transaction: _keep(transaction, plan, now, _seen_before(desk, plan)),
    )
    try:
        with desk.state.write() as transaction:
            _keep(transaction, plan, after, desk.clock.now())
    except MechexoError as error:
        # It is done; the next tick sees it, and keeps it.
        note = "; ".join(filter(None, (note, f"its new version is not kept yet: {error}")))
    return Redeployed(plan, note)


def _redeployable(desk: Desk, source: str) -> Redeployable:
    orchestrator = connect(desk, source)
    if not isinstance(orchestrator, Redeployable):
        kind = desk.settings.orchestrators[source].kind
        raise UsageError(f"{source} is of kind {kind}, which takes no earlier definition back")
    return orchestrator


def _plan(version: Version, now: Definition) -> Redeployment:
    changed = changed_fields(now.fields, version.fields)
    return Redeployment(
        source=version.source,
        deployment_id=version.deployment_id,
        deployment=version.deployment,
        number=version.number,
        seen_at=version.seen_at,
        told=version.told,
        told_now=now.told,
        digest_now=now.digest,
        changed=changed,
        diff=_diff(now.fields, version.fields, changed),
    )


def _to_send(now: Mapping[str, Any], then: Mapping[str, Any]) -> dict[str, Any]:
    names = set(changed_fields(now, then))
    for group in _TOGETHER:
        if names & group:
            names |= group & then.keys()
    return {name: then[name] for name in sorted(names)}


def _read_back(
    orchestrator: Redeployable, plan: Redeployment, fields: Mapping[str, Any]
) -> Definition:
    try:
        found = orchestrator.definition(plan.deployment_id)
    except MechexoError as error:
        raise OutcomeUnknownError(
            f"{plan.deployment} was given version {plan.number}, and could not be read again: "
            f"{error}"
        ) from error
    if unlike := changed_fields(found.fields, fields):
        raise OutcomeUnknownError(
            f"{plan.deployment} was given version {plan.number}, and is defined otherwise: "
            f"{', '.join(unlike)}"
        )
    return found


def _seen_before(desk: Desk, plan: Redeployment) -> datetime:
    """From when on a definition that no tick has seen counts: just after the last look, which saw
    another. So that who goes back to a moment before this redeployment finds it."""
    looked_at = {each.name: each.good_at for each in looking.known(desk)}.get(plan.source)
    return looked_at + timedelta(microseconds=1) if looked_at else desk.clock.now()


def _keep(
    transaction: Transaction, plan: Redeployment, found: Definition, seen_at: datetime
) -> None:
    """Keeps how it is defined, so that this can be taken back also when no tick has seen it."""
    from mechexo.flows.orchestrators import records

    known = records.newest(transaction, plan.source).get(plan.deployment_id)
    is_known = known is not None and known[0] == digest_of(found.text)
    if not is_known and len(found.text) <= LONGEST:
        version = version_of(plan.source, plan.deployment, found, seen_at)
        records.add(transaction, [version])


def _diff(now: Mapping[str, Any], then: Mapping[str, Any], changed: Sequence[str]) -> str:
    """Field by field, from now to then."""
    shown: list[str] = []
    for name in changed:
        before = _lines(name, now[name]) if name in now else []
        after = _lines(name, then[name])
        if before == after:
            shown.append(f"  {name}: differs only in secrets, which are not shown")
            continue
        found = difflib.unified_diff(before, after, lineterm="", n=2)
        # Without the names of files, and the numbers of lines, that there are none of.
        shown += [line for line in found if not line.startswith(("---", "+++", "@@"))]
    return "\n".join(shown)


def _lines(name: str, value: Any) -> list[str]:
    """A field as lines of JSON, its secrets hidden."""
    text = json.dumps({name: value}, indent=2, sort_keys=True, ensure_ascii=False)
    return [redact(line) for line in masked(text.splitlines()[1:-1])]
