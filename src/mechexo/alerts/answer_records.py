"""The tables about bots: how far their answers are known, and who was refused."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from mechexo.alerts import cells
from mechexo.times import from_iso_z, iso_z
from mechexo.value_classes import dataclass

_CHECKS = {
    "next_update": cells.whole,
    "update_at": cells.moment,
    "asked_at": cells.moment,
    "trouble": cells.text,
}
_REFUSALS_KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class BotState:
    """How far the answers of a bot are known, and whether they can be asked for."""

    bot: str
    next_update: int
    """0 when none was ever seen."""
    update_at: datetime
    """When the last answer came."""
    asked_at: datetime
    trouble: str
    """Why the bot's answers cannot be asked for; "" when they can."""


def bot_state(connection: sqlite3.Connection, bot: str) -> BotState | None:
    """What is known of a bot; nothing when it cannot be read: it is asked from the beginning, and
    answers that were taken care of change nothing."""
    rows = cells.rows(connection, "SELECT * FROM bot WHERE bot = ?", (bot,))
    if not rows or cells.problems(rows[0], _CHECKS):
        return None
    row = rows[0]
    return BotState(
        bot=row["bot"],
        next_update=row["next_update"],
        update_at=from_iso_z(row["update_at"]),
        asked_at=from_iso_z(row["asked_at"]),
        trouble=row["trouble"],
    )


def record_update(connection: sqlite3.Connection, bot: str, number: int, now: datetime) -> None:
    """Remembers that the answer with this number has been taken care of."""
    connection.execute(
        "INSERT INTO bot VALUES (:bot, :next, :now, :now, '') ON CONFLICT (bot) DO UPDATE "
        "SET next_update = :next, update_at = :now, asked_at = :now, trouble = ''",
        {"bot": bot, "next": number + 1, "now": iso_z(now)},
    )


def record_asked(connection: sqlite3.Connection, bot: str, trouble: str, now: datetime) -> None:
    """Remembers that a bot's answers were asked for, and what kept them back, if anything."""
    connection.execute(
        "INSERT INTO bot VALUES (:bot, 0, :now, :now, :trouble) ON CONFLICT (bot) DO UPDATE "
        "SET asked_at = :now, trouble = :trouble",
        {"bot": bot, "now": iso_z(now), "trouble": trouble},
    )


def first_refusal(
    connection: sqlite3.Connection, bot: str, user: str, now: datetime, within: timedelta
) -> bool:
    """Whether this stranger was not refused `within` that time already; remembers it."""
    connection.execute("DELETE FROM bot_stranger WHERE at < ?", (iso_z(now - _REFUSALS_KEPT),))
    row = connection.execute(
        "SELECT 1 FROM bot_stranger WHERE bot = ? AND user = ? AND at BETWEEN ? AND ?",
        (bot, user, iso_z(now - within), iso_z(now)),
    ).fetchone()
    if row is not None:
        return False
    connection.execute("REPLACE INTO bot_stranger VALUES (?, ?, ?)", (bot, user, iso_z(now)))
    return True
