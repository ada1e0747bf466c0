"""Who acts, and what their role lets them do."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Collection, Mapping
from enum import IntEnum

from mechexo.value_classes import dataclass


class Role(IntEnum):
    """What a person may do; each role may do all that the ones before it may."""

    VIEWER = 1
    RESPONDER = 2
    OPERATOR = 3
    ADMIN = 4

    @property
    def label(self) -> str:
        """The role's name as configured and shown."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Actor:
    """The person or job behind an operation.

    `uid` and `name` come from the kernel and the password database. `ssh_connection` and
    `sudo_user` are what the environment claims: hints for an investigator, never proof.
    """

    uid: int
    name: str
    ssh_connection: str = ""
    sudo_user: str = ""
    granted: Role | None = None
    """The role that came with what was shown (an API token); of persons `[access]` decides."""

    def as_record(self) -> dict[str, object]:
        """The actor as it is written into the audit log."""
        hints = {"ssh_connection": self.ssh_connection, "sudo_user": self.sudo_user}
        return {"uid": self.uid, "name": self.name} | {k: v for k, v in hints.items() if v}


def current_actor(environ: Mapping[str, str] | None = None) -> Actor:
    """The actor of this process, by its real uid: `$USER` and `$LOGNAME` can say anything."""
    env = os.environ if environ is None else environ
    uid = os.getuid()
    return Actor(uid, user_name(uid), env.get("SSH_CONNECTION", ""), env.get("SUDO_USER", ""))


def role_of(
    actor: Actor,
    listed: Callable[[Role], Collection[str]],
    *,
    owner: Callable[[], int] | None,
    others: Role,
) -> Role:
    """An actor's role: of a token the one it grants, and never more than responder; else the
    highest that lists the actor's name or uid; else admin for the `owner` (a uid, asked for only
    then), when there is one; else that of all `others`."""
    if actor.granted is not None:
        return min(actor.granted, Role.RESPONDER)
    for role in reversed(Role):
        if {actor.name, str(actor.uid)} & set(listed(role)):
            return role
    if owner is not None and owner() == actor.uid:
        return Role.ADMIN
    return others


def user_name(uid: int) -> str:
    """The user's name in the password database, or `uid-N`."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid-{uid}"
