"""The second person: whether there is one who could approve, and nobody who could do it alone."""

from __future__ import annotations

import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from mechexo.actor import Role
from mechexo.desk import Desk
from mechexo.doctor.findings import Finding, doubtful, well, wrong
from mechexo.errors import ConfigError

_CHECK = "second person"
_PATTERN_SIGNS = frozenset("*?!")


def second_person(desk: Desk) -> Iterator[Finding]:
    """Whether the approvals that the configuration asks for can be given, and mean something."""
    settings = desk.settings.rollback
    if not settings.signers:
        if settings.second_person:
            detail = f"{', '.join(settings.second_person)} need a second person, and nobody is one"
            yield wrong(_CHECK, detail, "name a file of public keys in [rollback] signers")
        return
    from mechexo.rollback import approval, signatures

    if not signatures.installed():
        yield wrong(_CHECK, "ssh-keygen is not in PATH: nothing can be approved", "install OpenSSH")
        return
    try:
        signers = approval.signers_of(desk)
        names = signatures.people(signers)
    except ConfigError as error:
        yield wrong(_CHECK, str(error), "correct [rollback] signers, or the file")
        return
    troubles = [*_few(names, signers), *_open(desk, signers)]
    yield from troubles
    if not troubles:
        yield well(_CHECK, f"{signers}: {', '.join(dict.fromkeys(names))} may approve")


def _few(names: tuple[str, ...], signers: Path) -> Iterator[Finding]:
    mend = f"give each person a line of their own in {signers}: NAME KEYTYPE KEY"
    patterns = [name for name in names if _PATTERN_SIGNS & set(name)]
    if patterns:
        detail = f"{signers} names {', '.join(patterns)}, which is no one person: it approves of "
        yield doubtful(_CHECK, f"{detail}nothing", mend)
    persons = {name for name in names if name not in patterns}
    if not persons:
        yield wrong(_CHECK, f"{signers} names nobody: nothing can be approved", mend)
    elif len(persons) == 1:
        detail = f"{signers} names {persons.pop()} only, who cannot approve of their own plans"
        yield doubtful(_CHECK, detail, mend)


def _open(desk: Desk, signers: Path) -> Iterator[Finding]:
    mend = "keep it where only root, or whoever answers for the desk, may write"
    folder = signers.resolve().parent
    mode = folder.stat().st_mode
    if mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX:
        detail = f"others may write {folder}, and so put another file in the place of {signers}"
        yield doubtful(_CHECK, detail, f"chmod go-w {shlex.quote(str(folder))}, or {mend}")
    elif desk.role < Role.ADMIN and signers.stat().st_uid == desk.actor.uid:
        detail = f"{signers} is {desk.actor.name}'s, who could so approve of their own plans"
        yield doubtful(_CHECK, detail, mend)
