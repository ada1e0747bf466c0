"""What Grafana has, and what is written into it, as plain values."""

from __future__ import annotations

from datetime import datetime, timedelta

from mechexo.outside import Standing
from mechexo.value_classes import dataclass


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard, as the list has it."""

    uid: str
    title: str
    folder: str
    """Its folder's title; "" at the top."""
    folder_uid: str
    tags: tuple[str, ...]
    link: str
    """Its address for a browser; "" when Grafana named none that can be used."""


@dataclass(frozen=True, slots=True)
class Dashboards:
    """What is known of the dashboards, and how the asking goes."""

    listed: tuple[Dashboard, ...]
    cut: bool
    """Whether there are more than are kept."""
    good_at: datetime | None
    """When the list was so; None when it was never read."""
    asked_at: datetime | None
    why: str
    """Why the last question brought nothing; "" when it did, or none was asked."""
    standing: Standing
    until: datetime | None
    failures: int

    def is_fresh(self, now: datetime, every: timedelta) -> bool:
        """Whether the list may be taken for how it is now: it was read well, and lately."""
        return self.good_at is not None and not self.why and now - self.good_at <= 3 * every


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel of a dashboard."""

    id: int
    title: str
    kind: str
    """Grafana's own word, such as `timeseries`."""


@dataclass(frozen=True, slots=True)
class DashboardPanels:
    """One dashboard with its panels, in their order."""

    uid: str
    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A panel as Grafana's renderer drew it."""

    png: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """An annotation as our records want it to stand in Grafana."""

    subject: str
    """What it tells of, such as `incident-12`. One annotation each."""
    time: datetime
    time_end: datetime | None
    """None while it goes on."""
    text: str
    """HTML, in which all that is foreign is escaped."""
    tags: tuple[str, ...]
    tag: str
    """The one of the tags that no other annotation has."""


@dataclass(frozen=True, slots=True)
class Noted:
    """An annotation as we know it: what is wanted, and how far that is written."""

    subject: str
    wanted: str
    """As JSON, `annotating.as_json`."""
    tag: str
    first_at: datetime
    """Since when there is to be one."""
    written: str | None
    """What Grafana took last, as JSON; None when nothing yet."""
    written_at: datetime | None
    annotation_id: int | None
    """Its number at Grafana."""
    maybe_there: bool
    """A first writing was begun, and nobody knows whether it arrived."""
    refusals: int
    """How often Grafana refused it as it is wanted now."""
    next_at: datetime
    """Not tried before."""
    why: str
    """Why the last attempt brought nothing."""
    ended: str
    """`gone` when it is not at Grafana any more, `given up` after too many refusals; else ""."""

    @property
    def state(self) -> str:
        """`written`, `waiting`, `failing`, `gone` or `given up`."""
        if self.ended:
            return self.ended
        if self.written == self.wanted:
            return "written"
        return "failing" if self.why else "waiting"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of writing one annotation."""

    subject: str
    outcome: str
    """`written`, `refused` (by Grafana, this one), `gone`, or `failed` (nobody could write now)."""
    body: str = ""
    """What was written, as JSON."""
    annotation_id: int | None = None
    maybe_there: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class Annotating:
    """How the writing of annotations stands."""

    notes: tuple[Noted, ...]
    """Newest first."""
    asked_at: datetime | None
    why: str
    """Why the last round brought nothing; "" when it did."""
    standing: Standing
    until: datetime | None
    failures: int

    @property
    def behind(self) -> tuple[Noted, ...]:
        """Those that do not stand in Grafana as they should and are still tried."""
        return tuple(each for each in self.notes if each.state in ("waiting", "failing"))

    @property
    def failing(self) -> tuple[Noted, ...]:
        """Those that could not be written."""
        return tuple(each for each in self.notes if each.state in ("failing", "given up"))

    @property
    def is_stuck(self) -> bool:
        """Whether something could not be written, be it that the last round could not begin (a
        token that is not set) or that Grafana is left alone."""
        held_back = bool(self.why) or self.standing is not Standing.CLOSED
        return bool(self.failing) or (bool(self.behind) and held_back)
