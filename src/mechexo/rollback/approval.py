"""The second person: somebody else than who made a plan signs its digest with their SSH key.

What is stored proves nothing by itself. Each time it counts, the signature is checked again against
the signers' file as it is then: a key that was taken away approves of nothing any more.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mechexo.actor import Role
from mechexo.errors import ConfigError, ConflictError, NotAllowedError, UsageError
from mechexo.rollback import approval_records, signatures
from mechexo.rollback.approval_records import Approval
from mechexo.rollback.operations import plan_by_id
from mechexo.rollback.values import Plan
from mechexo.times import format_duration
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from datetime import datetime

    from mechexo.desk import Desk

CONFIRMED_BY = 8
"""So many first characters of a plan's digest, at least, say that it was read."""
_PATTERN_SIGNS = frozenset("*?!")


@dataclass(frozen=True, slots=True)
class Judged:
    """A stored approval, and why it does not count; empty when it does."""

    approval: Approval
    why_not: str


def signed_words(plan: Plan) -> bytes:
    """What is signed under a plan: one line, so that it can be signed on another machine too."""
    return f"{plan.id} {plan.digest}\n".encode("ascii")


def signing_command(plan: Plan) -> str:
    """The command that makes the signature on another machine, for a person to copy."""
    words = signed_words(plan).decode().strip()
    return f"echo {words} | ssh-keygen -Y sign -n {signatures.NAMESPACE} -f KEY > approval.sig"


def approve(
    desk: Desk,
    plan_id: str,
    digest: str,
    *,
    key: Path | None = None,
    signature: str = "",
    reason: str = "",
) -> Approval:
    """Approves of a plan that somebody else made.

    `digest` is the plan's, or its beginning, which the person has read. `key` is a private key, or
    a public one whose private part the agent holds; the person's own when None. A `signature` that
    was made elsewhere comes instead of a key.

    Raises:
        NotFoundError: there is no such plan.
        NotAllowedError: the role is too low, the digest is not the plan's, the person made the
            plan, or the signature is not one of a key that may approve of just this plan.
        ConflictError: the plan expired.
        UsageError: there is no key, the signature is none, or a live desk was given no reason.
        ConfigError: no signers' file is configured, or it cannot be trusted.
        UnreachableError: OpenSSH is not installed.
    """
    plan = plan_by_id(desk, plan_id)
    desk.require("rollback.approve", plan.target, Role.OPERATOR)
    if desk.is_live and not reason.strip():
        # Said before a passphrase is asked for.
        raise UsageError("rollback.approve on a live desk needs a reason: add --reason TEXT")
    signers, now = signers_of(desk), desk.clock.now()
    _refuse_late(plan, now)
    given = digest.strip().lower()
    if len(given) < CONFIRMED_BY or not plan.digest.startswith(given):
        raise NotAllowedError(
            f"{digest!r} is not the digest of plan {plan.id}; give its first {CONFIRMED_BY} "
            f"characters, as mechexo rollback show {plan.id} prints it"
        )
    if desk.actor.name == plan.made_by:
        raise NotAllowedError(f"{plan.made_by} made plan {plan.id}; somebody else must approve it")
    made = signatures.read(signature) if signature else _signed(plan, signers, key)
    names = signatures.principals(made, signers, now)
    principal = names[0] if names else ""
    approval = Approval(plan.id, plan.digest, now, desk.actor.name, principal, made)
    if why_not := _why_not(approval, plan, signers, now):
        raise NotAllowedError(f"plan {plan.id} is not approved: {why_not}")
    standing = {each.principal: each for each in valid_approvals(desk, plan)}
    with desk.operation(
        "rollback.approve", plan.target, needs=Role.OPERATOR, reason=reason
    ) as operation:
        if principal in standing:
            # Once is enough: the first one stays.
            operation.unchanged = True
            return standing[principal]
        approval_records.insert(operation.transaction, approval)
        operation.details.update(plan=plan.id, digest=plan.digest, principal=principal)
    return approval


