"""What goes wrong on a paper desk now and then: each fault is real, seen by real probes, and heals.

A fault's traces are noted in fault.json while it lasts, so that a runner that was killed in the
middle of one heals it at its next start.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from mechexo.paper import files, trading
from mechexo.paper.backups import MODEL
from mechexo.paper.gateway import QUOTA_BYTES
from mechexo.paper.gateway_service import GatewayService
from mechexo.paper.live import LiveMarket
from mechexo.value_classes import dataclass

NOTE = "fault.json"
BALLAST = files.SCRATCH / "core.dump"
SLOW_S = 1.4
BREACH_SYMBOL = "NVDA"
BREACH_SHARE_OF_CAPITAL = 0.55


@dataclass(slots=True)
class Stage:
    """What faults act on."""

    folder: Path
    market: LiveMarket
    gateway: GatewayService


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: what its log line says, and how it begins and heals. `begin` returns its trace."""

    name: str
    says: str
    begin: Callable[[Stage, datetime], dict[str, int | str]]
    heal: Callable[[Stage, dict[str, int | str], datetime], None]


def _stop_feed(stage: Stage, now: datetime) -> dict[str, int | str]:
    stage.market.feed_is_up = False
    return {}


def _start_feed(stage: Stage, trace: dict[str, int | str], now: datetime) -> None:
    stage.market.feed_is_up = True


def _breach(stage: Stage, now: datetime) -> dict[str, int | str]:
    notional = BREACH_SHARE_OF_CAPITAL * trading.CAPITAL
    quantity = 10 * round(notional / stage.market.mid(BREACH_SYMBOL) / 10)
    stage.market.trade(BREACH_SYMBOL, "buy", quantity, now)
    return {"quantity": quantity}


def _unwind(stage: Stage, trace: dict[str, int | str], now: datetime) -> None:
    stage.market.trade(BREACH_SYMBOL, "sell", int(trace["quantity"]), now)


def _damage_model(stage: Stage, now: datetime) -> dict[str, int | str]:
    path = stage.folder / MODEL
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    return {"text": text}


def _mend_model(stage: Stage, trace: dict[str, int | str], now: datetime) -> None:
    (stage.folder / MODEL).write_text(str(trace["text"]))


def _fill_quota(stage: Stage, now: datetime) -> dict[str, int | str]:
    path = stage.folder / BALLAST
    path.parent.mkdir(parents=True, exist_ok=True)
    missing = max(int(0.985 * QUOTA_BYTES) - files.bytes_used(stage.folder), 1)
    # A sparse file: it counts against the desk's own quota but fills nobody's disk.
    with path.open("wb") as ballast:
        ballast.truncate(missing)
    return {}


def _free_quota(stage: Stage, trace: dict[str, int | str], now: datetime) -> None:
    (stage.folder / BALLAST).unlink(missing_ok=True)


def _slow_down(stage: Stage, now: datetime) -> dict[str, int | str]:
    stage.gateway.slow_down(SLOW_S)
    return {}


def _speed_up(stage: Stage, trace: dict[str, int | str], now: datetime) -> None:
    stage.gateway.slow_down(0.0)


def _halt(stage: Stage, now: datetime) -> dict[str, int | str]:
    was = trading.flag(stage.folder, "trading_enabled")
    trading.set_flag(stage.folder, "trading_enabled", "false", now)
    return {"was": was}


def _resume(stage: Stage, trace: dict[str, int | str], now: datetime) -> None:
    trading.set_flag(stage.folder, "trading_enabled", str(trace["was"]), now)


FAULTS: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault("stale_feed", "the quote feed stops", _stop_feed, _start_feed),
        Fault("risk_breach", "a buy far too large goes through", _breach, _unwind),
        Fault("failing_flow", "the model file is damaged", _damage_model, _mend_model),
        Fault("full_quota", "a core dump fills the desk's quota", _fill_quota, _free_quota),
        Fault("slow_gateway", "the gateway answers slowly", _slow_down, _speed_up),
        Fault("halted_trading", "trading is halted", _halt, _resume),
    )
}


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault to come: when it begins and how long it lasts, in seconds of the run."""

    name: str
    at_s: float
    lasts_s: float


def schedule(seed: int) -> Iterator[Planned]:
    """The faults of a run, without end, one after the other: each kind once before any again."""
    draw = random.Random(f"{seed} faults")
    at_s = draw.uniform(25.0, 40.0)
    while True:
        for name in draw.sample(sorted(FAULTS), len(FAULTS)):
            lasts_s = draw.uniform(90.0, 150.0)
            yield Planned(name, round(at_s, 1), round(lasts_s, 1))
            at_s += lasts_s + draw.uniform(60.0, 180.0)


def begin(stage: Stage, name: str, now: datetime) -> None:
    """Starts a fault and notes its trace. A note without a fault is harmless, so it comes second
    only where the trace must be known first."""
    trace = FAULTS[name].begin(stage, now)
    note = {"name": name, "since": trading.stamp(now), "trace": trace}
    beside = stage.folder / f".{NOTE}.part"
    beside.write_text(json.dumps(note) + "\n")
    beside.replace(stage.folder / NOTE)


def standing(folder: Path) -> str | None:
    """The name of the fault that stands now, if any."""
    path = folder / NOTE
    return str(json.loads(path.read_text())["name"]) if path.exists() else None


def heal(stage: Stage, now: datetime) -> str | None:
    """Heals the fault that stands, if any. Returns its name."""
    path = stage.folder / NOTE
    if not path.exists():
        return None
    note = json.loads(path.read_text())
    FAULTS[note["name"]].heal(stage, note["trace"], now)
    path.unlink()
    return str(note["name"])
