"""Draining the outbox: what is due goes to its channels, each on its own.

One thread and one sending process per channel, so that a channel that hangs takes nothing from
the others. A row is leased, sent and settled before the next one of its channel is leased.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.alerts import (
    attempt_records,
    call_records,
    failing_channels,
    message,
    outbox,
    outbox_reading,
    redialling,
    retry,
)
from mechexo.alerts.book import apply_step
from mechexo.alerts.bundling import Limit, Wait
from mechexo.alerts.channels.address import address_of
from mechexo.alerts.channels.process import Answer, Outgoing
from mechexo.alerts.configured import calendars_ahead, limit_of
from mechexo.alerts.crowding import crowd_waits_until
from mechexo.alerts.processes import Borrowed, Processes
from mechexo.alerts.values import SEVERITIES, Delivery
from mechexo.errors import ConfigError
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.alerts.channels.process import SendingProcess
    from mechexo.alerts.outbox import Bundle, Claim
    from mechexo.desk import Desk
    from mechexo.state import Transaction

HARD_LIMIT_S = 10.0
"""No attempt takes longer, whatever the channel's timeout says; below the lease."""

FAILING_AFTER_ATTEMPTS = 3
"""A channel that failed a message this often, and delivered no other, raises an alert."""

_SETTLING_S = 0.4
"""Kept back from the deadline, to kill what hangs and to write down what happened."""

_LEAST_S = 0.3
"""No attempt starts with less time than this before it."""

_LONGEST_WAIT_S = 2.0
"""How long a pass waits for a channel's limit; what must wait longer is left to the next pass."""


def deliver_due(
    desk: Desk,
    *,
    deadline_s: float = 10.0,
    entries: Mapping[str, str] | None = None,
    processes: Processes | None = None,
) -> tuple[Delivery, ...]:
    """Sends what is due, all channels at once; returns the deliveries it tried, as they are now.

    When a level turns out to reach nobody, the next one is told within the same call. Returns
    within `deadline_s` seconds: an attempt still under way then is ended by force and its message
    is due again, with the reason. `entries` are the runbook entries to point at, by alert name, for
    alerts that name none. `processes` keeps the channels' sending processes for the next call;
    without it they end with this one.

    Raises:
        BusyError: the state file stayed locked; what was sent and could not be recorded is sent
            again when its lease ends, marked as a resend.
    """
    began_s = time.monotonic()
    ends_at_s = began_s + deadline_s - _SETTLING_S
    if outbox_reading.stranded(desk.state.reader(), desk.settings.channels):
        calendars = calendars_ahead(desk)
        with desk.state.write(deadline_s / 2) as transaction:
            now = desk.clock.now()
            apply_step(desk, transaction, now, (), calendars=calendars, thorough=False)
    own = Processes() if processes is None else processes
    done: dict[int, Delivery] = {}
    try:
        tried: set[str] = set()
        while names := _with_work(desk, tried):
            drains = [_Drain(desk, name, ends_at_s, entries or {}, own) for name in names]
            _run_all(drains, began_s + deadline_s)
            done |= {each.id: each for drain in drains for each in tuple(drain.done)}
            # A round more only for what this one brought about: a level that reached nobody, a
            # channel that fails.
            tried |= set(names)
            brought = _raise_failing_channels(desk, drains) | _fall_back(desk)
            tried -= brought - {drain.channel for drain in drains if drain.trouble()}
            if ends_at_s - time.monotonic() < _LEAST_S:
                break
    finally:
        if processes is None:
            own.end()
    return tuple(sorted(done.values(), key=lambda delivery: delivery.id))


def deliver_these(desk: Desk, deliveries: Iterable[Delivery], *, deadline_s: float = 10.0) -> None:
    """Sends these messages and no others, whatever the limits of their channels; each is tried
    once. One that another process is sending is left to it.

    Raises:
        BusyError: the state file stayed locked.
    """
    began_s, own = time.monotonic(), Processes()
    wanted: dict[str, set[int]] = {}
    for each in deliveries:
        wanted.setdefault(each.channel, set()).add(each.id)
    drains = [
        _Drain(desk, name, began_s + deadline_s - _SETTLING_S, {}, own, only=frozenset(ids))
        for name, ids in wanted.items()
    ]
    try:
        _run_all(drains, began_s + deadline_s)
        _raise_failing_channels(desk, drains)
    finally:
        own.end()


def _run_all(drains: Sequence[_Drain], until_s: float) -> None:
    threads = [
        threading.Thread(target=drain.run, name=f"send-{drain.channel}", daemon=True)
        for drain in drains
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(until_s - time.monotonic(), 0.0))
    for drain, thread in zip(drains, threads, strict=True):
        if thread.is_alive():
            drain.give_up()
    for drain in drains:
        if drain.error is not None:
            raise drain.error


def _with_work(desk: Desk, tried: Collection[str]) -> list[str]:
    found = outbox_reading.channels_with_work(desk.state.reader(), desk.clock.now())
    return [name for name in found if name not in tried]


