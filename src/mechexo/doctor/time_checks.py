"""What a rollback needs to know of time: what was deployed when, and when the market is open."""

from __future__ import annotations

from collections.abc import Iterator

from mechexo.desk import Desk
from mechexo.doctor.findings import Finding, doubtful, well, wrong
from mechexo.errors import MechexoError, UsageError, close_names


def hooks(desk: Desk) -> Iterator[Finding]:
    """Whether git tells the deployment ledger of each move of the checkout."""
    if not desk.settings.rollback.repository:
        return
    from mechexo.rollback.hooks import missing

    try:
        lacking = missing(desk)
    except UsageError as error:
        yield doubtful("deployment ledger", str(error), "or tell it: mechexo flows deployed NAME")
        return
    except MechexoError:
        # The check of the repository itself says what is wrong with it.
        return
    if lacking:
        detail = f"git does not tell it of moves of the checkout ({', '.join(lacking)})"
        yield doubtful("deployment ledger", detail, f"mechexo init {desk.root} --hooks")
    else:
        yield well("deployment ledger", "git tells it of each move of the checkout")


def market(desk: Desk) -> Iterator[Finding]:
    """Whether mechexo knows when the market is open, where that matters."""
    settings = desk.settings
    if not (settings.rollback.repository or settings.rollback.flags.database):
        return
    name = settings.market.calendar
    if not name:
        if desk.is_live:
            detail = "no calendar is configured: for a rollback the market is open at all hours"
            yield doubtful("market", detail, "set [market] calendar")
        return
    from mechexo.rollback.market_hours import known_calendars, market_at

    known = known_calendars()
    if name not in known:
        detail = f"[market] calendar {name!r} is not known, so the market counts as open"
        yield wrong("market", detail, close_names(name, known))
        return
    state = market_at(desk)
    yield well("market", f"{'open' if state.open else 'closed'} now: {state.why}")
