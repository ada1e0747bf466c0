"""The outbox in memory, written apart from the tables: what the rules' effects come to."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from mechexo.alerts.effects import Effects, Hearing, Recent, Stranded, Unreached
from mechexo.alerts.policy import Policy
from mechexo.alerts.values import SEVERITIES, Alert, AlertState

PATIENCE = timedelta(seconds=60)

OVER = ("sent", "failed", "cancelled")


@dataclass(slots=True)
class Row:
    """One message to one channel."""

    alert_id: int
    page: int
    level: int
    channel: str
    kind: str
    due_at: datetime
    first_due_at: datetime
    together: bool = False
    state: str = "due"
    attempts: int = 0
    sent_at: datetime | None = None
    shown: str = ""

    @property
    def identity(self) -> tuple[int, int, int, str, str]:
        return self.alert_id, self.page, self.level, self.channel, self.kind


class OutboxModel:
    """Takes effects, sends what is due, and answers what the rules ask of an outbox."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, int, int, str, str], Row] = {}
        self.alerts: dict[int, Alert] = {}
        self.made = 0
        self._open: dict[int, Alert] = {}
        self._of: dict[int, list[Row]] = {}
        self._due: dict[tuple[int, int, int, str, str], Row] = {}

    def store(self, effects: Effects) -> None:
        """Everything that a step, an acknowledgement or a resolution said, in the book's order."""
        for alert in effects.alerts:
            self.alerts[alert.id] = alert
            self._open.pop(alert.id, None)
            if alert.is_open:
                self._open[alert.id] = alert
        for closing in effects.closings:
            told = {
                row.channel
                for row in self.of(closing.alert_id)
                if row.kind == "page" and row.state == "sent" and row.channel in closing.channels
            }
            for channel in told:
                row = Row(
                    closing.alert_id, closing.page, 0, channel, closing.kind,
                    closing.due_at, closing.due_at,
                )  # fmt: skip
                if row.identity not in self.rows:
                    self._add(row)
        for page in effects.pages:
            # What takes the place of an unsent one has been due since that was.
            replaced = [
                row.first_due_at
                for row in self.of(page.alert_id)
                if (row.channel, row.kind, row.state) == (page.channel, page.kind, "due")
            ]
            row = Row(
                page.alert_id, page.number, page.level, page.channel, page.kind,
                page.due_at, min([page.due_at, *replaced]), page.together,
            )  # fmt: skip
            assert row.identity not in self.rows, f"made twice: {row}"
            self._add(row)
        for each in effects.cancellations:
            for row in self.of(each.alert_id):
                if (
                    row.page <= each.up_to_page
                    and row.state == "due"
                    and row.kind in ("page", "reminder")
                    and (each.channels is None or row.channel in each.channels)
                ):
                    row.state = "cancelled"

    def _add(self, row: Row) -> None:
        self.rows[row.identity] = self._due[row.identity] = row
        self._of.setdefault(row.alert_id, []).append(row)
        self.made += 1

    def of(self, alert_id: int) -> list[Row]:
        """The messages of an alert, oldest first."""
        return [*self._of.get(alert_id, ())]

    def newest(self, alert: Alert) -> list[Row]:
        """The messages of the alert's newest page."""
        return [row for row in self.of(alert.id) if row.page == alert.pages and row.kind == "page"]

    def send(
        self, now: datetime, failing: Collection[str] = (), gone: Collection[str] = ()
    ) -> list[Row]:
        """Tries every message that is due; those of failing channels stay due, tried."""
        out = []
        for row in [*self._due.values()]:
            if row.state != "due":
                del self._due[row.identity]
                continue
            if row.due_at > now or row.channel in gone:
                continue
            if self._pointless(row):
                row.state = "cancelled"
            elif row.channel in failing:
                row.attempts += 1
            else:
                row.state, row.sent_at = "sent", now
                row.shown = self.alerts[row.alert_id].severity
                out.append(row)
        return out

    def refuse(self, channel: str) -> None:
        """The channel's messages that were tried are given up."""
        for row in self.rows.values():
            if row.channel == channel and row.state == "due" and row.attempts:
                row.state = "failed"

    def _pointless(self, row: Row) -> bool:
        alert = self.alerts[row.alert_id]
        acknowledged = alert.state is AlertState.ACKNOWLEDGED
        if row.kind == "resolved":
            held = alert.resolved_at is not None and row.first_due_at > alert.resolved_at
            return held and any(each.key == alert.key for each in self._open.values())
        if alert.state is AlertState.RESOLVED:
            return True
        if row.kind in ("acknowledged", "reminder"):
            return not acknowledged
        kept_back = alert.silenced_until is not None or alert.suppressed_by is not None
        return acknowledged or kept_back or row.page < alert.pages

    def unreached(self, now: datetime) -> dict[int, Unreached]:
        found = {}
        for alert in self._open.values():
            if alert.state is not AlertState.FIRING:
                continue
            if alert.next_level_at is None or alert.next_level_at <= now:
                continue
            rows = [row for row in self.newest(alert) if row.level == alert.level]
            if not rows or any(row.state == "sent" for row in rows):
                continue
            first = min(row.first_due_at for row in rows)
            if (
                all(row.state in ("failed", "cancelled") for row in rows)
                or (any(row.attempts for row in rows) and first <= now - PATIENCE)
                or first <= now - 3 * PATIENCE
            ):
                found[alert.id] = Unreached(alert.level, "no answer")
        return found

    def hearing(self, now: datetime) -> dict[int, Hearing]:
        """Of every open alert: which of them may suppress others is no matter of the outbox."""
        found = {}
        for alert in self._open.values():
            rows = self.newest(alert)
            due = [row for row in rows if row.state == "due"]
            young = frozenset(row.channel for row in due if row.first_due_at > now - PATIENCE)
            if rows:
                found[alert.id] = Hearing(
                    alert.pages,
                    any(row.state == "sent" for row in rows),
                    young=young,
                    old=frozenset(row.channel for row in due) - young,
                )
        return found

    def stranded(self, configured: Collection[str]) -> dict[int, Stranded]:
        found = {}
        for alert in self._open.values():
            rows = self.newest(alert)
            if any(row.state == "due" and row.channel not in configured for row in rows):
                channels = frozenset(row.channel for row in rows)
                gone = channels - frozenset(configured)
                found[alert.id] = Stranded(gone, channels - gone)
        return found

    def openings(self, keys: Iterable[str], now: datetime, policy: Policy) -> dict[str, Recent]:
        found = {}
        window, again = policy.flapping_window, policy.flapping_again
        for key in keys:
            own = [
                alert
                for alert in self.alerts.values()
                if alert.key == key and now - window < alert.started_at <= now
            ]
            told = [alert for alert in own if self._shown(alert)]
            lately = any(
                abs(now - row.first_due_at) < again
                for alert in self.alerts.values()
                if alert.key == key
                for row in self.of(alert.id)
                if (row.kind, row.state) == ("page", "sent")
            )
            found[key] = Recent(len(told), self._flapping(key, window, now), told_lately=lately)
        return found

    def _flapping(self, key: str, window: timedelta, now: datetime) -> str:
        """The worst that was told since the key began to flap, unless it stood still since."""
        own = [alert for alert in self.alerts.values() if alert.key == key]
        last = max(own, key=lambda alert: (alert.started_at, alert.id), default=None)
        if last is None or last.flaps is None:
            return ""
        ended = last.resolved_at or now
        if ended - last.started_at >= window or abs(now - ended) >= window:
            return ""
        told = {*self._shown(last), last.flaps} - {""}
        return min(told, key=SEVERITIES.index, default="")

    def _shown(self, alert: Alert) -> set[str]:
        return {r.shown for r in self.of(alert.id) if r.kind == "page" and r.state == "sent"}

    def open(self) -> dict[str, Alert]:
        return {alert.key: alert for alert in self._open.values()}
