"""Calls under way: whether anybody heard, and what comes next when nobody did.

A call counts as told only when a key was pressed, or somebody acknowledged meanwhile. Else the
number is called twice more, and then gets a text message. Each call is one attempt with one record.
"""

from __future__ import annotations

import threading
import time
from dataclasses import field
from typing import TYPE_CHECKING

from mechexo.actor import Actor, Role
from mechexo.alerts import attempt_records, call_records, outbox_reading
from mechexo.alerts.answering import actor_of
from mechexo.alerts.channels.address import address_of
from mechexo.alerts.damage import DamagedRowError
from mechexo.alerts.operations import acknowledge
from mechexo.alerts.processes import Borrowed, Processes
from mechexo.alerts.redialling import LOST_AFTER, Verdict, judge, next_call
from mechexo.alerts.values import AlertState, Delivery
from mechexo.errors import ConfigError, MechexoError
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mechexo.alerts.call_records import Call
    from mechexo.alerts.channels.address import Address
    from mechexo.alerts.channels.process import Answer
    from mechexo.alerts.outbox import Claim
    from mechexo.alerts.values import Alert
    from mechexo.config import ChannelSettings
    from mechexo.desk import Desk


def under_way(desk: Desk) -> bool:
    """Whether any call is under way. Cheap: for asking each second."""
    return call_records.any_under_way(desk.state.reader())


def look_at_calls(
    desk: Desk, *, deadline_s: float = 8.0, processes: Processes | None = None
) -> tuple[Delivery, ...]:
    """Looks what became of the calls under way, all channels at once; returns the deliveries that
    were settled, as they are now. A pressed key acknowledges what the call was about.

    Returns within `deadline_s` seconds. `processes` are kept for the next call; they must not be
    those of the sender, which speaks to the same service meanwhile.

    Raises:
        BusyError, StateError: the state file cannot be written; it is looked again.
    """
    calls = call_records.calls_under_way(desk.state.reader())
    if not calls:
        return ()
    own = Processes() if processes is None else processes
    ends_at_s = time.monotonic() + deadline_s
    looks = [
        _Look(desk, name, [call for call in calls if call.channel == name], own, ends_at_s)
        for name in sorted({call.channel for call in calls})
    ]
    threads = [
        threading.Thread(target=look.run, name=f"calls-{look.channel}", daemon=True)
        for look in looks
    ]
    try:
        for thread in threads:
            thread.start()
        for look, thread in zip(looks, threads, strict=True):
            thread.join(max(ends_at_s - time.monotonic(), 0.1))
            if thread.is_alive():
                look.give_up()
    finally:
        if processes is None:
            own.end()
    for look in looks:
        if look.error is not None:
            raise look.error
    return tuple(each for look in looks for each in tuple(look.done))


