"""A job's sign of life. Apart from the other operations: every job that ends loads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo.config.secrets import redact
from mechexo.errors import UsageError
from mechexo.health import check_in_records

if TYPE_CHECKING:
    from mechexo.quick_desk import JobDesk

_LONGEST_JOB = 100
_LONGEST_DETAIL = 400


def check_in(desk: JobDesk, job: str, *, ok: bool = True, detail: str = "") -> None:
    """Records that a job is alive, and whether it went well.

    Raises:
        UsageError: the job's name is empty or too long.
    """
    name = job_name(job)
    said = " ".join(redact(detail).split())[:_LONGEST_DETAIL]
    with desk.state.write() as transaction:
        check_in_records.save(transaction, name, desk.clock.now(), ok=ok, detail=said)


def job_name(job: str) -> str:
    """A job's name as it is stored.

    Raises:
        UsageError: it is empty, too long or cannot be shown.
    """
    name = job.strip()
    if not name or len(name) > _LONGEST_JOB or not name.isprintable():
        raise UsageError(f"a job's name has 1 to {_LONGEST_JOB} printable letters, not {job!r}")
    return name
