"""A bot interface that behaves like Telegram's: its envelope, limits, update numbers, errors."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from support.fake_service import FakeService, Request

TOKEN = "123456789:AAcanary-telegram-token_7f3a9cXYZ012345"
CHAT = 987654321


@dataclass
class ChatMessage:
    """A message as the chat shows it now."""

    number: int
    chat: str
    text: str
    buttons: list[str]

    def document(self) -> dict[str, Any]:
        rows = [[{"text": each, "callback_data": each}] for each in self.buttons]
        return {
            "message_id": self.number,
            "date": 1_700_000_000,
            "chat": {"id": int(self.chat), "type": "private"},
            "text": self.text,
            **({"reply_markup": {"inline_keyboard": rows}} if rows else {}),
        }


class FakeTelegram(FakeService):
    """The service, and the hands of the people in its chats."""

    def __init__(self, token: str = TOKEN) -> None:
        self.token = token
        self.chats = {str(CHAT)}
        self.blocked: set[str] = set()
        self.moved: dict[str, int] = {}
        self.messages: list[ChatMessage] = []
        self.notices: list[tuple[str, str, bool]] = []
        self.updates: list[dict[str, Any]] = []
        self.open_queries: set[str] = set()
        self.polls: list[int] = []
        self._next_update = 700_000
        self._asking = 0
        super().__init__()

    def press(self, data: str, *, user: int, message: ChatMessage | None = None) -> str:
        """Somebody presses a button; the query's id."""
        with self.changed:
            on = message or self.messages[-1]
            query = f"q{self._next_update}"
            self.open_queries.add(query)
            self._add(
                {
                    "callback_query": {
                        "id": query,
                        "from": {"id": user, "is_bot": False, "first_name": "somebody"},
                        "message": on.document(),
                        "chat_instance": "1",
                        "data": data,
                    }
                }
            )
            return query

    def write(self, text: str, *, user: int, answering: ChatMessage | None = None) -> None:
        """Somebody writes, perhaps answering a message of the bot's."""
        with self.changed:
            said = ChatMessage(10_000 + self._next_update, str(CHAT), text, []).document()
            said["from"] = {"id": user, "is_bot": False, "first_name": "somebody"}
            if answering is not None:
                said["reply_to_message"] = answering.document()
            self._add({"message": said})

    def receive(self, update: Mapping[str, Any]) -> None:
        """Any other update comes in."""
        with self.changed:
            self._add(dict(update))

    def renumber(self, first: int) -> None:
        """What happens after a week without updates: the next number is drawn by lot."""
        self._next_update = first

    def _add(self, update: dict[str, Any]) -> None:
        self.updates.append({"update_id": self._next_update, **update})
        self._next_update += 1
        self.changed.notify_all()

    def respond(self, request: Request) -> tuple[int, Mapping[str, Any]]:
        _, bot, method = request.path.split("/", 2)
        if not bot.startswith("bot") or ":" not in bot:
            return _error(404, "Not Found")
        if bot != f"bot{self.token}":
            return _error(401, "Unauthorized")
        handle = getattr(self, f"_do_{method}", None)
        if handle is None:
            return _error(404, "Not Found: method not found")
        found: tuple[int, Mapping[str, Any]] = handle(request.values)
        return found

    def _do_sendMessage(self, values: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:  # noqa: N802
        with self.lock:
            chat = str(values.get("chat_id", ""))
            if chat in self.moved:
                return _error(
                    400,
                    "Bad Request: group chat was upgraded to a supergroup chat",
                    {"migrate_to_chat_id": self.moved[chat]},
                )
            if chat in self.blocked:
                return _error(403, "Forbidden: bot was blocked by the user")
            if chat not in self.chats:
                return _error(400, "Bad Request: chat not found")
            if wrong := _wrong_text(values) or _wrong_buttons(values):
                return wrong
            made = ChatMessage(len(self.messages) + 1, chat, values["text"], _data(values))
            self.messages.append(made)
            return _ok(made.document())

    def _do_editMessageText(self, values: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:  # noqa: N802
        with self.lock:
            known = {(each.chat, each.number): each for each in self.messages}
            message = known.get((str(values["chat_id"]), int(values["message_id"])))
            if message is None:
                return _error(400, "Bad Request: message to edit not found")
            if wrong := _wrong_text(values) or _wrong_buttons(values):
                return wrong
            if (message.text, message.buttons) == (values["text"], _data(values)):
                return _error(400, "Bad Request: message is not modified")
            message.text, message.buttons = values["text"], _data(values)
            return _ok(message.document())

    def _do_answerCallbackQuery(self, values: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:  # noqa: N802
        with self.lock:
            query = str(values["callback_query_id"])
            if query not in self.open_queries:
                return _error(
                    400,
                    "Bad Request: query is too old and response timeout expired or query ID "
                    "is invalid",
                )
            if len(values.get("text", "")) > 200:
                return _error(400, "Bad Request: MESSAGE_TOO_LONG")
            self.open_queries.discard(query)
            self.notices.append((query, values.get("text", ""), values.get("show_alert", False)))
            return _ok(True)

    def _do_getUpdates(self, values: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:  # noqa: N802
        offset, ends_at = int(values.get("offset", 0)), time.monotonic() + int(values["timeout"])
        with self.changed:
            self.polls.append(offset)
            self._asking += 1
            me = self._asking
            # Whoever asks last is served; the one before is sent away.
            self.changed.notify_all()
            if offset:
                self.updates = [each for each in self.updates if each["update_id"] >= offset]
            while True:
                if self._asking != me:
                    return _error(
                        409,
                        "Conflict: terminated by other getUpdates request; make sure that only "
                        "one bot instance is running",
                    )
                left_s = ends_at - time.monotonic()
                if self.updates or left_s <= 0 or self.closing.is_set():
                    return _ok(self.updates[: int(values.get("limit", 100))])
                self.changed.wait(left_s)


def _ok(result: object) -> tuple[int, Mapping[str, Any]]:
    return 200, {"ok": True, "result": result}


def _error(
    status: int, description: str, parameters: Mapping[str, Any] | None = None
) -> tuple[int, Mapping[str, Any]]:
    document: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
    return status, document | ({"parameters": dict(parameters)} if parameters else {})


def too_many(seconds: int) -> dict[str, Any]:
    """What Telegram answers when it wants to be left alone."""
    words = f"Too Many Requests: retry after {seconds}"
    return dict(_error(429, words, {"retry_after": seconds})[1])


def _wrong_text(values: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]] | None:
    text = values.get("text", "")
    if "parse_mode" in values:
        return _error(400, "Bad Request: can't parse entities")
    try:
        length = len(text.encode("utf-16-le")) // 2
    except UnicodeEncodeError:
        return _error(400, "Bad Request: strings must be encoded in UTF-8")
    if "\0" in text:
        return _error(400, "Bad Request: strings must be encoded in UTF-8")
    if not text.strip():
        return _error(400, "Bad Request: message text is empty")
    if length > 4096:
        return _error(400, "Bad Request: message is too long")
    return None


def _data(values: Mapping[str, Any]) -> list[str]:
    rows = (values.get("reply_markup") or {}).get("inline_keyboard") or []
    return [button["callback_data"] for row in rows for button in row]


def _wrong_buttons(values: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]] | None:
    rows = (values.get("reply_markup") or {}).get("inline_keyboard") or []
    for row in rows:
        for button in row:
            if not 1 <= len(button["callback_data"].encode()) <= 64 or not button["text"]:
                return _error(400, "Bad Request: BUTTON_DATA_INVALID")
    return None
