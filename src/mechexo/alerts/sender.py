"""Draining the outbox: what is due goes to its channels, each on its own.

One thread and one sending process per channel, so that a channel that hangs takes nothing from
the others. A row is leased, sent and settled before the next one of its channel is leased.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.alerts import message, outbox, records, retry
from mechexo.alerts.book import apply_step
from mechexo.alerts.channels.address import address_of
from mechexo.alerts.channels.process import Answer, Outgoing, SendingProcess
from mechexo.alerts.text import clean
from mechexo.alerts.values import Delivery, Observation
from mechexo.errors import ConfigError

if TYPE_CHECKING:
    from mechexo.alerts.outbox import Claim
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


def deliver_due(
    desk: Desk, *, deadline_s: float = 10.0, entries: Mapping[str, str] | None = None
) -> tuple[Delivery, ...]:
    """Sends what is due, all channels at once; returns the deliveries it tried, as they are now.

    Returns within `deadline_s` seconds: an attempt still under way then is ended by force and
    its message is due again, with the reason. `entries` are the runbook entries to point at, by
    alert name, for alerts that name none.

    Raises:
        BusyError: the state file stayed locked; what was sent and could not be recorded is sent
            again when its lease ends, marked as a resend.
    """
    began_s = time.monotonic()
    if outbox.stranded(desk.state.reader(), desk.settings.channels):
        with desk.state.write(deadline_s / 2) as transaction:
            apply_step(desk, transaction, desk.clock.now(), ())
    names = outbox.channels_with_work(desk.state.reader(), desk.clock.now())
    if not names:
        return ()
    ends_at_s = began_s + deadline_s - _SETTLING_S
    drains = [_Drain(desk, name, ends_at_s, entries or {}) for name in names]
    threads = [
        threading.Thread(target=drain.run, name=f"send-{drain.channel}", daemon=True)
        for drain in drains
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(began_s + deadline_s - time.monotonic(), 0.0))
    for drain in drains:
        drain.stop()
    for drain in drains:
        if drain.error is not None:
            raise drain.error
    _raise_failing_channels(desk, drains)
    done = [each for drain in drains for each in tuple(drain.done)]
    return tuple(sorted(done, key=lambda delivery: delivery.id))


def channels_gone(desk: Desk, transaction: Transaction) -> list[Observation]:
    """Resolves the alerts about channels that are not in the configuration any more."""
    return [
        Observation(
            key=f"channel:{name}",
            firing=False,
            severity="high",
            name="channel_failing",
            summary=f"{name} is not in the configuration any more",
            source="outbox",
        )
        for name in records.failing_channels(transaction.connection)
        if name not in desk.settings.channels
    ]


def _raise_failing_channels(desk: Desk, drains: Iterable[_Drain]) -> None:
    """Raises an alert for each channel that does not deliver, and resolves it when it does again:
    the people behind the other channels shall know that one is out."""
    said = [
        Observation(
            key=f"channel:{drain.channel}",
            firing=trouble is not None,
            severity="high",
            name="channel_failing",
            summary=clean(
                f"{drain.channel} does not deliver: {trouble}" if trouble else "delivers"
            ),
            source="outbox",
            labels={"channel": drain.channel},
        )
        for drain in drains
        if (trouble := drain.trouble()) is not None or drain.delivered()
    ]
    if said:
        with desk.state.write() as transaction:
            apply_step(desk, transaction, desk.clock.now(), said)


@dataclass(slots=True)
class _Drain:
    """The work of one channel in one pass."""

    desk: Desk
    channel: str
    ends_at_s: float
    entries: Mapping[str, str]
    done: list[Delivery] = field(default_factory=list)
    error: BaseException | None = None
    process: SendingProcess | None = None
    rejected: str = ""
    """Why nothing can ever be sent as the channel is configured."""

    def run(self) -> None:
        try:
            self._drain()
        except BaseException as error:  # noqa: BLE001 - raised by deliver_due, in its own thread
            self.error = error
        finally:
            self.stop()
            self.desk.state.close()

    def stop(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.kill()

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
            if each.state == "failed" or each.attempts >= FAILING_AFTER_ATTEMPTS
        ]
        return bad[-1].detail if bad else None

    def _drain(self) -> None:
        settings = self.desk.settings.channels.get(self.channel)
        if settings is None:
            gone = f"{self.channel} is not in the configuration any more, and no other takes this"
            self._answer_all(Answer("rejected", gone))
            return
        try:
            address = address_of(settings, self.desk.root)
        except ConfigError as error:
            self._answer_all(Answer("refused", str(error)))
            return
        limit_s = min(settings.timeout.total_seconds(), HARD_LIMIT_S)
        process = self.process = SendingProcess(address, limit_s)
        ready = process.start(min(time.monotonic() + HARD_LIMIT_S, self.ends_at_s))
        if ready.outcome == "ready":
            self._send_all(process, limit_s)
        elif ready.outcome == "rejected":
            self.rejected = ready.detail
            self._answer_all(ready)
        else:
            # Nothing was handed to it: it is certain that nothing went out.
            self._answer_one(Answer("refused", f"could not start sending: {ready.detail}"))

    def _send_all(self, process: SendingProcess, limit_s: float) -> None:
        while self._has_time() and (claim := self._claim()) is not None:
            answer = self._send(process, claim, limit_s)
            self._settle(claim, answer)
            if answer.outcome == "unanswered":
                # The process is of no more use, and a channel that hangs is left for this pass.
                return

    def _send(self, process: SendingProcess, claim: Claim, limit_s: float) -> Answer:
        desk = self.desk.settings.desk
        words = Outgoing(
            at=self.desk.clock.now(),
            desk=desk.name,
            channel=self.channel,
            alert_id=claim.alert.id,
            severity=claim.alert.severity,
            title=message.title(claim.alert, desk.name, desk.mode, resend=claim.resend),
            body=message.body(claim.alert, self.desk.zone, self.entries.get(claim.alert.name, "")),
        )
        return process.send(words, min(time.monotonic() + limit_s, self.ends_at_s))

    def _answer_all(self, answer: Answer) -> None:
        """The same answer for everything that is due: the channel cannot be used at all."""
        while self._has_time() and self._answer_one(answer):
            pass

    def _answer_one(self, answer: Answer) -> bool:
        claim = self._claim()
        if claim is not None:
            self._settle(claim, answer)
        return claim is not None

    def _claim(self) -> Claim | None:
        with self.desk.state.write(self._wait_s()) as transaction:
            return outbox.claim(transaction.connection, self.channel, self.desk.clock.now())

    def _settle(self, claim: Claim, answer: Answer) -> None:
        with self.desk.state.write(self._wait_s()) as transaction:
            _record(transaction, claim, answer, self.desk.clock.now())
            self.done.append(outbox.delivery(transaction.connection, claim.delivery_id))

    def _has_time(self) -> bool:
        return self.ends_at_s - time.monotonic() > _LEAST_S

    def _wait_s(self) -> float:
        return max(self.ends_at_s + _SETTLING_S / 2 - time.monotonic(), 0.1)


def _record(transaction: Transaction, claim: Claim, answer: Answer, now: datetime) -> None:
    connection = transaction.connection
    if answer.outcome == "sent":
        outbox.record_sent(connection, claim, answer.detail, now)
    elif answer.outcome == "rejected":
        later = retry.next_try_of_rejected(now)
        outbox.record_retry(connection, claim, "rejected", answer.detail, now, later)
    elif due_at := retry.next_try(claim.attempt, claim.first_due_at, now):
        outbox.record_retry(connection, claim, answer.outcome, answer.detail, now, due_at)
    else:
        given_up = f"given up after {claim.attempt} attempts: {answer.detail}"
        outbox.record_failed(connection, claim, answer.outcome, given_up, now)
