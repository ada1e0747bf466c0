"""What the rest of the house asks of CI: looking, and what is known.

`standings` reads the state file alone and imports nothing heavy; httpx is imported by `look`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo.flows.ci import keeping
from mechexo.flows.ci.rules import badges, silent_workflows
from mechexo.flows.ci.values import CiLook, CiStanding
from mechexo.outside import Reading, ask_all, readings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mechexo.config import CiSettings
    from mechexo.desk import Desk

PREFIX = "ci:"


def look(desk: Desk, *, deadline_s: float, force: bool = False) -> tuple[CiStanding, ...]:
    """Asks every repository that is due and may be asked, and returns what is known of all.

    Ends within about `deadline_s` seconds, whatever hangs. `force`: also those not due, or left
    alone for their failures; a rate limit is obeyed all the same.

    Raises:
        BusyError, StateError: what they said could not be kept.
    """
    from mechexo.flows.ci.source import CiSource

    sources = [CiSource(name, each, desk.root).source for name, each in desk.settings.ci.items()]
    found = ask_all(
        desk.state,
        desk.clock,
        sources,
        prefix=PREFIX,
        deadline_s=deadline_s,
        tick=desk.settings.refresh.tick,
        force=force,
    )
    return _standings(desk.settings.ci, found)


def try_out(desk: Desk, name: str) -> CiLook:
    """Asks one configured repository now and keeps nothing: for whoever mends its table.

    Raises:
        HeldError: it is not to be asked before a moment.
        UnreachableError: there is no good answer; the text holds no secret.
    """
    from mechexo.flows.ci.source import CiSource

    settings = desk.settings.ci[name]
    answer = CiSource(name, settings, desk.root).source.try_out(desk.clock.now())
    return keeping.from_text(settings, answer.value) or CiLook(())


def standings(desk: Desk) -> tuple[CiStanding, ...]:
    """What is known of each configured repository, in the order of the file. Asks nobody."""
    configured = desk.settings.ci
    if not configured:
        return ()
    named = [(PREFIX + name, budget_of(each)) for name, each in configured.items()]
    return _standings(configured, readings(desk.state, desk.clock, named, prefix=PREFIX))


def budget_of(settings: CiSettings) -> str:
    """What shares a rate limit: the same token at the same place. The reference, no secret."""
    return f"{settings.kind} {settings.base_url} {settings.token}"


def _standings(
    configured: Mapping[str, CiSettings], found: Mapping[str, Reading]
) -> tuple[CiStanding, ...]:
    return tuple(
        _standing(name, settings, found[PREFIX + name]) for name, settings in configured.items()
    )


def _standing(name: str, settings: CiSettings, reading: Reading) -> CiStanding:
    known = keeping.from_text(settings, reading.value)
    # What was kept for another configuration says nothing of this one.
    look = known or CiLook(())
    branch = settings.branches[0]
    found = badges((*look.runs, *look.earlier), settings.branches)
    return CiStanding(
        name=name,
        kind=settings.kind,
        repository=settings.repository,
        default_branch=branch,
        branches=settings.branches,
        badges=found,
        runs=look.runs,
        silent=silent_workflows(found, branch, settings.workflows),
        silent_since=look.silent_since,
        good_at=reading.good_at if known else None,
        asked_at=reading.asked_at,
        why=reading.why,
        standing=reading.standing,
        until=reading.until,
        failures=reading.failures,
    )
