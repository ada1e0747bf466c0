"""What people answer to a bot's messages, asked for by long polling and taken care of.

One program at a time asks one bot: others on the same state file leave it alone. An answer counts
as taken care of once its effect is on disk; a program that dies before sees it again.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mechexo.alerts import answer_records, answering
from mechexo.alerts.channels import chat
from mechexo.alerts.channels.address import address_of
from mechexo.alerts.processes import Borrowed, Processes
from mechexo.errors import ConfigError, MechexoError, UnreachableError
from mechexo.state.lock_files import held
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.alerts.answer_records import BotState
    from mechexo.alerts.answering import ChatAnswer, FirstSteps
    from mechexo.alerts.channels.address import Address
    from mechexo.alerts.channels.process import Answer, SendingProcess
    from mechexo.config import ChannelSettings
    from mechexo.desk import Desk

LONG_POLL_S = 25.0
"""How long one question waits for an answer in a program that runs on."""

_ANSWER_S = 8.0
"""How long one exchange may take, and how much longer than its own wait a long poll."""

_NUMBERS_LAST = timedelta(days=6)
"""After a week without any answer the next one has a number drawn by lot, which may be lower than
the one expected: from here on whatever waits is asked for. What was seen stays seen: it was
confirmed long ago."""

_NOTED_EVERY = timedelta(minutes=1)
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0


@dataclass(frozen=True, slots=True)
class Bot:
    """A bot and the channels that speak through it."""

    id: str
    """A digest: neither the token nor the address."""
    address: Address
    channels: Mapping[str, str]
    """Their names by the ids of their chats."""
    actors: Mapping[str, str]
    """The desk's users by their numeric ids in the chat."""

    @property
    def name(self) -> str:
        """The channels' names, for people."""
        return ", ".join(sorted(self.channels.values()))

    def channel(self, chat_id: str) -> str:
        """The channel of a chat; for a chat of its own with somebody, the first one's name."""
        return self.channels.get(chat_id) or min(self.channels.values())


def poll_answers(
    desk: Desk,
    wait_s: float = 0.0,
    *,
    first_steps: FirstSteps | None = None,
    processes: Processes | None = None,
) -> tuple[ChatAnswer, ...]:
    """Takes care of what people have answered in the chats, of all bots at once.

    Waits at most `wait_s` seconds for an answer (0 for a tick), and 8 s more for the service. A bot
    that another program asks on this state file is left to it. `first_steps` tells what a runbook
    entry begins with. `processes` are kept for the next call.

    Raises:
        UnreachableError: a bot could not be asked; the others were.
        BusyError, StateError: the state file cannot be written; the answers wait at the service.
    """
    bots, troubles = _bots(desk)
    own = Processes() if processes is None else processes
    asked = [_Asking(desk, bot, wait_s, first_steps, own) for bot in bots]
    threads = [
        threading.Thread(target=each.run, name=f"answers-{each.bot.name}", daemon=True)
        for each in asked
    ]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        if processes is None:
            own.end()
    for each in asked:
        if each.error is not None and not isinstance(each.error, UnreachableError):
            raise each.error
    troubles += [str(each.error) for each in asked if each.error is not None]
    if troubles:
        raise UnreachableError("; ".join(troubles))
    return tuple(answer for each in asked for answer in each.done)


def bots_asked(desk: Desk) -> tuple[tuple[str, BotState | None], ...]:
    """Each bot by its channels' names, and when it was last asked and with what trouble; None for
    one that never was."""
    bots, _ = _bots(desk)
    reader = desk.state.reader()
    return tuple((bot.name, answer_records.bot_state(reader, bot.id)) for bot in bots)


