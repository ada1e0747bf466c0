"""Faults for drills, one for each entry of the runbook: real, and mended by nothing but what the
entry does. None ends by itself, whatever time passes."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from mechexo.paper import credentials, faults, files, trading
from mechexo.paper.backups import MODEL, whole
from mechexo.paper.faults import Stage
from mechexo.paper.gateway import QUOTA_BYTES
from mechexo.paper.live import REJECT_SHARE
from mechexo.value_classes import dataclass

NOTE = "drill.json"
DAMAGED_TABLE = "canary_results"
STORM_SHARE = 0.7
STORM_ORDERS, STORM_REJECTS = 400, 280
NEAR_END = timedelta(days=1)
ENDS_SOON_DAYS = 14.0


@dataclass(frozen=True, slots=True)
class Drill:
    """A fault for a drill: its entry, what its log line says, how it begins, whether it stands."""

    entry: str
    says: str
    begin: Callable[[Stage, datetime], object]
    stands: Callable[[Stage, datetime], bool]


def _chance(name: str) -> Callable[[Stage, datetime], object]:
    return faults.FAULTS[name].begin


def _kill_gateway(stage: Stage, now: datetime) -> None:
    stage.gateway.kill()


def damage_database(folder: Path) -> None:
    """Overwrites the bytes of one page, as a disk that lies would."""
    database = folder / trading.DATABASE
    # The file is closed last: closing it earlier would drop SQLite's lock on it.
    with (
        database.open("r+b") as file,
        closing(sqlite3.connect(database, timeout=10, isolation_level=None)) as connection,
    ):
        # All of the log into the file first: a page in the log would hide the damage.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("BEGIN IMMEDIATE")
        size = int(connection.execute("PRAGMA page_size").fetchone()[0])
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = ?", (DAMAGED_TABLE,)
        ).fetchone()
        file.seek((page - 1) * size)
        file.write(random.Random(page).randbytes(size))
        file.flush()
        connection.execute("ROLLBACK")


def _damage_database(stage: Stage, now: datetime) -> None:
    damage_database(stage.folder)


def _breach(stage: Stage, now: datetime) -> None:
    faults.FAULTS["risk_breach"].begin(stage, now)
    # The strategies would trade it back in time: here only the person on call does.
    stage.market.left_alone = frozenset({faults.BREACH_SYMBOL})


def _is_breached(stage: Stage, now: datetime) -> bool:
    held = trading.quantities(stage.folder).get(faults.BREACH_SYMBOL, 0)
    value = abs(held) * stage.market.mid(faults.BREACH_SYMBOL)
    return value > 0.8 * faults.BREACH_SHARE_OF_CAPITAL * trading.CAPITAL


def _reject(stage: Stage, now: datetime) -> None:
    stage.market.reject_share = STORM_SHARE
    with trading.trading(stage.folder) as connection:
        connection.execute(
            "INSERT INTO order_counts VALUES (?, ?, ?) ON CONFLICT (minute) DO UPDATE SET "
            "orders = orders + excluded.orders, rejects = rejects + excluded.rejects",
            (now.strftime("%Y-%m-%dT%H:%M"), STORM_ORDERS, STORM_REJECTS),
        )
    stage.gateway.say(f"reject: session out of sequence, {STORM_REJECTS} of {STORM_ORDERS} orders")


def _let_credential_end(stage: Stage, now: datetime) -> None:
    draw = random.Random(trading.stamp(now))
    credentials.issue(stage.folder, draw, now, NEAR_END)
    stage.gateway.stop()
    stage.gateway.start()


def _model_is_damaged(stage: Stage, now: datetime) -> bool:
    try:
        json.loads((stage.folder / MODEL).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return True
    return False


def _is_full(stage: Stage, now: datetime) -> bool:
    return files.bytes_used(stage.folder) > 0.8 * QUOTA_BYTES


def _is_halted(stage: Stage, now: datetime) -> bool:
    return trading.flag(stage.folder, "trading_enabled") != "true"


DRILLS: dict[str, Drill] = {
    "gateway_down": Drill(
        "system-down",
        "the gateway's process dies",
        _kill_gateway,
        lambda stage, now: not stage.gateway.running,
    ),
    "damaged_database": Drill(
        "database-corruption",
        "a page of the trading database is overwritten",
        _damage_database,
        lambda stage, now: not whole(stage.folder / trading.DATABASE),
    ),
    "halted_trading": Drill(
        "trading-halted", "trading is halted", _chance("halted_trading"), _is_halted
    ),
    "risk_breach": Drill("risk-breach", "a buy far too large goes through", _breach, _is_breached),
    "stale_feed": Drill(
        "data-pipeline-failure",
        "the quote feed stops",
        _chance("stale_feed"),
        lambda stage, now: not stage.market.feed_is_up,
    ),
    "failing_flow": Drill(
        "ml-degradation", "the model file is damaged", _chance("failing_flow"), _model_is_damaged
    ),
    "slow_gateway": Drill(
        "high-latency",
        "the gateway answers slowly",
        _chance("slow_gateway"),
        lambda stage, now: stage.gateway.delay_s > 0,
    ),
    "full_quota": Drill(
        "disk-full", "a core dump fills the desk's quota", _chance("full_quota"), _is_full
    ),
    "reject_storm": Drill(
        "broker-disconnect",
        "the broker rejects most orders: the session is out of sequence",
        _reject,
        lambda stage, now: stage.market.reject_share > REJECT_SHARE,
    ),
    "ending_credential": Drill(
        "credential-leak",
        "the broker's key ends in a day",
        _let_credential_end,
        lambda stage, now: (stage.gateway.ends_at - now).total_seconds() < ENDS_SOON_DAYS * 86400,
    ),
}


def begin(stage: Stage, name: str, now: datetime) -> None:
    """Starts a drill's fault and notes it."""
    DRILLS[name].begin(stage, now)
    note = {"name": name, "entry": DRILLS[name].entry, "since": trading.stamp(now)}
    beside = stage.folder / f".{NOTE}.part"
    beside.write_text(json.dumps(note) + "\n", encoding="utf-8")
    beside.replace(stage.folder / NOTE)


def noted(folder: Path) -> str | None:
    """The drill that was begun and not yet mended, if any."""
    path = folder / NOTE
    return str(json.loads(path.read_text(encoding="utf-8"))["name"]) if path.exists() else None


def mended(stage: Stage, now: datetime) -> str | None:
    """The name of the drill whose fault stands no more, once; its note goes."""
    name = noted(stage.folder)
    try:
        if name is None or DRILLS[name].stands(stage, now):
            return None
    except sqlite3.Error:
        return None  # it cannot be asked now: not yet known to be mended
    stage.market.left_alone = frozenset()
    (stage.folder / NOTE).unlink()
    return name