def _fall_back(desk: Desk) -> set[str]:
    """Tells the next level of what has reached nobody at its present one; the channels of it."""
    now, patience = desk.clock.now(), desk.settings.alerts.fallback_after
    if not outbox_reading.unreached(desk.state.reader(), now, patience):
        return set()
    calendars = calendars_ahead(desk)
    with desk.state.write() as transaction:
        effects = apply_step(desk, transaction, now, (), calendars=calendars, thorough=False)
    return {page.channel for page in effects.pages}


def _raise_failing_channels(desk: Desk, drains: Iterable[_Drain]) -> set[str]:
    """Raises an alert for each channel that does not deliver, and resolves it when it does again:
    the people behind the other channels shall know that one is out. The channels that page it."""
    said = [
        failing_channels.observation(drain.channel, trouble)
        for drain in drains
        if (trouble := drain.trouble()) is not None or drain.delivered()
    ]
    if not said:
        return set()
    calendars = calendars_ahead(desk)
    with desk.state.write() as transaction:
        effects = apply_step(desk, transaction, desk.clock.now(), said, calendars=calendars)
    return {page.channel for page in effects.pages}


@dataclass(slots=True)
class _Drain:
    """The work of one channel in one pass."""

    desk: Desk
    channel: str
    ends_at_s: float
    entries: Mapping[str, str]
    processes: Processes
    done: list[Delivery] = field(default_factory=list)
    error: BaseException | None = None
    borrowed: Borrowed | None = None
    """The sending process in use."""
    rejected: str = ""
    """Why nothing can ever be sent as the channel is configured."""
    only: frozenset[int] | None = None
    """Only these messages, and no limit for them."""

    def run(self) -> None:
        try:
            self._drain()
        except BaseException as error:  # noqa: BLE001 - raised by deliver_due, in its own thread
            self.error = error
        finally:
            self.give_up()
            self.desk.state.close()

    def give_up(self) -> None:
        """Ends the sending process by force, if it is still in use."""
        borrowed, self.borrowed = self.borrowed, None
        if borrowed is not None:
            borrowed.kill()

    def delivered(self) -> bool:
        """Whether a message went out."""
        return any(each.state == "sent" for each in self.done)

    def trouble(self) -> str | None:
        """Why this channel counts as failing; None when it does not (or is configured no more)."""
        if self.delivered() or self.channel not in self.desk.settings.channels:
            return None
        if self.rejected:
            return self.rejected
        bad = [
            each
            for each in self.done
            # A call under way is no failure, and one that nobody heard is none of the channel.
            if each.state != "sending"
            and (each.state == "failed" or each.attempts >= FAILING_AFTER_ATTEMPTS)
        ]
        return bad[-1].detail if bad else None

    def _drain(self) -> None:
        settings = self.desk.settings.channels.get(self.channel)
        if settings is None:
            gone = f"{self.channel} is not in the configuration any more"
            self._cancel_all(gone)
            self._answer_all(Answer("rejected", f"{gone}, and no other takes this"))
            return
        try:
            address = address_of(settings, self.desk.root)
        except ConfigError as error:
            self._answer_all(Answer("refused", str(error)))
            return
        limit_s = min(settings.timeout.total_seconds(), HARD_LIMIT_S)
        borrowed = self.borrowed = self.processes.borrow(self.channel, address, limit_s)
        ready = borrowed.ready(min(time.monotonic() + HARD_LIMIT_S, self.ends_at_s))
        if ready.outcome == "ready":
            if self._send_all(borrowed.process, limit_s):
                self.borrowed = None
                borrowed.keep()
        elif ready.outcome == "rejected":
            self.rejected = ready.detail
            self._answer_all(ready)
        else:
            # Nothing was handed to it: it is certain that nothing went out.
            self._answer_one(Answer("refused", f"could not start sending: {ready.detail}"))

    def _send_all(self, process: SendingProcess, limit_s: float) -> bool:
        """Sends what is due; whether the process is of further use."""
        while (bundle := self._claim()) is not None:
            answer = self._send(process, bundle, limit_s)
            self._settle(bundle, answer)
            if answer.outcome == "rejected":
                self.rejected = answer.detail
            if answer.outcome == "unanswered":
                # A channel that hangs is left for this pass.
                return False
            if answer.retry_after_s is not None:
                break
        return True

    def _send(self, process: SendingProcess, bundle: Bundle, limit_s: float) -> Answer:
        words = _in_words(self.desk, bundle, self.entries)
        how = {"do": "text"} if self._by_text(bundle) else {}
        return process.send(words, min(time.monotonic() + limit_s, self.ends_at_s), **how)

    def _by_text(self, bundle: Bundle) -> bool:
        """Whether a telephone gets a text message now: nobody heard it ring, or nothing is the
        matter that it should ring for."""
        if self.desk.settings.channels[self.channel].kind != "phone":
            return False
        called = [claim.delivery_id for claim in bundle.claims if claim.kind == "page"]
        unheard = call_records.unheard(self.desk.state.reader(), called)
        return not called or redialling.by_text(unheard)

    def _cancel_all(self, why: str) -> None:
        """Nothing is told through this channel again: only pages have another way."""
        with self.desk.state.write(self._wait_s()) as transaction:
            now = self.desk.clock.now()
            outbox.cancel_on_gone(transaction.connection, self.channel, why, now, only=self.only)

    def _answer_all(self, answer: Answer) -> None:
        """The same answer for everything that is due: the channel cannot be used at all."""
        while self._answer_one(answer):
            pass

    def _answer_one(self, answer: Answer) -> bool:
        bundle = self._claim(Limit(None))
        if bundle is not None:
            self._settle(bundle, answer)
        return bundle is not None

    def _claim(self, limit: Limit | None = None) -> Bundle | None:
        """The next message, waited for when the channel's limit lets it go within this pass."""
        if self.only is not None:
            limit = Limit(None)
        elif limit is None:
            limit = limit_of(self.desk.settings.channels[self.channel])
        while self._has_time():
            now = self.desk.clock.now()
            found: Bundle | Wait | None = None
            if not limit.takes_all:
                found = crowd_waits_until(self.desk.state.reader(), self.channel, limit, now)
            if found is None:
                with self.desk.state.write(self._wait_s()) as transaction:
                    now = self.desk.clock.now()
                    found = outbox.claim(
                        transaction.connection, self.channel, limit, now, only=self.only
                    )
            if not isinstance(found, Wait):
                return found
            wait_s = (found.until - now).total_seconds()
            if self.ends_at_s - time.monotonic() - wait_s < _LEAST_S or wait_s > _LONGEST_WAIT_S:
                return None
            time.sleep(max(wait_s, 0.001))
        return None

    def _settle(self, bundle: Bundle, answer: Answer) -> None:
        with self.desk.state.write(self._wait_s()) as transaction:
            now = self.desk.clock.now()
            if answer.retry_after_s is not None:
                until = retry.asked_to_wait(now, answer.retry_after_s)
                attempt_records.leave_alone(transaction.connection, self.channel, until)
            for claim in bundle.claims:
                _record(transaction, bundle.channel, claim, answer, now)
                self.done.append(outbox_reading.delivery(transaction.connection, claim.delivery_id))

    def _has_time(self) -> bool:
        return self.ends_at_s - time.monotonic() > _LEAST_S

    def _wait_s(self) -> float:
        return max(self.ends_at_s + _SETTLING_S / 2 - time.monotonic(), 0.1)


