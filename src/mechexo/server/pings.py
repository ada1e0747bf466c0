"""Check-ins of jobs: `/ping/JOB`, and `/start`, `/fail` or an exit code after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo import jobs
from mechexo.errors import NotFoundError
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.desk import Desk

_WORDS = "nothing, start, fail, or an exit code from 0 to 255"


@dataclass(frozen=True, slots=True)
class Ping:
    """What a check-in says. `ok` is None for a start: how it goes is not known yet."""

    job: str
    ok: bool | None
    detail: str = ""


def read_ping(desk: Desk, job: str, what: str) -> Ping:
    """The check-in that a path stands for.

    Raises:
        NotFoundError: nothing expects the job, or the end of the path means nothing.
    """
    if why := jobs.why_unexpected(desk, job):
        raise NotFoundError(why)
    match what:
        case "":
            return Ping(job.strip(), True)
        case "start":
            return Ping(job.strip(), None)
        case "fail":
            return Ping(job.strip(), False)
    if what.isascii() and what.isdigit() and len(what) <= 3 and int(what) <= 255:
        return Ping(job.strip(), int(what) == 0, f"exit code {int(what)}" if int(what) else "")
    raise NotFoundError(f"after the job comes {_WORDS}")


def take(desk: Desk, ping: Ping, body: bytes) -> dict[str, object]:
    """Stores the check-in; `body` is what the job printed, of which the last line is kept."""
    from mechexo.output_tail import harmless, last_words

    words = last_words(harmless(body), ping.job)
    detail = ": ".join(filter(None, (ping.detail, words)))
    if ping.ok is None:
        jobs.start(desk, ping.job, detail=detail)
    else:
        jobs.ping(desk, ping.job, ok=ping.ok, detail=detail)
    return {"job": ping.job, "ok": ping.ok, "detail": detail}