class Listener:
    """Asks for answers again and again, for a program that runs on: `run`, in its own thread.

    `tell` hears what keeps it from asking, once each time it changes, and "" when that is over.
    """

    def __init__(
        self,
        desk: Desk,
        *,
        first_steps: FirstSteps | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._desk, self._first_steps, self._tell = desk, first_steps, tell
        self._processes = Processes()
        self._stopping = threading.Event()

    def run(self) -> None:
        """Asks until `stop` is called. After a failure it asks less often: after a minute at
        most."""
        pause_s, trouble = _FIRST_PAUSE_S, ""
        while not self._stopping.is_set():
            began_s = time.monotonic()
            found, answered = self._poll()
            if self._stopping.is_set():
                return
            if found != trouble:
                trouble = found
                self._tell(trouble)
            if trouble:
                self._stopping.wait(pause_s)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            elif not answered and time.monotonic() - began_s < _FIRST_PAUSE_S:
                # There was nobody to ask, or another program asks already.
                self._stopping.wait(_FIRST_PAUSE_S)
            if not trouble:
                pause_s = _FIRST_PAUSE_S

    def _poll(self) -> tuple[str, bool]:
        """Asks once; what kept it from it, in words, and whether anybody had answered."""
        try:
            answered = poll_answers(
                self._desk,
                LONG_POLL_S,
                first_steps=self._first_steps,
                processes=self._processes,
            )
        except MechexoError as error:
            return str(error), False
        except Exception as error:  # noqa: BLE001 - told; nobody's answer shall wait for a restart
            return f"{type(error).__name__}: {error}", False
        return "", bool(answered)

    def stop(self) -> None:
        """Ends the asking at once, also one that waits; what nobody took care of stays."""
        self._stopping.set()
        self._processes.end()


def _bots(desk: Desk) -> tuple[list[Bot], list[str]]:
    """The bots of the configuration, and what keeps any from being asked. A bot whose channels
    name no actors is not asked: nobody may answer it."""
    parts: dict[tuple[str, str], list[tuple[str, ChannelSettings, Address]]] = {}
    troubles = []
    for name, channel in desk.settings.channels.items():
        if channel.kind != "telegram" or not channel.actors:
            continue
        try:
            address = address_of(channel, desk.root)
        except ConfigError as error:
            troubles.append(f"{name}: {error}")
            continue
        key = (address.parts["api"], address.parts["token"])
        parts.setdefault(key, []).append((name, channel, address))
    bots = [
        Bot(
            hashlib.sha256("\0".join(("mechexo-bot", *key)).encode()).hexdigest()[:24],
            found[0][2],
            {address.parts["to"]: name for name, _, address in reversed(found)},
            {user: who for _, channel, _ in found for user, who in channel.actors.items()},
        )
        for key, found in parts.items()
    ]
    return bots, troubles


@dataclass(slots=True)
class _Asking:
    """One bot, asked once."""

    desk: Desk
    bot: Bot
    wait_s: float
    first_steps: FirstSteps | None
    processes: Processes
    done: list[ChatAnswer] = field(default_factory=list)
    error: BaseException | None = None
    borrowed: Borrowed | None = None
    """The process that asks, while it is in use."""

    def run(self) -> None:
        try:
            # No other program asks this bot on this state file meanwhile.
            path = f"{self.desk.state.path}.bot-{self.bot.id}"
            with held(path, "bot's") as alone:
                if alone:
                    self._ask()
        except BaseException as error:  # noqa: BLE001 - raised by poll_answers, in its own thread
            self.error = error
        finally:
            if self.borrowed is not None:
                self.borrowed.kill()
            self.desk.state.close()

    def _ask(self) -> None:
        state = answer_records.bot_state(self.desk.state.reader(), self.bot.id)
        until_s = time.monotonic() + _ANSWER_S
        borrowed = self.borrowed = self.processes.borrow(self.bot.id, self.bot.address, _ANSWER_S)
        process, ready = borrowed.process, borrowed.ready(until_s)
        if ready.outcome != "ready":
            self._fail(state, f"could not start asking: {ready.detail}")
        limit_s = self.wait_s + _ANSWER_S
        answer = process.ask(
            {
                "do": "updates",
                "offset": self._offset(state),
                "wait_s": int(self.wait_s),
                "limit_s": limit_s,
            },
            time.monotonic() + limit_s,
        )
        if answer.outcome != "answered":
            self._fail(state, answer.detail)
        now = self.desk.clock.now()
        if state is None or state.trouble or not (now - _NOTED_EVERY < state.asked_at <= now):
            self._note("")
        for update in answer.found["updates"]:
            self._take(process, update)
        self.borrowed = None
        borrowed.keep()

    def _offset(self, state: BotState | None) -> int:
        if state is None or not state.next_update:
            return 0
        age = self.desk.clock.now() - state.update_at
        return state.next_update if timedelta(0) <= age < _NUMBERS_LAST else 0

    def _fail(self, state: BotState | None, why: str) -> None:
        if state is None or state.trouble != why:
            self._note(why)
        raise UnreachableError(f"{self.bot.name}: the answers cannot be asked for: {why}")

    def _note(self, trouble: str) -> None:
        with self.desk.state.write() as transaction:
            now = self.desk.clock.now()
            answer_records.record_asked(transaction.connection, self.bot.id, trouble, now)

    def _take(self, process: SendingProcess, update: Mapping[str, Any]) -> None:
        """Takes care of one answer. One that makes the program fail is left behind, so that those
        after it are not kept waiting; only what cannot be written now stays."""
        try:
            self._fulfil(process, update)
        except MechexoError:
            raise
        except Exception:
            self._leave_behind(update)
            raise
        self._leave_behind(update)

    def _leave_behind(self, update: Mapping[str, Any]) -> None:
        with self.desk.state.write() as transaction:
            now = self.desk.clock.now()
            answer_records.record_update(
                transaction.connection, self.bot.id, int(update["number"]), now
            )

    def _fulfil(self, process: SendingProcess, update: Mapping[str, Any]) -> None:
        is_press = "query" in update
        wish = _wish(update)
        if wish is None:
            if is_press:
                self._tell(process, update, "this button is of no use any more", loud=True)
            return
        channel = self.bot.channel(str(update["chat"]))
        user = self.bot.actors.get(str(update["user"]))
        if user is None:
            done = answering.refuse(self.desk, self.bot.id, channel, str(update["user"]), wish)
        else:
            message = str(update["message"] if is_press else update["answered_message"])
            done = answering.fulfil(self.desk, channel, user, wish, self.first_steps, message)
        self.done.append(done)
        is_long = len(done.words) > chat.NOTICE_LIMIT or "\n" in done.words
        if not is_press or is_long:
            self._say(process, update, done.words)
        if is_press:
            short = "see the chat" if is_long else done.words
            self._tell(process, update, short, loud=not done.done)
        if is_press and done.mark and update["text"]:
            self._edit(process, update, wish, done.mark)

    def _tell(
        self, process: SendingProcess, update: Mapping[str, Any], words: str, *, loud: bool
    ) -> None:
        question = {"do": "notice", "query": update["query"], "text": words, "loud": loud}
        self._ask_service(process, question)

    def _say(self, process: SendingProcess, update: Mapping[str, Any], words: str) -> None:
        if update["chat"]:
            question = {"do": "say", "chat": update["chat"], "text": words}
            self._ask_service(process, question)

    def _edit(
        self, process: SendingProcess, update: Mapping[str, Any], wish: chat.Wish, mark: str
    ) -> None:
        text = str(update["text"])
        if mark in text:
            return
        room = chat.TEXT_LIMIT - chat.units(mark) - 2
        question = {
            "do": "edit",
            "chat": update["chat"],
            "message": update["message"],
            "text": f"{chat.fitting(text, room)}\n\n{mark}",
            "buttons": chat.left_after(update["buttons"], wish),
        }
        self._ask_service(process, question)

    def _ask_service(self, process: SendingProcess, question: Mapping[str, object]) -> Answer:
        """What only tells of an effect is tried once: the effect itself is on disk, and the
        service forgets a press within seconds."""
        return process.ask(question, time.monotonic() + _ANSWER_S)


def _wish(update: Mapping[str, Any]) -> chat.Wish | None:
    if "query" in update:
        return chat.pressed(str(update["data"]))
    if "text" in update:
        answered: Sequence[str] = update["answered"]
        return chat.written(str(update["text"]), answered)
    return None
