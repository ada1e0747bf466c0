"""The program that sends: run as `python -m mechexo.alerts.channels.child`, killed at will.

It reads JSON lines on stdin and answers each with one on stdout. The first line names the
channel, secrets and all: stdin is the only way in that no other process can read. Each further
line is one message, or a question to the service. It ends when stdin does.
"""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Reply = dict[str, Any]
"""`outcome` and `detail`, and what else `process.Answer` has."""

Send = Callable[[dict[str, Any]], Reply]

_ERROR_CODE = re.compile(r"\berror=(\d{3})\b")
_FOR_GOOD = ("401", "403", "404", "410")
"""A wrong token, somebody who blocked us, nobody there: only a person can mend it."""
_RETRY_AFTER = re.compile(r"retry[ -]after:? (\d{1,5})\b", re.IGNORECASE)

_GRACE_S = 3
"""How much longer than its limit an attempt may live when the parent is no longer there."""


class RejectedError(Exception):
    """The channel's address can never work."""


def main() -> None:
    """Answers the parent until it closes stdin."""
    # Whatever a library prints must not look like an answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    # What libraries log below that names whole addresses, wherever it may be logged to.
    logging.getLogger().setLevel(logging.WARNING)
    requests = sys.stdin.buffer
    channel = json.loads(requests.readline())
    backstop_s = max(1, round(channel["limit_s"])) + _GRACE_S
    signal.alarm(backstop_s)
    try:
        send = _connected(channel)
    except RejectedError as error:
        _answer(answers, outcome="rejected", detail=str(error))
        return
    _answer(answers, outcome="ready", detail="")
    signal.alarm(0)
    for line in requests:
        question = json.loads(line)
        signal.alarm(max(backstop_s, round(question.get("limit_s", 0)) + _GRACE_S))
        try:
            reply = send(question)
        except Exception as error:  # noqa: BLE001 - answered, and recorded by the parent
            reply = _refused(f"{type(error).__name__}: {error}")
        _answer(answers, **reply)
        signal.alarm(0)
    # Apprise's threads may hang; they shall not keep this process.
    os._exit(0)


def _answer(answers: Any, **reply: Any) -> None:
    answers.write(json.dumps(reply) + "\n")
    answers.flush()


def _refused(why: str) -> Reply:
    return {"outcome": "refused", "detail": why}


def _sent(what: str) -> Reply:
    return {"outcome": "sent", "detail": what}


def _connected(channel: dict[str, Any]) -> Send:
    match channel["kind"]:
        case "file":
            return _mailbox(channel)
        case "telegram":
            from mechexo.alerts.channels import telegram

            return telegram.connect(channel)
        case "phone":
            from mechexo.alerts.channels import phone

            return phone.connect(channel)
        case _:
            return _apprise(channel)


def _mailbox(channel: dict[str, Any]) -> Send:
    from mechexo.alerts.channels.mailbox_file import append_line

    path = Path(channel["address"])

    def send(message: dict[str, Any]) -> Reply:
        if channel["make_folder"]:
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            append_line(path, message)
        except OSError as error:
            return _refused(f"{path}: {error.strerror or error}")
        return _sent(f"written to {path.name}")

    return send


def _apprise(channel: dict[str, Any]) -> Send:
    import apprise

    from mechexo.alerts.channels.overheard import Overheard

    overheard = Overheard()
    overheard.listen()
    asset = apprise.AppriseAsset(
        app_id="mechexo", async_mode=False, storage_mode=apprise.PersistentStoreMode.MEMORY
    )
    plugin = apprise.Apprise.instantiate(channel["address"], asset=asset)
    services = apprise.Apprise(asset=asset)
    if not plugin or not services.add(plugin):
        raise RejectedError("Apprise does not accept the address: see [channels] url")
    # The channel's own limit says how much it takes. Apprise's pauses, of 5 s between two mails,
    # would be taken for a server that hangs.
    plugin.request_rate_per_sec = 0
    if "overflow=" not in channel["address"].lower():
        plugin.overflow_mode = apprise.OverflowMode.TRUNCATE
    kinds = {
        "critical": apprise.NotifyType.FAILURE,
        "high": apprise.NotifyType.FAILURE,
        "medium": apprise.NotifyType.WARNING,
    }
    over = {
        "resolved": apprise.NotifyType.SUCCESS,
        "acknowledged": apprise.NotifyType.INFO,
        "notice": apprise.NotifyType.INFO,
    }

    def send(message: dict[str, Any]) -> Reply:
        overheard.told()
        result = services.notify(
            body=message["body"],
            title=message["title"],
            notify_type=(
                over.get(message["kind"]) or kinds.get(message["severity"], apprise.NotifyType.INFO)
            ),
            body_format=apprise.NotifyFormat.TEXT,
            interpret_escapes=False,
            log_level=logging.WARNING,
        )
        if result:
            return _sent("accepted")
        said = [str(entry.message) for entry in result.logs()]
        words = "; ".join(dict.fromkeys(said)) or f"Apprise says {result.status.name}"
        outcome, why = overheard.told()
        return _failed(words, outcome, why)

    return send


def _failed(said: str, outcome: str, why: str) -> Reply:
    """What the words of Apprise mean: it gives no code of its own. An answer that no second try
    changes is rejected; a wait that the service asks for is kept. `outcome` and `why` are of the
    errors that it caught."""
    code = _ERROR_CODE.search(said)
    if code and code[1] in _FOR_GOOD and outcome == "refused":
        outcome = "rejected"
    wait = _RETRY_AFTER.search(said)
    return {
        "outcome": outcome,
        "detail": f"{said} ({why})" if why else said,
        **({"retry_after_s": float(wait[1])} if wait and outcome == "refused" else {}),
    }


if __name__ == "__main__":
    main()