@dataclass(slots=True)
class _Look:
    """The calls of one channel, looked at once."""

    desk: Desk
    channel: str
    calls: list[Call]
    processes: Processes
    ends_at_s: float
    done: list[Delivery] = field(default_factory=list)
    error: BaseException | None = None
    borrowed: Borrowed | None = None
    """The sending process in use."""

    def give_up(self) -> None:
        """Ends the process that asks by force, if it is still in use."""
        borrowed, self.borrowed = self.borrowed, None
        if borrowed is not None:
            borrowed.kill()

    def run(self) -> None:
        try:
            self._look()
        except BaseException as error:  # noqa: BLE001 - raised by look_at_calls, in its own thread
            self.error = error
        finally:
            self.give_up()
            self.desk.state.close()

    def _look(self) -> None:
        settings = self.desk.settings.channels.get(self.channel)
        if settings is None or settings.kind != "phone":
            gone = Verdict("unheard", f"{self.channel} is no telephone any more")
            for call in self.calls:
                self._settle(call, call.claims, gone)
            return
        try:
            address = address_of(settings, self.desk.root)
        except ConfigError as error:
            for call in self.calls:
                self._unknown(call, str(error))
            return
        for call in self.calls:
            self._look_at(call, settings, address)

    def _look_at(self, call: Call, settings: ChannelSettings, address: Address) -> None:
        known = [each for each in call.claims if each.alert.state is AlertState.ACKNOWLEDGED]
        for claim in known:
            knows = f"{claim.alert.acknowledged_by} knows"
            self._settle(call, [claim], Verdict("sent", f"acknowledged meanwhile: {knows}"))
        if len(known) == len(call.claims):
            self._ask(address, {"do": "hang_up", "reference": call.reference})
            return
        answer = self._ask(address, {"do": "look", "reference": call.reference})
        if answer.outcome != "answered":
            self._unknown(call, answer.detail)
            return
        status = str(answer.found["status"])
        verdict = judge(
            status, str(answer.found["answered_by"]), pressed=bool(answer.found["pressed"])
        )
        claims = [each for each in call.claims if each not in known]
        if verdict.outcome == "sent":
            words = "; ".join(dict.fromkeys(self._acknowledge(claims, settings, address)))
            self._settle(call, claims, Verdict("sent", f"{verdict.words}; {words}"))
        elif verdict.outcome:
            self._settle(call, claims, verdict)
        elif status != call.status:
            with self.desk.state.write() as transaction:
                call_records.set_status(transaction.connection, call, status)
            self._unknown(call, f"the call is {status} still")

    def _ask(self, address: Address, question: dict[str, object]) -> Answer:
        limit_s = max(self.ends_at_s - time.monotonic() - 0.2, 0.3)
        until_s = time.monotonic() + limit_s
        borrowed = self.borrowed = self.processes.borrow(self.channel, address, 8.0)
        answer = borrowed.ready(until_s)
        if answer.outcome == "ready":
            answer = borrowed.process.ask(question, until_s)
            if answer.outcome != "unanswered":
                self.borrowed = None
                borrowed.keep()
        return answer

    def _acknowledge(
        self, claims: list[Claim], settings: ChannelSettings, address: Address
    ) -> list[str]:
        """Acknowledges what was heard; what became of it, in words."""
        user = settings.actors.get(settings.to) or settings.actors.get(address.parts["to"])
        # Whoever holds a telephone that the configuration names may say that they know.
        itself = Actor(-1, f"phone:{self.channel}", granted=Role.RESPONDER)
        theirs, said = self.desk.acting_as(actor_of(user) if user else itself), []
        for claim in claims:
            if claim.kind != "page":
                continue
            try:
                alert = acknowledge(
                    theirs,
                    claim.alert.id,
                    note=f"a key pressed on {self.channel}",
                    through=self.channel,
                    shown=claim.shown,
                )
                said.append(_known(alert, claim, theirs.actor.name))
            except MechexoError as error:
                # What is damaged stays so: the call is over all the same.
                if error.exit_code not in (3, 4) and not isinstance(error, DamagedRowError):
                    raise
                said.append(str(error))
        return said

    def _unknown(self, call: Call, why: str) -> None:
        """Nothing is known yet; after a while that counts as unheard."""
        if abs(self.desk.clock.now() - call.placed_at) >= LOST_AFTER:
            self._settle(call, call.claims, Verdict("unheard", f"its end is not known: {why}"))

    def _settle(self, call: Call, claims: Iterable[Claim], verdict: Verdict) -> None:
        with self.desk.state.write() as transaction:
            connection, now = transaction.connection, self.desk.clock.now()
            for claim in claims:
                if not call_records.end_call(connection, claim):
                    continue
                if verdict.outcome == "sent":
                    attempt_records.record_sent(connection, claim, verdict.words, now)
                else:
                    unheard = call_records.unheard(connection, [claim.delivery_id]) + 1
                    due_at = next_call(unheard, now)
                    attempt_records.record_retry(
                        connection, claim, "unheard", verdict.words, now, due_at
                    )
                self.done.append(outbox_reading.delivery(connection, claim.delivery_id))


def _known(alert: Alert, claim: Claim, who: str) -> str:
    if alert.acknowledged_by is None:
        return f"{who} knows of {claim.shown}; it is {alert.severity} now and goes on paging"
    return f"{alert.acknowledged_by} knows"