def _in_words(desk: Desk, bundle: Bundle, entries: Mapping[str, str]) -> Outgoing:
    """The bundle as one message."""
    settings, first = desk.settings.desk, bundle.claims[0]
    resend = any(claim.resend for claim in bundle.claims)
    said = [(claim.alert, claim.kind) for claim in bundle.claims]
    if len(said) > 1:
        title = message.digest_title(said, settings.name, settings.mode, resend=resend)
        body = message.digest_body(said, desk.zone)
    else:
        entry = entries.get(first.alert.name, "")
        title = message.title(first.alert, first.kind, settings.name, settings.mode, resend=resend)
        body = message.body(first.alert, first.kind, desk.zone, entry)
    urgent = message.most_urgent({claim.alert.id: claim.alert for claim in bundle.claims})
    return Outgoing(
        at=desk.clock.now(),
        desk=settings.name,
        channel=bundle.channel,
        kind=first.kind if len(said) == 1 else "digest",
        alert_id=first.alert.id if len(said) == 1 else None,
        alert_ids=urgent,
        severity=min((alert.severity for alert, _ in said), key=SEVERITIES.index),
        title=title,
        body=body,
    )


def _record(
    transaction: Transaction, channel: str, claim: Claim, answer: Answer, now: datetime
) -> None:
    connection = transaction.connection
    if answer.outcome == "sent":
        attempt_records.record_sent(connection, claim, answer.detail, now, answer.reference)
    elif answer.outcome == "placed":
        # It is being sent until `calls` has learnt whether anybody heard.
        call_records.add_call(connection, claim, channel, answer.reference, now)
    elif answer.outcome == "rejected":
        later = retry.next_try_of_rejected(now)
        attempt_records.record_retry(connection, claim, "rejected", answer.detail, now, later)
    elif due_at := retry.next_try(claim.attempt, claim.first_due_at, now):
        if answer.retry_after_s is not None:
            due_at = max(due_at, retry.asked_to_wait(now, answer.retry_after_s))
        attempt_records.record_retry(connection, claim, answer.outcome, answer.detail, now, due_at)
    else:
        given_up = f"given up after {claim.attempt} attempts: {answer.detail}"
        attempt_records.record_failed(connection, claim, answer.outcome, given_up, now)
