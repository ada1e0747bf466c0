"""Secrets of every kind of channel, while every send fails and the services repeat them in their
answers: they are nowhere but on their way to the services."""

from __future__ import annotations

import base64
import json
import traceback
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from conftest import MakeDesk
from console.driving import press, screen_text, settled, until
from mechexo.alerts import attempt_records, sender
from mechexo.alerts import operations as alerts
from mechexo.alerts.processes import Processes
from mechexo.alerts.values import Observation
from mechexo.clock import SystemClock, VirtualClock
from mechexo.crash import kept_report
from mechexo.desk import Desk
from mechexo_tui.app import MechexoApp
from support import own_channels as own
from support.application import Application
from support.failing_servers import failing_mail
from support.fake_service import FakeService, Request
from support.program import mechexo
from support.standing_time import StandingTime

pytestmark = pytest.mark.slow

SECRETS = {
    "HOOK_PASSWORD": "canary-hook-password/with@signs#1",
    "HOOK_QUERY": "canary-hook-query-3141592653",
    "WHOLE_TOKEN": "canarywholeaddress2718281828",
    "MAIL_PASSWORD": "canary mail password é 16180",
    "BAD_PASSWORD": "canary-of-a-bad-address-1414",
    "DOWN_TOKEN": "canary-down-token-17320508075",
    "BOT_TOKEN": "987654321:AAcanary-bot-token_22360679775",
    "BOT_CHAT": "-1004447213595",
    "TWILIO_ACCOUNT": "ACcanary0account0264575131106459",
    "TWILIO_TOKEN": "canary0twilio0token03316624790355",
    "ADA_NUMBER": "+15550317498",
}
PATH_SECRET = "canary-path-of-a-hook-2828427124"

LOG_ALL = """
import logging
logging.basicConfig(level=logging.DEBUG, filename={path!r})
logging.getLogger("test").debug("listening")
"""
"""A `sitecustomize` that lets every process that starts log all that it can."""


class Telltale(FakeService):
    """Refuses everything, and repeats what it was asked, secrets and all."""

    def respond(self, request: Request) -> tuple[int, Mapping[str, Any]]:
        kind = {"/bot": "BOT_", "/2010": "TWILIO_"}.get(
            request.path[: 4 if "bot" in request.path else 5]
        )
        theirs = [secret for name, secret in SECRETS.items() if kind and name.startswith(kind)]
        told = f"no: {request.path} {dict(request.headers)} {dict(request.values)} {theirs}"
        status = 500 if "bot" in request.path else 401
        return status, {"ok": False, "error_code": status, "description": told, "message": told}


class Searched:
    """Everything that anybody can come to see, by where it was seen."""

    def __init__(self) -> None:
        self.seen: dict[str, str] = {}

    def add(self, where: str, text: str | bytes) -> None:
        assert text, f"{where} is empty"
        self.seen[where] = text if isinstance(text, str) else text.decode("utf-8", "replace")

    def around(self, where: str, name: str) -> str:
        """Where a secret stands there, with what is beside it."""
        text = self.seen[where]
        place = next(text.find(form) for form in FORMS[name] if form in text)
        return repr(text[max(place - 120, 0) : place + 60])

    def holds_no_secret(self) -> None:
        found = [
            (where, name)
            for where, text in self.seen.items()
            for name, forms in FORMS.items()
            if any(form in text for form in forms)
        ]
        assert not found, "\n".join(
            f"{where}: {name}: {self.around(where, name)}" for where, name in found
        )


def _forms(secret: str) -> set[str]:
    pairs = (secret, f"desk:{secret}", f"{SECRETS['TWILIO_ACCOUNT']}:{secret}")
    coded = {base64.b64encode(each.encode()).decode().rstrip("=") for each in pairs}
    escaped = json.dumps(secret)[1:-1]
    return {secret, quote(secret), quote(secret, safe=""), escaped, repr(secret)[1:-1]} | coded


FORMS = {name: _forms(secret) for name, secret in {**SECRETS, "PATH": PATH_SECRET}.items()}


