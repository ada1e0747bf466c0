"""Configurations with a bot or a telephone, their secrets by reference, and what is due on them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from mechexo.alerts.channels.address import address_of
from mechexo.alerts.channels.process import Answer, SendingProcess
from mechexo.alerts.values import Observation
from mechexo.config import ChannelSettings
from mechexo.desk import Desk
from support import fake_telegram, fake_twilio

ADA, GRACE, STRANGER = 111, 222, 999
"""Users of the chat: a responder, a viewer, and somebody unknown."""

ACCESS = '[access]\nresponder = ["ada"]\nviewer = ["grace"]\n'

LIMIT_S = 30.0
"""How long a test waits for what surely comes."""


def secrets(monkeypatch: Any) -> None:
    monkeypatch.setenv("BOT_TOKEN", fake_telegram.TOKEN)
    monkeypatch.setenv("TWILIO_TOKEN", fake_twilio.TOKEN)
    monkeypatch.setenv("ADA_NUMBER", fake_twilio.TO)


def bot(api: str, *, name: str = "chat", to: int = fake_telegram.CHAT, extra: str = "") -> str:
    return (
        f'[channels.{name}]\nkind = "telegram"\ntoken = "${{env:BOT_TOKEN}}"\nto = "{to}"\n'
        f'api = "{api}"\nactors = {{ "{ADA}" = "ada", "{GRACE}" = "grace" }}\n{extra}\n'
    )


def telephone(api: str, *, name: str = "ada_phone", extra: str = "") -> str:
    return (
        f'[channels.{name}]\nkind = "phone"\naccount = "{fake_twilio.ACCOUNT}"\n'
        f'token = "${{env:TWILIO_TOKEN}}"\nsender = "{fake_twilio.SENDER}"\n'
        f'to = "${{env:ADA_NUMBER}}"\napi = "{api}"\n{extra}\n'
    )


def trouble(key: str = "feed", severity: str = "critical", summary: str = "stale") -> Observation:
    return Observation(key, True, severity, f"{key}_alert", summary, "probe", {"card": "data"})


def question(
    kind: str = "page", *alerts: int, title: str = "CRITICAL: x", body: str = "y"
) -> dict[str, object]:
    ids = alerts or (1,)
    return {"kind": kind, "alert_ids": list(ids), "title": title, "body": body}


def ask_once(
    desk: Desk, channel: ChannelSettings, asked: dict[str, object], *, limit_s: float = 8.0
) -> Answer:
    """One question to a sending process of its own; it is given time to start."""
    process = SendingProcess(address_of(channel, desk.root), limit_s)
    try:
        ready = process.start(time.monotonic() + LIMIT_S)
        assert ready.outcome == "ready", ready
        return process.ask(asked, time.monotonic() + limit_s)
    finally:
        process.kill()


def eventually(holds: Callable[[], object]) -> None:
    """Waits until something holds."""
    until_s = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < until_s, "it did not come about"
        time.sleep(0.02)


def everything_written(desk: Desk) -> str:
    """All text of the state file."""
    reader = desk.state.reader()
    tables = [row[0] for row in reader.execute("SELECT name FROM sqlite_master WHERE type='table'")]
    return json.dumps(
        {
            name: [list(map(str, row)) for row in reader.execute(f"SELECT * FROM {name}")]
            for name in tables
        }
    )
