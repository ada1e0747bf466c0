"""What changed around an alert: the time line, each suspect's place in it, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Container

from mechexo_tui.panels import changes
from mechexo_tui.panels.plan import Undoing
from mechexo_tui.panels.titles import title, trouble
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.screens.text import TextScreen
from mechexo_tui.sources import Part, read_part
from mechexo_tui.widgets.line_block import LineBlock
from mechexo_tui.widgets.line_list import LazyRows, LineList
from mechexo_tui.widgets.lines import rows_of

if TYPE_CHECKING:
    from mechexo.alerts.values import Alert
    from mechexo.desk import Desk
    from mechexo.what_changed import WhatChanged

GAP = 2
"""Between the list and the story, where they stand side by side."""
WIDE = 140


class ChangesScreen(ConsoleScreen):
    """The time line above (on wide terminals beside) the story of the chosen row."""

    title_id = "changes"
    filter_hint = "kind, words, people or files; !words leaves them out"

    def __init__(self, alert: Alert | None = None) -> None:
        super().__init__()
        self.crumbs = f"what changed > {alert.name if alert else 'now'}"
        self._alert = alert
        self._found: Part[WhatChanged] = Part()
        self._reading = 0
        """The number of the latest reading: threads may end in another order."""
        self._by_rank = False
        self._in_story = False
        self._told: dict[str, changes.Told] = {}
        self._met = False
        """Whether the cursor was put on the first suspect."""

    @property
    def active(self) -> LineList:
        """The list, or the story after tab."""
        return self.query_one("#story" if self._in_story else "#rows", LineList)

    @property
    def chosen_alert(self) -> int | None:
        """The open alert that this is about, if it is about one."""
        known = self.console_app.facts.alert(self._alert.id if self._alert else None)
        return known.id if known else None

    @property
    def chosen(self) -> changes.Told | None:
        """The row under the list's cursor, also while one reads its story."""
        return self._told.get(self.query_one("#rows", LineList).key)

    def compose_body(self) -> ComposeResult:
        """Title and columns, list, story."""
        yield LineBlock(id="head")
        with Container(id="body"):
            yield LineList(id="rows")
            yield LineList(cursor=False, id="story")

    def on_mount(self) -> None:
        """Reads what changed, and again as often as everything else."""
        super().on_mount()
        self.read()
        every = self.console_app.desk.settings.refresh.dashboard
        self.set_interval(every.total_seconds(), self._read_in_time)

    def read(self) -> None:
        """Reads what changed in a thread: git and several tables are asked."""
        self._reading += 1
        number, alert = self._reading, self._alert
        desk = self.console_app.desk

        def what_changed(desk: Desk) -> WhatChanged:
            from mechexo import what_changed

            if alert is not None:
                return what_changed.around(desk, alert.started_at, alert)
            return what_changed.around(desk, desk.clock.now())

        def read() -> None:
            found = read_part(desk, "changes", {"changes": what_changed})
            self.app.call_from_thread(self._take, number, found)

        self.run_worker(read, thread=True, exclusive=True, group="changes", exit_on_error=False)

    def _read_in_time(self) -> None:
        if self.console_app.front is self and not self.console_app.facts.paused:
            self.read()

    def _take(self, number: int, found: Part[WhatChanged]) -> None:
        if number != self._reading:
            return
        if found.error:
            found = Part(self._found.value, self._found.read_at, found.error)
        self._found = found
        self.show_now()
        if not self._met and found.value is not None:
            self._met = True
            self.query_one("#rows", LineList).choose(changes.first_key(found.value))
            self._show_story()

    def show_body(self) -> None:
        """Shows the time line and the story of the chosen row."""
        self.set_class(self.size.width >= WIDE, "-wide")
        look, found = self.look, self._found.value
        head = [title("What changed", look)]
        head += [row.line for row in trouble(self._found, "what changed", look)]
        if self.has_class("-wide"):
            look = look.wide((self.size.width - GAP) * 3 // 5)
        rows = self.query_one("#rows", LineList)
        if found is None:
            self._told = {}
            self.query_one("#head", LineBlock).show(head)
            rows.show([])
            return
        every = changes.told(found, self.words, by_rank=self._by_rank)
        sorted_by, mark = ("suspect", " ^") if self._by_rank else ("when", " v")
        table = changes.list_table(every, found.around, look, sorted_by=sorted_by)
        aside = changes.head_words(found, self._found.read_at, self.look)
        if self.words:
            aside = f"{len(every)} rows with {self.words!r}"
        head[0] = title("What changed", self.look, aside=aside)
        head.append(table.head(sorted_by=sorted_by, mark=mark))
        if not every:
            head.append((("  nothing that is watched", "dim"),))
        self.query_one("#head", LineBlock).show(head)
        self._told = {each.key: each for each in every}
        around = found.around
        rows.show(
            LazyRows(
                every,
                lambda each: changes.list_row(each, around, table, look),
                key=lambda each: each.key,
            )
        )
        self._show_story()

    def _show_story(self) -> None:
        chosen, found = self.chosen, self._found.value
        story = self.query_one("#story", LineList)
        if chosen is None or found is None:
            story.show([], keep=False)
            return
        look = self.look
        if self.has_class("-wide"):
            look = look.wide((self.size.width - GAP) * 2 // 5)
        story.show(rows_of(changes.story_lines(chosen, found, look)))

    def on_line_list_moved(self) -> None:
        """Tells the story of the row the cursor went to."""
        super().on_line_list_moved()
        self._show_story()

    def next_panel(self) -> None:
        """From the list to the story and back."""
        self._in_story = not self._in_story
        self.set_class(self._in_story, "-story")

    def open_row(self) -> None:
        """The story of the chosen row on a screen of its own."""
        chosen, found = self.chosen, self._found.value
        if chosen is not None and found is not None:
            self.console_app.open_screen(
                TextScreen(
                    "tail",
                    f"{self.crumbs} > {chosen.key.partition(':')[2][:40]}",
                    lambda width: rows_of(
                        changes.story_lines(chosen, found, self.console_app.look(width))
                    ),
                )
            )

    def perform(self, action_id: str) -> None:
        """Orders the rows, reads again, plans the rollback of the chosen row; the rest is as
        everywhere."""
        if action_id in ("sort-rank", "sort-when"):
            self._by_rank = action_id == "sort-rank"
            self.show_now()
        elif action_id == "rollback":
            self._plan()
        else:
            if action_id == "refresh":
                self.read()
            super().perform(action_id)

    def _plan(self) -> None:
        from mechexo_tui import deeds

        chosen = self.chosen
        if chosen is None or chosen.happening is None:
            self.say("choose a row that can be taken back", bad=True)
        elif chosen.happening.remedy is None:
            self.say(f"no rollback: {chosen.happening.no_remedy}", bad=True)
        else:
            alert = self.console_app.facts.alert(self.chosen_alert)
            found = self._found.value
            gaps = tuple(gap for gap in found.gaps if gap.unknown) if found else ()
            why = chosen.suspect.why if chosen.suspect else "chosen by hand: it is no suspect"
            deeds.show_rollback_of(self.console_app, alert, Undoing(chosen.happening, why, gaps))
