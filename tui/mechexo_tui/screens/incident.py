"""One incident: who is there, its timeline as it grows, what can be done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult

from mechexo.value_classes import dataclass
from mechexo_tui.panels import incidents
from mechexo_tui.panels.titles import title, trouble
from mechexo_tui.panels.words import fits
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.screens.text import TextScreen
from mechexo_tui.sources import Part, read_part
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.line_block import LineBlock
from mechexo_tui.widgets.line_list import LineList
from mechexo_tui.widgets.lines import rows_of

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.incident_timeline import Timeline

LOOK_AGAIN_S = 1.0
"""How often it is asked whether something happened."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A timeline, and the version that it was read at."""

    version: str
    timeline: Timeline | None
    """None when nothing has changed since."""


class IncidentScreen(ConsoleScreen):
    """The timeline collects by itself; the newest line is followed while the cursor is on it."""

    filter_hint = "words of a line; !words leaves them out"

    def __init__(self, incident_id: int) -> None:
        super().__init__()
        self.incident_id = incident_id
        self.crumbs = f"incident {incident_id}"
        self._found: Part[Timeline] = Part()
        self._version = ""

    @property
    def title_id(self) -> str:  # type: ignore[override]
        """Its name in the table of actions, by how the incident stands."""
        timeline = self._found.value
        closed = timeline is not None and timeline.incident.is_closed
        return "incident-closed" if closed else "incident"

    @property
    def timeline(self) -> Timeline | None:
        """What is shown."""
        return self._found.value

    def compose_body(self) -> ComposeResult:
        """Who and what, and the timeline."""
        yield LineBlock(id="head")
        yield LineList(id="rows")

    def on_mount(self) -> None:
        """Reads the timeline, and again whenever something happened."""
        super().on_mount()
        self.set_interval(LOOK_AGAIN_S, self.read)
        self.read()

    def read(self) -> None:
        """Reads the timeline in a thread, if anything changed."""
        if self.console_app.front is not self:
            return
        known, number, desk = self._version, self.incident_id, self.console_app.desk

        def look(desk: Desk) -> Seen:
            from mechexo import incident_timeline

            version = incident_timeline.version(desk, number)
            if version == known:
                return Seen(version, None)
            return Seen(version, incident_timeline.timeline(desk, number))

        def read() -> None:
            self.app.call_from_thread(self._take, read_part(desk, "incident", {"incident": look}))

        self.run_worker(read, thread=True, exclusive=True, group="incident", exit_on_error=False)

    def _take(self, found: Part[Seen]) -> None:
        before = self._found
        if found.error:
            self._found = Part(before.value, before.read_at, found.error)
        elif found.value is not None:
            self._version = found.value.version
            timeline = found.value.timeline or before.value
            read_at = found.read_at if found.value.timeline else before.read_at
            self._found = Part(timeline, read_at)
        if self._found != before:
            rows = self.query_one("#rows", LineList)
            follows = rows.index >= len(rows.rows) - 1
            self.show_now()
            if follows:
                rows.go_last()

    def show_body(self) -> None:
        """Shows the incident and its timeline."""
        look, found = self.look, self._found.value
        if found is None:
            head = [title(f"Incident {self.incident_id}", look)]
        else:
            aside = shown_as.count(len(found.moments), "line")
            if self.words:
                aside = f"lines with {self.words!r}"
            head = [title(f"Incident {self.incident_id}", look, aside=aside)]
            head += incidents.head_lines(found.incident, look)
        head += [row.line for row in trouble(self._found, "the timeline", look)]
        self.query_one("#head", LineBlock).show(head)
        if found is None:
            self.query_one("#rows", LineList).show([])
            return
        moments = [
            each
            for each in found.moments
            if fits(f"{each.source} {each.who} {each.text} {each.ref} {each.detail}", self.words)
        ]
        rows = incidents.timeline_rows(moments, found.gaps, look)
        self.query_one("#rows", LineList).show(rows)

    def open_row(self) -> None:
        """The chosen line in full."""
        _, _, key = self.active.key.partition(":")
        found = self._found.value
        moment = next((each for each in found.moments if each.key == key), None) if found else None
        if moment is not None:
            app = self.console_app
            app.open_screen(
                TextScreen(
                    "tail",
                    f"{self.crumbs} > line",
                    lambda width: rows_of(incidents.moment_lines(moment, app.look(width))),
                )
            )

    def perform(self, action_id: str) -> None:
        """Notes, who leads, how it stands, postmortem and cost; the rest is as everywhere."""
        from mechexo_tui import incident_deeds

        if action_id in incident_deeds.TO_INCIDENTS:
            incident_deeds.TO_INCIDENTS[action_id](self)
        else:
            if action_id == "refresh":
                self._version = ""
                self.read()
            super().perform(action_id)
