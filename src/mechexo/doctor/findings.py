"""What the doctor says about one thing."""

from __future__ import annotations

from pathlib import Path

from mechexo.access import barrier
from mechexo.health.values import Status
from mechexo.value_classes import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. A warning works for now; critical and unknown want mending.

    `mend` says what to do, and is empty when there is nothing to do.
    """

    check: str
    status: Status
    detail: str
    mend: str = ""

    @property
    def is_bad(self) -> bool:
        """Whether the doctor's answer as a whole is bad."""
        return self.status in (Status.CRITICAL, Status.UNKNOWN)


def well(check: str, detail: str) -> Finding:
    """Nothing to mend."""
    return Finding(check, Status.OK, detail)


def doubtful(check: str, detail: str, mend: str) -> Finding:
    """It works for now."""
    return Finding(check, Status.WARNING, detail, mend)


def wrong(check: str, detail: str, mend: str) -> Finding:
    """It does not work."""
    return Finding(check, Status.CRITICAL, detail, mend)


def kept_out(
    check: str, path: Path, *, read: bool = True, write: bool = False, about: str = ""
) -> Finding | None:
    """What keeps us from this file or folder, if anything does: whose it is, what to do."""
    found = barrier(path, read=read, write=write)
    return wrong(check, f"{about}{found}", found.mend) if found else None
