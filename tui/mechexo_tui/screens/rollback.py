"""What can be rolled back and to when; plans that were made, and how they were applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Container

from mechexo.errors import UsageError
from mechexo.times import format_duration, in_zone, parse_instant
from mechexo_tui.panels import rollback as lists
from mechexo_tui.panels.titles import title, trouble
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.sources import Part, read_part
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.line_block import LineBlock
from mechexo_tui.widgets.line_list import LineList
from mechexo_tui.widgets.lines import BLANK, Line, Row, harmless, rows_of, wrapped

if TYPE_CHECKING:
    from datetime import datetime

    from mechexo.desk import Desk
    from mechexo.rollback.choosing import Choices, Moment, Target
    from mechexo_tui.panels.rollback import Record

GAP = 2
"""Between the lists, where they stand side by side."""
WIDE = 140
MOST_RECORDS = 50
ECHO_LINES = 2
NOTHING_NAMED = "[rollback] names no flows, configs or flags; see mechexo.toml"


class RollbackScreen(ConsoleScreen):
    """Targets and plans above (on wide terminals beside) what belongs to the chosen one: the states
    that it can go back to, or how the plan stands."""

    title_id = "rollback"
    filter_hint = "flow, file, flag, state or person; !words leaves them out"

    def __init__(self) -> None:
        super().__init__()
        self._choices: Part[Choices] = Part()
        self._records: Part[tuple[Record, ...]] = Part()
        self._reading = 0
        """The number of the latest reading: threads may end in another order."""
        self._among_moments = False
        self._told = ""
        """The row that is told of beside the list."""
        self._echo: tuple[str, str] = ("", "")
        """How the time that is being typed is read, and its style."""
        self._targets: dict[str, Target] = {}
        self._known: dict[str, Record] = {}

    @property
    def active(self) -> LineList:
        """The list, or the states after tab."""
        return self.query_one("#moments" if self._among_moments else "#rows", LineList)

    @property
    def target(self) -> Target | None:
        """The target under the list's cursor."""
        return self._targets.get(self.query_one("#rows", LineList).key)

    @property
    def record(self) -> Record | None:
        """The plan under the list's cursor."""
        return self._known.get(self.query_one("#rows", LineList).key)

    def compose_body(self) -> ComposeResult:
        """Title, list, and beside it what belongs to the chosen row."""
        yield LineBlock(id="head")
        with Container(id="body"):
            yield LineList(id="rows")
            with Container(id="side"):
                yield LineBlock(id="when")
                yield LineList(id="moments")

    def on_mount(self) -> None:
        """Reads everything, and again as often as everything else."""
        super().on_mount()
        self.read()
        every = self.console_app.desk.settings.refresh.dashboard
        self.set_interval(every.total_seconds(), self._read_in_time)

    def on_screen_resume(self) -> None:
        """What was done on a plan's screen shows here."""
        super().on_screen_resume()
        self.read()

    def read(self) -> None:
        """Reads targets and plans in a thread: git and the state file are asked."""
        self._reading += 1
        number, desk = self._reading, self.console_app.desk

        def records(desk: Desk) -> tuple[Record, ...]:
            from mechexo.rollback import operations

            plans = operations.history(desk, limit=MOST_RECORDS)
            return lists.records_of(plans, operations.runs(desk, limit=MOST_RECORDS))

        def choices(desk: Desk) -> Choices:
            from mechexo.rollback.choosing import choices

            return choices(desk)

        def read() -> None:
            known = read_part(desk, "records", {"records": records})
            found = read_part(desk, "choices", {"choices": choices})
            self.app.call_from_thread(self._take, number, known, found)

        self.run_worker(read, thread=True, exclusive=True, group="rollback", exit_on_error=False)

    def _read_in_time(self) -> None:
        if self.console_app.front is self and not self.console_app.facts.paused:
            self.read()

    def _take(self, number: int, known: Part[tuple[Record, ...]], found: Part[Choices]) -> None:
        if number != self._reading:
            return
        if known.error:
            known = Part(self._records.value, self._records.read_at, known.error)
        if found.error:
            found = Part(self._choices.value, self._choices.read_at, found.error)
        self._records, self._choices = known, found
        self.show_now()

    def show_body(self) -> None:
        """Shows the list, and what belongs to the chosen row."""
        self.set_class(self.size.width >= WIDE, "-wide")
        look = self.look
        head = [title("Rollback", look, aside=self._aside())]
        head += lists.alarm_lines(self._records.value or (), look)
        if self.has_class("-wide"):
            look = look.wide((self.size.width - GAP) // 2)
        self.query_one("#head", LineBlock).show(head)
        found, known = self._choices.value, self._records.value or ()
        targets = lists.kept_targets(found.targets if found else (), self.words)
        records = lists.kept_records(known, self.words)
        self._targets = {each.key: each for each in targets}
        self._known = {each.key: each for each in records}
        rows = [*trouble(self._choices, "what can be rolled back", look)]
        for gap in found.gaps if found else ():
            rows += trouble(Part(error=str(gap.reason)), gap.source, look)
        if targets:
            rows += lists.target_rows(targets, look)
        elif found is not None:
            none = "nothing with these words" if self.words else NOTHING_NAMED
            rows.append(Row(((f"  {none}", "dim"),)))
        rows += [Row(BLANK), Row(title("Plans", look, aside="newest first; enter opens one"))]
        rows += trouble(self._records, "the plans", look)
        if records:
            rows += lists.record_rows(records, look)
        elif self._records.value is not None:
            rows.append(Row((("  none", "dim"),)))
        self.query_one("#rows", LineList).show(rows)
        self._show_side()

    def _aside(self) -> str:
        if self._among_moments:
            return "choose the state to go back to; t types a time instead; tab goes back"
        return "1. choose what  2. choose when  3. look at the plan, then apply it"

    def _show_side(self) -> None:
        """What belongs to the chosen row: its states, or the plan in a few lines."""
        look, target, record = self.look, self.target, self.record
        if self.has_class("-wide"):
            look = look.wide((self.size.width - GAP) // 2)
        when, moments = self.query_one("#when", LineBlock), self.query_one("#moments", LineList)
        key = target.key if target else record.key if record else ""
        keep, self._told = key == self._told, key
        if not keep:
            self._leave_moments()
        if target is not None:
            head, rows = lists.moment_rows(target, look)
            aside = "newest first; t types a time"
            lines = [title(f"Back to when: {lists.name_of(target)}", look, aside=aside)]
            lines += self._echoed(look.width)
            # Always as many lines: what is below would be painted anew when it moves.
            lines.append(head if rows else BLANK)
            rows = rows or rows_of(self._no_moments(target))
            when.show(lines)
            moments.show(rows, keep=keep)
            if not keep and len(target.moments) > 1:
                # The state before the last change is the one that is wanted most.
                moments.go_to(1)
        elif record is not None:
            when.show([title("The plan", look), BLANK])
            moments.show(rows_of(lists.record_lines(record, look)), keep=keep)
        else:
            when.show([BLANK, BLANK])
            moments.show([], keep=False)

    def _no_moments(self, target: Target) -> list[Line]:
        found = self._choices.value
        if found is None or found.gaps:
            said = "Its states are not known; t types a time"
        else:
            since = shown_as.exact(found.since, self.look)
            said = f"No change of it is known since {since}; t types a time"
            if target.kind != "flags":
                said += ", and now takes back edits that git does not know"
        return [((f"  {part}", "dim"),) for part in wrapped(f"{said}.", self.size.width // 2 - 4)]

    def _echoed(self, width: int) -> list[Line]:
        text, style = self._echo
        return [((f"   {part}", style),) for part in wrapped(text, width - 5)[:ECHO_LINES] if text]

    def on_line_list_moved(self) -> None:
        """Shows what belongs to the row the cursor went to."""
        super().on_line_list_moved()
        if not self._among_moments:
            self._show_side()

    def next_panel(self) -> None:
        """From the list to the states of the chosen target and back."""
        if not self._among_moments and self.target is None:
            self.say("choose a flow, a file or flags first", bad=True)
            return
        self._among_moments = not self._among_moments
        self.set_class(self._among_moments, "-moments")
        self.show_now()

    def _leave_moments(self) -> None:
        self._among_moments = False
        self.set_class(False, "-moments")

    def open_row(self) -> None:
        """On a target its states; on a state the plan that goes back to it; on a plan that one."""
        target, record = self.target, self.record
        if record is not None:
            self._open_plan(record)
        elif target is None:
            return
        elif not target.moments:
            self._ask_time()
        elif not self._among_moments:
            self.next_panel()
        else:
            _, _, at = self.active.key.partition(":")
            if at:
                self._plan(target, target.moments[int(at)])

    def perform(self, action_id: str) -> None:
        """Asks for a time, undoes, goes back from the states to the list; the rest is as ever."""
        if action_id == "type-time":
            self._ask_time()
        elif action_id == "undo-run":
            self._undo()
        elif action_id == "back" and self._among_moments:
            self.next_panel()
        else:
            if action_id == "refresh":
                self.read()
            super().perform(action_id)

    def _undo(self) -> None:
        from mechexo_tui import rollback_deeds

        record = self.record
        if record is None or record.run is None:
            self.say("choose a rollback that was applied", bad=True)
        else:
            rollback_deeds.show_undo(self, record.run)

    def _open_plan(self, record: Record) -> None:
        from mechexo.rollback import operations
        from mechexo_tui.screens.rollback_plan import RollbackPlanScreen

        number = record.plan.id
        crumbs = f"rollback > plan {number}"
        screen = RollbackPlanScreen(crumbs, lambda desk: operations.plan_by_id(desk, number))
        self.console_app.open_screen(screen)

    def _plan(self, target: Target, moment: Moment | datetime) -> None:
        from mechexo.rollback.replanning import plan_to
        from mechexo_tui.screens.rollback_plan import RollbackPlanScreen

        self.console_app.open_screen(
            RollbackPlanScreen(
                f"rollback > {lists.name_of(target)}",
                lambda desk: plan_to(desk, target.kind, target.name, moment),
            )
        )

    # A time that is typed

    def _ask_time(self) -> None:
        target = self.target
        if target is None:
            self.say("choose a flow, a file or flags first", bad=True)
            return

        def answered(text: str | None) -> None:
            self._echo = ("", "")
            self._show_side()
            if text is not None:
                desk = self.console_app.desk
                self._plan(target, parse_instant(text, desk.zone, desk.clock.now()).at)

        self.ask(
            f"{harmless(target.name) or target.kind} back to: ",
            answered,
            hint="2026-03-08T14:30, 2026-03-08T14:30Z or -15m",
            judge=lambda text: self._read_time(text)[1],
            typed=self._echo_time,
        )

    def _echo_time(self, text: str) -> None:
        """Says how what is typed is read, as it is typed."""
        reading, wrong = self._read_time(text) if text.strip() else ("", "")
        self._echo = (wrong, "dim") if wrong else (reading, "accent")
        self._show_side()

    def _read_time(self, text: str) -> tuple[str, str]:
        """How a typed time is read, and what is wrong with it."""
        desk = self.console_app.desk
        now = desk.clock.now()
        try:
            moment = parse_instant(text, desk.zone, now)
        except UsageError as error:
            return "", str(error)
        if moment.at > now:
            return "", f"{in_zone(moment.at, desk.zone)} lies in the future"
        utc = f"{moment.at:%Y-%m-%d %H:%M:%S} UTC"
        local = in_zone(moment.at, desk.zone)
        both = local if local == utc else f"{local}, {utc}"
        return f"reads as {both}, {format_duration(now - moment.at)} ago", ""
