"""What the rules work with and what they answer: plain values, between the records and `step`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.alerts.policy import Policy
    from mechexo.alerts.values import Alert, AlertEvent, Silence


@dataclass(frozen=True, slots=True)
class AlertsState:
    """What `step` decides on. `open` holds at least the open alerts that the observations name,
    those kept back by a silence, a cause, quiet hours or flapping, those whose deadline has come
    or lies too far ahead, those that nobody was paged about, those whose cause may keep them back
    no more, the stranded and the unreached ones; others need not be there."""

    policy: Policy
    next_id: int
    open: Mapping[str, Alert] = field(default_factory=dict)
    """By key."""
    causes: tuple[Alert, ...] = ()
    """Open alerts that may suppress others. Those in `open` need not be among them."""
    silences: tuple[Silence, ...] = ()
    stranded: Mapping[int, Stranded] = field(default_factory=dict)
    """By alert id."""
    unreached: Mapping[int, Unreached] = field(default_factory=dict)
    """By alert id."""
    hearing: Mapping[int, Hearing] = field(default_factory=dict)
    """By alert id: of those that may suppress others. Of the rest every page counts as heard."""
    recent: Mapping[str, Recent] = field(default_factory=dict)
    """By key: the openings within the flapping window."""


@dataclass(frozen=True, slots=True)
class Stranded:
    """An alert's newest page has a message due on channels that are configured no more."""

    gone: frozenset[str]
    reached: frozenset[str]
    """The other channels of that page, unless it was cancelled there."""


@dataclass(frozen=True, slots=True)
class Recent:
    """The alerts of one key that opened within the flapping window, and how the last one ended."""

    openings: int = 0
    """Those of which somebody was told."""
    flapping: str = ""
    """The worst severity that was told since the key began to flap; "" when it does not, or has
    stood still since."""
    told_lately: bool = True
    """Whether, of what flaps, somebody was told within the policy's `flapping_again`."""
    over_id: int | None = None
    """The last alert of the key, also an older one, where its source has seen it end."""
    over_seen_at: datetime | None = None
    """When the look was made that saw this end."""


@dataclass(frozen=True, slots=True)
class Unreached:
    """The level that an alert has reached was tried and has delivered to nobody."""

    level: int
    why: str


@dataclass(frozen=True, slots=True)
class Hearing:
    """Whether somebody has heard of an alert by its newest page, or may yet."""

    page: int
    delivered: bool
    """Whether a message of it was."""
    young: frozenset[str] = frozenset()
    """The channels for which one became due so lately that it may be delivered yet."""
    old: frozenset[str] = frozenset()
    """Those for which one waits longer: another takes its place, and is none the younger."""

    @property
    def is_told(self) -> bool:
        """Whether somebody was told, or is being told."""
        return self.delivered or bool(self.young)

    def with_message(self, page: int, channel: str) -> Hearing:
        """The same with one more message due; the first of a new page begins anew."""
        known = self if page == self.page else Hearing(page, delivered=False, old=self.old)
        if channel in known.old:
            return known
        return replace(known, young=known.young | {channel})

    def without(self, channels: frozenset[str] | None) -> Hearing:
        """The same when what waits for these channels, or for any, is cancelled."""
        return replace(self, young=self.young - (self.young if channels is None else channels))


class Outcome(StrEnum):
    """What became of the page that an alert may have been worth."""

    PAGED = "paged"
    HELD = "held"
    SILENCED = "silenced"
    SUPPRESSED = "suppressed"
    FLAPPING = "flapping"
    NO_CHANNEL = "no_channel"
    ALREADY_PAGED = "already_paged"
    ALREADY_HELD = "already_held"
    ACKNOWLEDGED = "acknowledged"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome for one firing observation, or for an alert whose time had come."""

    alert_id: int
    key: str
    outcome: Outcome
    why: str


@dataclass(frozen=True, slots=True)
class Page:
    """One message to become due: one row of the outbox."""

    alert_id: int
    number: int
    level: int
    channel: str
    due_at: datetime
    kind: str = "page"
    """`page`, `reminder` or `notice`."""
    together: bool = False
    """Whether it goes out in one message with the others of its kind: the morning's digest."""


@dataclass(frozen=True, slots=True)
class Closing:
    """Those of the channels that were told of an alert and are in `channels` hear that it is
    acknowledged or over."""

    alert_id: int
    page: int
    kind: str
    """`acknowledged` or `resolved`."""
    due_at: datetime
    channels: frozenset[str]


@dataclass(frozen=True, slots=True)
class Cancellation:
    """The unsent messages of an alert's pages up to `up_to_page` shall not be sent."""

    alert_id: int
    up_to_page: int
    reason: str
    channels: frozenset[str] | None = None
    """Only theirs; None means all."""


@dataclass(frozen=True, slots=True)
class Effects:
    """What to store. Closings come first, then pages, then cancellations: one step can do all."""

    alerts: tuple[Alert, ...] = ()
    """Every alert that changed, as it is now, by id."""
    events: tuple[tuple[int, AlertEvent], ...] = ()
    closings: tuple[Closing, ...] = ()
    pages: tuple[Page, ...] = ()
    cancellations: tuple[Cancellation, ...] = ()
    decisions: tuple[Decision, ...] = ()