@pytest.fixture
def telltale() -> Iterator[Telltale]:
    made = Telltale()
    yield made
    made.close()


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where every process that a test starts logs at DEBUG."""
    folder, log = tmp_path / "site", tmp_path / "debug.log"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(LOG_ALL.format(path=str(log)))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("MECHEXO_DEBUG", "1")
    return log


@pytest.fixture
def telling_desk(
    make_desk: MakeDesk, telltale: Telltale, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    """A desk with channels of every kind, of which only a mailbox can deliver anything."""
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    monkeypatch.setenv("WHOLE", f"json://desk:{SECRETS['WHOLE_TOKEN']}@127.0.0.1:{telltale.port}/")
    secret = tmp_path / "secrets" / "path"
    secret.parent.mkdir()
    secret.write_text(f"{PATH_SECRET}\n")
    here = f"127.0.0.1:{telltale.port}"
    with ExitStack() as open_:
        mail, _ = open_.enter_context(failing_mail("550 for the reader"))
        mail_host = mail.removeprefix("mailto://").split("/")[0]
        urls = {
            "hook": f"json://desk:${{env:HOOK_PASSWORD}}@{here}/a?token=${{env:HOOK_QUERY}}",
            "path": f"json://{here}/${{file:{secret}}}",
            "whole": "${env:WHOLE}",
            "mail": f"mailto://desk:${{env:MAIL_PASSWORD}}@{mail_host}/"
            "?from=desk@example.com&to=you@example.com&mode=insecure",
            "down": "json://127.0.0.1:1/${env:DOWN_TOKEN}/?key=${env:DOWN_TOKEN}",
            "bad": "json://desk:${env:BAD_PASSWORD}@:99999/",
            "missing": "json://127.0.0.1:1/${env:NO_SUCH_SECRET}",
        }
        toml = "".join(f'[channels.{name}]\nurl = "{url}"\n' for name, url in urls.items())
        phone = own.telephone(telltale.url).replace(
            '"AC0123456789abcdef0123456789abcdef"', '"${env:TWILIO_ACCOUNT}"'
        )
        bot = own.bot(telltale.url).replace('to = "987654321"', 'to = "${env:BOT_CHAT}"')
        assert "TWILIO_ACCOUNT" in phone
        assert "BOT_CHAT" in bot
        toml += '[channels.box]\nurl = "file://box.jsonl"\n'
        channels = [*urls, "box", "chat", "ada_phone"]
        tell = ", ".join(f'"{name}"' for name in channels)
        yield make_desk(
            f"{toml}{bot}{phone}{own.ACCESS}"
            f'[people.ada]\nchannels = ["chat", "ada_phone"]\n[oncall]\nlevel1 = "ada"\n'
            f"[escalation.default]\nrepeat = 0\nlevels = [{{ tell = [{tell}] }}]\n"
        )


async def test_no_secret_of_a_channel_is_ever_seen(
    telling_desk: Desk,
    telltale: Telltale,
    log: Path,
    clock: VirtualClock,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk, searched = telling_desk, Searched()
    monkeypatch.setattr(sender, "time", StandingTime(clock))
    alerts.observe(desk, [own.trouble("one"), own.trouble("two", "high")])
    processes = Processes()
    for _ in range(5):
        alerts.deliver_due(desk, deadline_s=60.0, processes=processes)
        clock.advance(timedelta(minutes=6))
    processes.end()
    messages = alerts.deliveries(desk, limit=100_000)
    assert {each.channel for each in messages if each.attempts} == set(desk.settings.channels)
    assert {each.state for each in messages if each.channel != "box"} <= {"due", "failed"}
    wanted = {"/a", f"/{PATH_SECRET}", "/"}
    assert wanted <= {request.path for request in telltale.requests}
    assert any(SECRETS["BOT_TOKEN"] in request.path for request in telltale.requests)
    assert any(SECRETS["TWILIO_ACCOUNT"] in request.path for request in telltale.requests)

    await look_at_the_console(desk, searched)
    await ask_the_server(desk, searched)
    look_at_errors(desk, searched, tmp_path, monkeypatch)
    run_the_program(desk, searched)
    look_at_the_state_file(desk, searched)
    searched.add("the debug log", log.read_text())
    said = capfd.readouterr()
    searched.add("what was printed", f"{said.out}{said.err}.")
    searched.holds_no_secret()


async def look_at_the_console(desk: Desk, searched: Searched) -> None:
    app = MechexoApp(desk)
    async with app.run_test(size=(160, 50)) as pilot:
        await settled(pilot)
        for key, words in (("1", ""), ("2", "one_alert"), ("8", "CRITICAL: one_alert")):
            await press(pilot, key)
            await until(pilot, words)
            searched.add(f"the screen {key}", screen_text(pilot))
            searched.add(f"the picture of screen {key}", app.export_screenshot())


async def ask_the_server(desk: Desk, searched: Searched) -> None:
    application = Application(desk)
    try:
        client = application.client()
        for path in ("/metrics", "/healthz", "/api/v1/status", "/api/v1/alerts?all=1"):
            answer = await client.get(path)
            searched.add(path, answer.text)
    finally:
        application.end()


def look_at_errors(
    desk: Desk, searched: Searched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect in the midst of sending: its traceback, and the report that is kept of it."""

    def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    later = replace(desk, clock=VirtualClock(desk.clock.now() + timedelta(days=1)))
    with monkeypatch.context() as patched:
        for name in ("record_retry", "record_failed", "record_sent"):
            patched.setattr(attempt_records, name, broken)
        with pytest.raises(RuntimeError) as caught:
            alerts.deliver_due(later, deadline_s=60.0)
    searched.add("a traceback", "".join(traceback.format_exception(caught.value)))
    searched.add("a report", kept_report(caught.value, tmp_path / "state.db"))
    (report,) = tmp_path.glob("mechexo-crash-*.txt")
    searched.add("a kept report", report.read_text())


def run_the_program(desk: Desk, searched: Searched) -> None:
    """The commands as people run them: after a tick of today, whose sends fail too."""
    today = replace(desk, clock=SystemClock())
    alerts.observe(today, [Observation("now", True, "critical", "now", "bad", "test")])
    for words in (
        ("tick",),
        ("tick", "--json"),
        ("alerts", "why", "1", "--json"),
        ("alerts", "why", "1"),
        ("alerts", "list", "--all", "--json"),
        ("status", "--json"),
        ("doctor",),
        ("report", "shift"),
        ("oncall", "lint"),
        ("oncall", "simulate", "--severity", "high"),
        ("audit", "list"),
    ):
        done = mechexo(*words, config=desk.config_path)
        searched.add(" ".join(words), done.stdout + done.stderr)


def look_at_the_state_file(desk: Desk, searched: Searched) -> None:
    searched.add("all tables", own.everything_written(desk))
    searched.add("the mailbox", (desk.root / "box.jsonl").read_text())
    # What was written and is not part of any table any more is in the file, or beside it.
    for path in sorted(desk.state.path.parent.glob(f"{desk.state.path.name}*")):
        if path.stat().st_size:
            searched.add(path.name, path.read_bytes())
    assert any(name.endswith("-wal") for name in searched.seen), "it was not looked at in use"
