"""A runbook entry that is followed: its text, beside it its steps as a checklist of the incident,
above it the alert that one came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Container

from mechexo_tui.panels import incidents, steps
from mechexo_tui.panels.entry_text import EntryText, entry_text
from mechexo_tui.panels.titles import title, trouble
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.sources import Part, read_part
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.format import ASCII
from mechexo_tui.widgets.line_block import LineBlock
from mechexo_tui.widgets.line_list import LineList
from mechexo_tui.widgets.lines import Line, cut, width_of

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.incidents.values import Incident
    from mechexo.runbook.following_values import StepRun, StepState
    from mechexo.runbook.values import Entry

GAP = 2
WIDE = 120
LOOK_AGAIN_S = 1.0
"""How often it is asked whether somebody else has ticked or run a step."""


class EntryScreen(ConsoleScreen):
    """One entry. Opening it runs nothing."""

    title_id = "entry"

    def __init__(
        self, crumbs: str, entry: Entry | None = None, *, alert: int | None = None
    ) -> None:
        super().__init__()
        self.crumbs = crumbs
        self.entry = entry
        self.incident: Incident | None = None
        """The incident whose ticks are shown; without one the list is plain."""
        self.states: tuple[StepState, ...] = ()
        self._alert = alert
        self._instead = ""
        self._trouble: Part[object] = Part(value=())
        self._text: tuple[object, EntryText] | None = None
        self._version = ""
        self._in_text = False
        self._plain_states()

    @property
    def active(self) -> LineList:
        """The checklist, or the text after tab."""
        return self.query_one("#rows" if self._in_text else "#steps", LineList)

    @property
    def chosen_alert(self) -> int | None:
        """The open alert that one came from."""
        known = self.console_app.facts.alert(self._alert)
        return known.id if known else None

    @property
    def chosen(self) -> StepState | None:
        """The step under the checklist's cursor, also while one reads the text."""
        _, _, key = self.query_one("#steps", LineList).key.partition(":")
        return next((each for each in self.states if each.step.key == key), None)

    @property
    def _in_sight(self) -> bool:
        """Whether a person looks at this screen, or at one of its steps."""
        front = self.console_app.front
        return front is self or getattr(front, "entry_screen", None) is self

    def compose_body(self) -> ComposeResult:
        """The alert, the text, the checklist."""
        yield LineBlock(id="head")
        with Container(id="body"):
            yield LineList(cursor=False, id="rows")
            yield LineList(id="steps")

    def on_mount(self) -> None:
        """Looks for the incident, and again and again for what others did."""
        super().on_mount()
        if self.small:  # There is room for one of them: what one reads first.
            self.next_panel()
        self.set_interval(LOOK_AGAIN_S, self.read)
        self.read()

    def become(self, entry: Entry) -> None:
        """Shows an entry, once it was found."""
        self.entry = entry
        self._plain_states()
        self.show_now()
        self.read()

    def say_instead(self, text: str) -> None:
        """Says why there is no entry to show."""
        self._instead = text
        self.show_now()

    def read(self) -> None:
        """Reads the incident's ticks and runs in a thread, if anything changed."""
        entry, desk = self.entry, self.console_app.desk
        if entry is None or not self._in_sight:
            return
        seen, alert, own = self._version, self._alert, self.incident

        def look(desk: Desk) -> tuple[Incident | None, tuple[StepState, ...], str] | None:
            from mechexo import following
            from mechexo_tui.step_deeds import incident_of

            incident = incident_of(desk, entry.id, own.id if own else None, alert)
            if incident is None:
                return None
            version = f"{incident.id} {incident.status} {following.version(desk, incident.id)}"
            if version == seen:
                return incident, (), seen
            return incident, following.progress(desk, incident.id, entry.id).steps, version

        def read() -> None:
            found = read_part(desk, "incident", {"incident": look})
            self.app.call_from_thread(self.take, found)

        self.run_worker(read, thread=True, exclusive=True, group="steps", exit_on_error=False)

    def take(self, found: Part[tuple[Incident | None, tuple[StepState, ...], str] | None]) -> None:
        """Shows what was read. Where nothing could be, the last ticks stay, and it is said."""
        if found.error:
            changed = self._trouble.error != found.error
            self._trouble = Part(value=(), error=found.error)
            if changed:
                self._show_all()
            return
        changed = bool(self._trouble.error)
        self._trouble = Part(value=())
        if found.value is None:
            changed |= self.incident is not None
            if self.incident is not None:
                self.incident, self._version = None, ""
                self._plain_states()
        else:
            incident, states, version = found.value
            changed |= version != self._version or incident != self.incident
            self.incident, self._version = incident, version
            self.states = states or self.states
        if changed:
            self._show_all()

    def _show_all(self) -> None:
        """Shows it here, and on the screen of a step that lies in front."""
        self.show_now()
        if self.console_app.front is not self:
            self.console_app.front.show_now()

    def show_body(self) -> None:
        """Shows the alert, the text and the checklist."""
        self.set_class(self.size.width >= WIDE, "-wide")
        look = self.look
        self.query_one("#head", LineBlock).show(self._head())
        side = look
        if self.has_class("-wide"):
            side = look.wide((self.size.width - GAP) * 2 // 5)
        self.query_one("#steps", LineList).show(steps.checklist(self.states, side))
        text = self._rendered()
        self.query_one("#rows", LineList).show(text.rows if text else [])
        self._follow()

    def _head(self) -> list[Line]:
        look, entry = self.look, self.entry
        lines: list[Line] = []
        alert = self.console_app.facts.alert(self._alert)
        if alert is not None:
            sign, style = shown_as.severity(alert.severity, look.glyphs)
            room = look.width - width_of(sign) - width_of(alert.name) - 6
            said = cut(shown_as.told(alert.summary, look), max(0, room))
            lines.append(((" ", ""), (sign, style), (f" {alert.name}  ", "bold"), (said, "")))
        if entry is None:
            said = self._instead or "reading"
            return [
                *lines,
                ((f"  {cut(said, look.width - 4)}", "dim" if not self._instead else ""),),
            ]
        aside = (
            f"{entry.severity or 'no severity'} {look.glyphs.dot} {steps.tally(self.states, look)}"
        )
        aside += f" {look.glyphs.dot} {incidents.in_brief(self.incident, look)}"
        lines.append(title(entry.id, look, aside=aside))
        return lines + [row.line for row in trouble(self._trouble, "the incident's ticks", look)]

    def _rendered(self) -> EntryText | None:
        entry = self.entry
        if entry is None:
            return None
        width = self.size.width
        if self.has_class("-wide"):
            width = (width - GAP) * 3 // 5
        made_for = (entry.body, entry.title, width)
        if self._text is None or self._text[0] != made_for:
            ascii_only = self.console_app.glyphs is ASCII
            self._text = (made_for, entry_text(entry, width, ascii_only=ascii_only))
        return self._text[1]

    def _plain_states(self) -> None:
        """The steps as they stand in no incident: none ticked, none run."""
        from mechexo.runbook.following_values import StepState

        self.states = tuple(StepState(step) for step in (self.entry.steps if self.entry else ()))

    def _follow(self) -> None:
        """Brings the place of the chosen step into view, unless one reads elsewhere."""
        chosen, text = self.chosen, self._text
        if chosen is None or text is None or self._in_text:
            return
        if chosen.step == self.states[0].step:
            top = 0
        else:
            top = max(0, text[1].places.get(chosen.step.key, 0) - 1)
        rows = self.query_one("#rows", LineList)
        rows.scroll_rows(top - rows.top)

    def on_line_list_moved(self) -> None:
        """Reads on with the step that the cursor went to."""
        super().on_line_list_moved()
        self._follow()

    def next_panel(self) -> None:
        """From the checklist to the text and back."""
        self._in_text = not self._in_text
        self.set_class(self._in_text, "-text")

    def open_row(self) -> None:
        """What the chosen step would run, on a screen of its own."""
        from mechexo_tui import step_deeds

        if self.chosen is not None:
            step_deeds.open_step(self, self.chosen)

    def perform(self, action_id: str) -> None:
        """Ticks, runs, opens; the rest is as everywhere."""
        from mechexo_tui import step_deeds

        if action_id in step_deeds.TO_ENTRIES:
            step_deeds.TO_ENTRIES[action_id](self)
        else:
            if action_id == "refresh":
                self._version = ""
                self.read()
            super().perform(action_id)

    def updated(self, states: Sequence[StepState]) -> None:
        """Shows the ticks as they are after one's own, before they are read again."""
        self.states = tuple(states)
        self._show_all()

    def with_run(self, run: StepRun) -> None:
        """Shows a run that has just ended, before it is read again."""
        self.states = tuple(
            replace(each, run=run) if each.step.id == run.step_id else each for each in self.states
        )
        self.show_now()
