"""Backups of the paper desk's trading database and model, each checked before it counts as one."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from mechexo.paper import trading

BACKUPS = Path("backups")
MODEL = Path("models/score_model.json")
MODEL_BACKUP = BACKUPS / "score_model.json"
KEEP = 5


def back_up(folder: Path, now: datetime) -> str:
    """Writes a backup of what is whole. Returns what was left out and why; nothing when all is in.

    Raises:
        OSError: the folder of the backups cannot be written.
    """
    (folder / BACKUPS).mkdir(exist_ok=True)
    return "; ".join(filter(None, (_database(folder, now), _model(folder))))


def whole(database: Path) -> bool:
    """Whether SQLite finds nothing wrong with a database."""
    try:
        with closing(sqlite3.connect(database, timeout=5)) as connection:
            rows = connection.execute("PRAGMA integrity_check").fetchall()
    except sqlite3.DatabaseError:
        return False
    return bool(rows == [("ok",)])


def _database(folder: Path, now: datetime) -> str:
    source = folder / trading.DATABASE
    if not whole(source):
        return f"{source.name} is damaged: no backup of it"
    path = folder / BACKUPS / f"trading-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.sqlite"
    beside = path.with_suffix(".part")
    beside.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(source, timeout=5)) as held,
        closing(sqlite3.connect(beside)) as copy,
    ):
        held.backup(copy)
        # One file, without a log beside it.
        copy.execute("PRAGMA journal_mode = DELETE")
    if not whole(beside):
        beside.unlink()
        return f"{source.name} was damaged while it was copied: no backup of it"
    beside.replace(path)
    for old in sorted(path.parent.glob("trading-*.sqlite"))[:-KEEP]:
        old.unlink()
    return ""


def _model(folder: Path) -> str:
    try:
        text = (folder / MODEL).read_text(encoding="utf-8")
        json.loads(text)
    except (OSError, ValueError) as error:
        return f"{MODEL} cannot be read ({error}): no backup of it"
    beside = folder / f"{MODEL_BACKUP}.part"
    beside.write_text(text, encoding="utf-8")
    beside.replace(folder / MODEL_BACKUP)
    return ""