def judged(desk: Desk, plan: Plan) -> tuple[Judged, ...]:
    """All approvals of a plan, oldest first, each with why it does not count now.

    Raises:
        ConfigError: no signers' file is configured, or it cannot be trusted.
        UnreachableError: OpenSSH is not installed.
    """
    stored = approval_records.of_plan(desk.state, plan.id)
    if not stored:
        return ()
    signers, now = signers_of(desk), desk.clock.now()
    return tuple(Judged(each, _why_not(each, plan, signers, now)) for each in stored)


def valid_approvals(desk: Desk, plan: Plan) -> tuple[Approval, ...]:
    """The approvals of a plan that count now.

    Raises:
        ConfigError, UnreachableError: as `judged`.
    """
    return tuple(each.approval for each in judged(desk, plan) if not each.why_not)


def require_approval(desk: Desk, plan: Plan) -> Approval:
    """The approval that lets a plan be applied.

    Raises:
        NotAllowedError: there is none that counts; the text says why each does not.
        ConfigError, UnreachableError: as `judged`.
    """
    found = judged(desk, plan)
    for each in found:
        if not each.why_not:
            return each.approval
    why = "; ".join(dict.fromkeys(each.why_not for each in found))
    raise NotAllowedError(
        f"plan {plan.id} needs a second person{f' ({why})' if why else ''}; they approve with: "
        f"mechexo rollback approve {plan.id}"
    )


def signers_of(desk: Desk) -> Path:
    """The file of those who may approve.

    Raises:
        ConfigError: none is configured, it is not there, or others may write it.
    """
    configured = desk.settings.rollback.signers
    if not configured:
        raise ConfigError(
            f"{desk.config_path}: [rollback] signers is not set; name the file of the keys that "
            "may approve, one line each: NAME KEYTYPE KEY"
        )
    signers = desk.path(configured)
    signatures.refuse_open_to_others(signers)
    return signers


def _signed(plan: Plan, signers: Path, key: Path | None) -> str:
    if key is not None:
        return signatures.sign(signed_words(plan), key)
    with signatures.own_key(signers) as own:
        return signatures.sign(signed_words(plan), own)


def _refuse_late(plan: Plan, now: datetime) -> None:
    if why := _why_late(plan, now):
        raise ConflictError(f"{why}; make it again with: mechexo rollback plan")


def _why_late(plan: Plan, now: datetime) -> str:
    if plan.expires_at is None:
        return f"plan {plan.id} is of a version that cannot be applied"
    if now > plan.expires_at:
        return f"plan {plan.id} expired {format_duration(now - plan.expires_at)} ago"
    return ""


def _why_not(approval: Approval, plan: Plan, signers: Path, now: datetime) -> str:
    """Why an approval does not let a plan be applied now; empty when it does."""
    if why := _why_late(plan, now):
        return why
    if (approval.plan_id, approval.digest) != (plan.id, plan.digest):
        return f"it approves of plan {approval.plan_id} with another digest"
    if approval.actor == plan.made_by:
        return f"{plan.made_by}, who made the plan, handed it in"
    names = signatures.principals(approval.signature, signers, now)
    if not names:
        return f"no key that {signers.name} allows made the signature"
    if any(_PATTERN_SIGNS & set(name) for name in names):
        return f"{signers.name} has the key for {', '.join(names)}, which names no one person"
    words = signed_words(plan)
    if not signatures.verify(approval.signature, words, names[0], signers, now):
        return f"the signature of {names[0]} is not one of this plan, or was made for other ends"
    if _is_of(plan.made_by, approval.signature, names, words, signers, now):
        return f"the key is that of {plan.made_by}, who made the plan"
    return ""


def _is_of(
    person: str,
    signature: str,
    names: tuple[str, ...],
    words: bytes,
    signers: Path,
    now: datetime,
) -> bool:
    """Whether a key is a person's own, also under a second name or as the address of theirs."""
    own = person.casefold()
    if any(own in (name.casefold(), name.casefold().partition("@")[0]) for name in names):
        return True
    return signatures.verify(signature, words, person, signers, now)
