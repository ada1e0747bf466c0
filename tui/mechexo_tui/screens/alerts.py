"""All open alerts, the story of the chosen one, the last 24 hours and today's messages."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Container

from mechexo.alerts.values import Alert
from mechexo.errors import MechexoError
from mechexo_tui.panels import alert_day, alert_list, alerts
from mechexo_tui.panels.titles import title, trouble
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.sources import Part
from mechexo_tui.widgets.line_block import LineBlock
from mechexo_tui.widgets.line_list import LazyRows, LineList
from mechexo_tui.widgets.lines import Row, rows_of

GAP = 2
"""Between the list and the story, where they stand side by side."""

COUNT_DOWN_S = 1.0
"""How often it is asked whether a time on the screen has moved; only what has is painted."""


class AlertsScreen(ConsoleScreen):
    """The alert list above (on wide terminals beside) the story of the chosen alert; below them
    the day: alerts by hour and severity, messages by channel."""

    title_id = "alerts"

    def __init__(self) -> None:
        super().__init__()
        self._sort = ""
        self._turned_round = False
        self._in_story = False
        self._told: int | None = None
        self._found: Sequence[Alert] = ()
        """What is listed, in its order."""
        self._times: tuple[str, ...] = ()
        """The times in view, as they are shown."""

    @property
    def active(self) -> LineList:
        """The list, or the story after tab."""
        return self.query_one("#story" if self._in_story else "#rows", LineList)

    @property
    def chosen_alert(self) -> int | None:
        """The alert under the list's cursor, also while one reads its story."""
        _, _, number = self.query_one("#rows", LineList).key.partition(":")
        return int(number) if number else None

    def compose_body(self) -> ComposeResult:
        """Title and columns, list, story, day."""
        yield LineBlock(id="head")
        with Container(id="body"):
            yield LineList(id="rows")
            yield LineList(cursor=False, id="story")
        yield LineBlock(id="day")

    def on_mount(self) -> None:
        """Lets the times move."""
        super().on_mount()
        self.set_interval(COUNT_DOWN_S, self._count_down)

    def show_body(self) -> None:
        """Shows the list in its order, the day, and the story if it may have changed."""
        self.set_class(self.size.width >= 140, "-wide")
        self.set_class(self.size.height < alert_day.LOW, "-low")
        seen = self.overview
        day = alert_day.day_lines(seen.hours, seen.channels, self.look, self.size.height)
        self.query_one("#day", LineBlock).show(day)
        self._show_list()
        self._show_story()

    def _show_list(self) -> None:
        seen, status, look = self.overview, self.overview.status.value, self.look
        part, following = seen.alerts, seen.following.value or {}
        if self.has_class("-wide"):
            look = look.wide((self.size.width - GAP) * 3 // 5)
        found = alert_list.in_order(
            alerts.matching(part.value or (), self.words),
            following,
            self._sort,
            turned_round=self._turned_round,
        )
        table = alert_list.list_table(found, following, look, sorted_by=self._sort)
        mark = {False: " v", True: " ^"}[self._turned_round]
        aside = alerts.tally(status.alerts) if status else ""
        if self.words:
            aside = alerts.filtered_aside(self.words, len(found), len(part.value or ()))
        head = [title("Alerts", look, aside=aside), table.head(sorted_by=self._sort, mark=mark)]
        head += [row.line for row in trouble(part, "the alerts", look)]
        head[1:1] = alerts.damaged_lines(status.damaged if status else (), look)
        if seen.following.error and not part.error:
            head += [row.line for row in trouble(seen.following, "who is told next", look)]
        if part.value is not None and not found:
            head.append((("  none", "dim"),))
        self.query_one("#head", LineBlock).show(head)
        rows = self.query_one("#rows", LineList)
        rows.show(
            LazyRows(
                found,
                lambda alert: alert_list.list_row(alert, following, table, look),
                key=alert_list.key_of,
            )
        )
        self._found = found
        self._times = self._times_in_view()

    def _times_in_view(self) -> tuple[str, ...]:
        rows = self.query_one("#rows", LineList)
        in_view = self._found[rows.top : rows.top + rows.size.height]
        return alert_list.countdowns(in_view, self.overview.following.value or {}, self.look)

    def _count_down(self) -> None:
        """Paints what time alone has moved."""
        if self.console_app.front is self and self._times_in_view() != self._times:
            self._show_list()
            self._show_story()

    def on_line_list_moved(self) -> None:
        """Tells the story of the alert the cursor went to."""
        super().on_line_list_moved()
        self._show_story()

    def open_row(self) -> None:
        """The runbook entry of the chosen alert."""
        self.console_app.perform("runbook")

    def next_panel(self) -> None:
        """From the list to the story and back."""
        self._in_story = not self._in_story
        self.set_class(self._in_story, "-story")

    def perform(self, action_id: str) -> None:
        """Sorts; the rest is as everywhere."""
        if action_id.startswith("sort-"):
            what = action_id.removeprefix("sort-")
            self._turned_round = what == self._sort and not self._turned_round
            self._sort = what
            self.show_now()
        else:
            super().perform(action_id)

    def _show_story(self) -> None:
        """Reads the story in a thread: moving the cursor never waits for it."""
        alert = self.console_app.facts.alert(self.chosen_alert)
        if alert is None:
            self._told = None
            self.query_one("#story", LineList).show([], keep=False)
            return

        width = self.size.width
        if self.has_class("-wide"):
            width = (width - GAP) * 2 // 5
        desk, look = self.console_app.desk, self.look.wide(width)
        cause = self.console_app.facts.alert(alert.suppressed_by)

        def read() -> None:
            try:
                events = operations.timeline(desk, alert.id)
                deliveries = operations.deliveries(desk, alert.id)
                notes = operations.acknowledgement_notes(desk, [alert.id])
                following = operations.outlooks(desk, [alert])[alert.id]
            except MechexoError as error:
                lines = trouble(Part(error=str(error)), "what happened", look)
                rows = [*rows_of(alerts.story_lines(alert, (), (), look)), *lines]
            else:
                note = notes.get(alert.id, "")
                story = alerts.story_lines(
                    alert,
                    events,
                    deliveries,
                    look,
                    note=note,
                    following=following,
                    cause=cause.name if cause else "",
                )
                rows = rows_of(story)
            self.app.call_from_thread(self._tell, alert, rows)

        from mechexo.alerts import operations

        self.run_worker(read, thread=True, exclusive=True, group="story", exit_on_error=False)

    def _tell(self, alert: Alert, rows: Sequence[Row]) -> None:
        if alert.id == self.chosen_alert:
            self.query_one("#story", LineList).show(rows, keep=alert.id == self._told)
            self._told = alert.id
