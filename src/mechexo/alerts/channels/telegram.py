"""Telegram's bot interface, spoken by a sending process.

Messages are plain text without a `parse_mode`, so that there is nothing to escape. What comes
back is asked for by long polling: nothing needs to reach this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from mechexo.alerts.channels import chat
from mechexo.alerts.channels.service import FailedError, Said, Service

PUBLIC_API = "https://api.telegram.org"

Reply = dict[str, Any]

_MEND = {
    401: "Telegram does not know this token: mend `token`",
    403: "the chat keeps the bot out: unblock it, or invite it, or press Start",
    404: "Telegram knows no such bot: mend `token` (or `api`)",
    409: "another program asks this bot, or a webhook: stop it, or take a bot of its own",
}
_UPDATES = ("callback_query", "message")
_MARGIN_S = 6.0
"""How much longer than the long poll itself its answer may take."""


def connect(channel: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], Reply]:
    """What answers the questions of the parent about one bot and its chat."""
    bot = _Bot(channel["parts"], channel["limit_s"])

    def answer(question: Mapping[str, Any]) -> Reply:
        try:
            return bot.do(question)
        except FailedError as error:
            return {"outcome": error.outcome, "detail": f"Telegram: {error}"}

    return answer


class _Bot:
    def __init__(self, parts: Mapping[str, str], limit_s: float) -> None:
        self._service = Service(parts["api"] or PUBLIC_API, limit_s)
        self._path = f"/bot{quote(parts['token'], safe=':')}/"
        self._chat = parts["to"]

    def do(self, question: Mapping[str, Any]) -> Reply:
        match question.get("do", "send"):
            case "send":
                return self._send(question)
            case "updates":
                return self._updates(int(question["offset"]), int(question["wait_s"]))
            case "notice":
                return self._notice(question)
            case "edit":
                return self._edit(question)
            case "say":
                return self._message(str(question["chat"]), str(question["text"]), ())
            case other:
                raise ValueError(f"telegram cannot {other}")

    def _send(self, message: Mapping[str, Any]) -> Reply:
        text = f"{message['title']}\n\n{message['body']}"
        asks = message["kind"] in ("page", "reminder", "digest")
        buttons = chat.buttons(message["alert_ids"]) if asks else ()
        return self._message(self._chat, text, buttons)

    def _message(self, to: str, text: str, buttons: Sequence[str], *, moved: str = "") -> Reply:
        document: dict[str, Any] = {
            "chat_id": to,
            "text": chat.fitting(text),
            "link_preview_options": {"is_disabled": True},
        }
        if buttons:
            document["reply_markup"] = {"inline_keyboard": chat.keyboard(buttons)}
        said = self._call("sendMessage", document)
        elsewhere = _parameters(said).get("migrate_to_chat_id")
        if not said.ok and elsewhere is not None and not moved:
            # A group that became a supergroup has a new id, and the old one never works again.
            words = f"; the chat is {elsewhere} now: mend `to`"
            return self._message(str(elsewhere), text, buttons, moved=words)
        if not said.ok:
            return _failed(said)
        result = said.body.get("result")
        reference = str(result.get("message_id", "")) if isinstance(result, dict) else ""
        return {"outcome": "sent", "detail": f"accepted{moved}", "reference": reference}

    def _updates(self, offset: int, wait_s: int) -> Reply:
        document = {"timeout": wait_s, "limit": 100, "allowed_updates": list(_UPDATES)}
        if offset:
            document["offset"] = offset
        said = self._call("getUpdates", document, limit_s=wait_s + _MARGIN_S)
        if not said.ok:
            return _failed(said)
        result = said.body.get("result")
        updates = result if isinstance(result, list) else []
        found = [plain for each in updates if (plain := _plain(each))]
        return {"outcome": "answered", "detail": "", "found": {"updates": found}}

    def _notice(self, question: Mapping[str, Any]) -> Reply:
        said = self._call(
            "answerCallbackQuery",
            {
                "callback_query_id": question["query"],
                "text": chat.fitting(str(question["text"]), chat.NOTICE_LIMIT),
                "show_alert": bool(question.get("loud", False)),
            },
        )
        return {"outcome": "sent", "detail": ""} if said.ok else _failed(said)

    def _edit(self, question: Mapping[str, Any]) -> Reply:
        said = self._call(
            "editMessageText",
            {
                "chat_id": question["chat"],
                "message_id": question["message"],
                "text": chat.fitting(str(question["text"])),
                "link_preview_options": {"is_disabled": True},
                "reply_markup": {"inline_keyboard": chat.keyboard(question["buttons"])},
            },
        )
        return {"outcome": "sent", "detail": ""} if said.ok else _failed(said)

    def _call(
        self, name: str, document: Mapping[str, Any], *, limit_s: float | None = None
    ) -> Said:
        return self._service.ask("POST", self._path + name, document=document, limit_s=limit_s)


def _failed(said: Said) -> Reply:
    described = str(said.body.get("description") or "")
    words = f"Telegram answered {said.status}" + (f": {described}" if described else "")
    if said.status == 429:
        wait_s = _parameters(said).get("retry_after", said.retry_after_s)
        known = isinstance(wait_s, int | float) and not isinstance(wait_s, bool) and wait_s >= 0
        return {
            "outcome": "refused",
            "detail": words,
            "retry_after_s": float(wait_s) if known else None,
        }
    if said.status == 400 and "chat not found" in described.lower():
        return {"outcome": "rejected", "detail": f"{words}: mend `to`, or write to the bot first"}
    if said.status in _MEND:
        # A bot asked twice is mended elsewhere, and may be at any moment.
        outcome = "refused" if said.status == 409 else "rejected"
        return {"outcome": outcome, "detail": f"{words}: {_MEND[said.status]}"}
    permanent = said.status in (400, 413)
    return {"outcome": "rejected" if permanent else "refused", "detail": words}


def _parameters(said: Said) -> Mapping[str, Any]:
    found = said.body.get("parameters")
    return found if isinstance(found, dict) else {}


def _plain(update: object) -> Reply | None:
    """An update's own number and, if it is a press or a text, what we need of it; None for what
    has no number. One of another shape is kept with its number, so that it is left behind."""
    try:
        number = int(update["update_id"])  # type: ignore[index]
    except (KeyError, TypeError, ValueError):
        return None
    plain: Reply = {"number": number}
    # Whoever writes to a bot decides what stands here.
    try:
        query, message = update.get("callback_query"), update.get("message")  # type: ignore[attr-defined]
        if query is not None:
            plain |= {
                "query": str(query["id"]),
                "user": str(query["from"]["id"]),
                "data": str(query.get("data") or ""),
                **_place(query.get("message") or {}),
            }
        elif message is not None and isinstance(message.get("text"), str):
            answered = message.get("reply_to_message") or {}
            plain |= {
                "user": str(message["from"]["id"]),
                **_place(message),
                "answered": _data(answered),
                "answered_message": _number(answered),
            }
    except (KeyError, TypeError, AttributeError):
        return {"number": number}
    return plain


def _place(message: Mapping[str, Any]) -> Reply:
    if not message:
        return {"chat": "", "message": 0, "text": "", "buttons": []}
    return {
        "chat": str(message["chat"]["id"]),
        "message": int(message["message_id"]),
        "text": str(message.get("text") or ""),
        "buttons": _data(message),
    }


def _number(message: Mapping[str, Any]) -> str:
    return str(int(message["message_id"])) if message else ""


def _data(message: Mapping[str, Any]) -> list[str]:
    rows = (message.get("reply_markup") or {}).get("inline_keyboard") or []
    return [
        str(button["callback_data"]) for row in rows for button in row if "callback_data" in button
    ]
