"""What the rest of the house asks of the risk wing: looking, and what is known.

`standings` reads the state file alone and imports nothing heavy; httpx is imported by `look`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mechexo.config.risk import scheme_of
from mechexo.outside import Reading, ask_all, readings
from mechexo.risk import keeping
from mechexo.risk.measures import currency_of
from mechexo.risk.values import FALLBACK, RiskStanding

if TYPE_CHECKING:
    from mechexo.config import RiskSettings
    from mechexo.desk import Desk

PREFIX = "risk:"


def look(desk: Desk, *, deadline_s: float, force: bool = False) -> tuple[RiskStanding, ...]:
    """Asks every source that is due and may be asked, and returns what is known of all.

    Ends within about `deadline_s` seconds, whatever hangs. `force`: also those not due, or left
    alone for their failures.

    Raises:
        BusyError, StateError: what they said could not be kept.
    """
    from mechexo.risk.source import RiskSource

    configured = desk.settings.risk
    sources = [
        RiskSource(name, each, desk.root, desk.zone).source for name, each in configured.items()
    ]
    found = ask_all(
        desk.state,
        desk.clock,
        sources,
        prefix=PREFIX,
        deadline_s=deadline_s,
        tick=desk.settings.refresh.tick,
        force=force,
    )
    return _standings(configured, found)


def standings(desk: Desk) -> tuple[RiskStanding, ...]:
    """What is known of each configured source, in the order of the file. Asks nobody."""
    configured = desk.settings.risk
    if not configured:
        return ()
    named = [(PREFIX + name, "") for name in configured]
    return _standings(configured, readings(desk.state, desk.clock, named, prefix=PREFIX))


def _standings(
    configured: Mapping[str, RiskSettings], found: Mapping[str, Reading]
) -> tuple[RiskStanding, ...]:
    return tuple(
        _standing(name, settings, found[PREFIX + name]) for name, settings in configured.items()
    )


def _standing(name: str, settings: RiskSettings, reading: Reading) -> RiskStanding:
    # What was kept for another configuration says nothing of this one.
    known = keeping.from_text(settings, reading.value)
    return RiskStanding(
        name=name,
        kind=scheme_of(settings.source) or "reference",
        currency=currency_of(known, settings.currency) if known else settings.currency or FALLBACK,
        look=known,
        good_at=reading.good_at if known else None,
        asked_at=reading.asked_at,
        why=reading.why,
        standing=reading.standing,
        until=reading.until,
        failures=reading.failures,
    )
