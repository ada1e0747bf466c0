"""Trading costs: groups of fills that open into smaller ones, down to a fill and its quotes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from textual.app import ComposeResult

from mechexo.costs.findings import CostException
from mechexo.costs.views import DEFAULT_PERIOD, Period
from mechexo.errors import MechexoError
from mechexo_tui.costs_apart import Seen
from mechexo_tui.panels.costs_plots import bins_for
from mechexo_tui.panels.costs_shown import empty_line, head_lines, row_maker, text_rows
from mechexo_tui.screens.base import ConsoleScreen
from mechexo_tui.screens.costs_known import Known, Question
from mechexo_tui.screens.costs_levels import Level, crumbs
from mechexo_tui.timers import once_after
from mechexo_tui.widgets.line_block import LineBlock
from mechexo_tui.widgets.line_list import LineList
from mechexo_tui.widgets.lines import rows_of

LOW = 24
"""Below this height there is no blank line above the title."""

PATIENCE_S = 0.2
"""How long the level before stays on the screen when the answer for the next one is awaited: most
are there before, and then the screen changes once instead of twice."""


class CostsScreen(ConsoleScreen):
    """A trail of levels, of which the last is shown. What a level shows is asked of the process
    apart, a page at a time, one question after the other: the one that is most wanted by then."""

    title_id = "costs"

    def __init__(self) -> None:
        super().__init__()
        self._period = DEFAULT_PERIOD
        self._trail = [Known(Level())]
        self._asking = False
        self._missed = False
        self._listed: Known | None = None
        self._head_lines = 0
        self._patient = False
        # Counted, so that an answer can be told from one about facts of before.
        self._turn, self._costs_part = 0, object()
        self._audits, self._audit_part = 0, object()
        self._priced: tuple[Period, int] = (DEFAULT_PERIOD, 0)

    @property
    def active(self) -> LineList:
        """The list, or the text of a level that is read."""
        return self.query_one("#text" if self._known.level.is_text else "#rows", LineList)

    @property
    def _known(self) -> Known:
        return self._trail[-1]

    def compose_body(self) -> ComposeResult:
        """What stands above; rows to choose from; text to read."""
        yield LineBlock(id="head")
        yield LineList(id="rows")
        yield LineList(cursor=False, id="text")

    # Showing

    def show_now(self) -> None:
        """Shows the last level of the trail."""
        known = self._known
        if self._patient and known.part.pending and known.seen is None:
            self._notice()
            self._poke()
            return
        self._patient = False
        if known.level.words != self.words:
            known.level = replace(known.level, words=self.words)
        self.title_id = known.level.screen
        self.crumbs = crumbs([each.level for each in self._trail])
        super().show_now()

    def show_body(self) -> None:
        """Shows what is known of the level, and asks for what is not."""
        self._notice()
        known, look = self._known, self.look
        # Until there is an answer, what was there before stays.
        level = known.of or known.level
        if known.level.is_text is not self.has_class("-text"):
            # Another widget, or another height of one: laid out first, then painted once.
            self.console_app.painting.hold()
        self.set_class(known.level.is_text, "-text")
        self.set_class(self.size.height < LOW, "-low")
        head = head_lines(level, known.part, known.seen, self._period, look, self.size.height)
        if known.seen is not None and not level.is_text and not len(known.rows):
            head.append(empty_line(level))
        if len(head) != self._head_lines:
            self._head_lines = len(head)
            self.console_app.painting.hold()
        self.query_one("#head", LineBlock).show([] if self.small else head)
        if known.level.is_text:
            lines = text_rows(level, known.seen, look) if known.seen is not None else []
            self._list(self.query_one("#text", LineList), known, rows_of(lines))
        else:
            if known.seen is not None:
                known.rows.made_by(row_maker(level, known.seen, look), self._miss)
            self._list(self.query_one("#rows", LineList), known, known.rows)
        self._poke()

    def _list(self, shown: LineList, known: Known, rows: Any) -> None:
        if self._listed is known:
            shown.show(rows)
            return
        self._listed = known
        shown.show(rows, keep=False)
        if known.index or known.top:
            shown.go_to(known.index, known.top)

    def _notice(self) -> None:
        """Counts what was read anew."""
        if self.overview.costs is not self._costs_part:
            self._costs_part = self.overview.costs
            self._turn += 1
        if self.overview.audit is not self._audit_part:
            self._audit_part = self.overview.audit
            self._audits += 1

    # Asking

    def _poke(self) -> None:
        """Asks for what is wanted most, unless an answer is awaited already."""
        if self._asking or not self.is_attached:
            return
        known, shown = self._known, self.query_one("#rows", LineList)
        if self._listed is known:
            known.index, known.top = shown.index, shown.top
        # Who looked at exceptions is in the state file.
        stand = (self._turn, self._audits if known.level.kind == "exceptions" else 0)
        # The overview's period was just priced for it.
        period, turn = self._priced
        anew = self._period == period != DEFAULT_PERIOD and turn != self._turn
        window = (known.top, known.top + shown.size.height)
        bins = bins_for(self.size.width)
        question = known.needs(self._period, stand, bins, window, anew=anew)
        if question is None:
            return
        self._asking = True
        apart, turn = self.console_app.facts.costs_apart, self._turn

        def ask() -> None:
            try:
                seen = apart.look(question.period, question.asked, anew=question.anew)
            except MechexoError as error:
                self.app.call_from_thread(self._fail, known, question, str(error))
            except Exception as error:  # noqa: BLE001 - a defect must not silence the screen
                text = f"a defect in mechexo: {type(error).__name__}: {error}"
                self.app.call_from_thread(self._fail, known, question, text)
            else:
                self.app.call_from_thread(self._take, known, question, seen, turn)

        self.run_worker(ask, thread=True, group="costs-screen", exit_on_error=False)

    def _take(self, known: Known, question: Question, seen: Seen[Any], turn: int) -> None:
        self._asking = False
        if question.first and question.period == self._period:
            self._priced = (question.period, turn)
        found_at = known.take(question, seen)
        if known is self._known:
            self.show_now()
            if found_at is not None and found_at != known.index:
                self.active.go_to(found_at)
        self._poke()

    def _fail(self, known: Known, question: Question, reason: str) -> None:
        self._asking = False
        known.fail(question, reason)
        self.show_now()

    def _miss(self) -> None:
        """A row is wanted whose page is not here."""
        if not self._missed:
            self._missed = True
            self.call_later(self._fetch)

    def _fetch(self) -> None:
        self._missed = False
        self._poke()

    def on_line_list_moved(self) -> None:
        """What lies ahead is fetched before one gets there."""
        super().on_line_list_moved()
        self._poke()

    # Going about

    def perform(self, action_id: str) -> None:
        """Goes from level to level; the rest is as everywhere."""
        known = self._known
        known.failed = None
        level, index = known.level, self.active.index
        what, _, name = action_id.partition("-")
        goes: dict[str, Callable[[], object]] = {
            "group-ask": self._ask_grouping,
            "cost-fills": lambda: self._enter(level.fills_of(known.group_key(index))),
            "cost-all-fills": lambda: self._enter(level.fills_of()),
            "cost-plots": lambda: self._enter(replace(level, kind="plots", words="")),
            "cost-exceptions": lambda: self._enter(Level("exceptions")),
            "period-ask": self._ask_period,
            "acknowledge-cost": self._acknowledge,
            "export-costs": self._export,
        }
        if action_id in goes:
            goes[action_id]()
        elif what == "period":
            self._choose_period(Period(days=int(name)))
        elif what == "sort":
            self._become(level.sorted_by(name))
        elif action_id == "back" and not self.words and len(self._trail) > 1:
            self._leave()
        else:
            super().perform(action_id)

    def open_row(self) -> None:
        """Opens a group into smaller ones or its fills; shows a fill in full."""
        known = self._known
        index = self.active.index
        if known.level.kind == "table":
            key = known.group_key(index)
            if key and known.head is not None:
                self._enter(known.level.into(key, known.head.dimensions))
        elif fill_id := known.fill_id(index):
            self._enter(known.level.one_fill(fill_id))

    def next_panel(self) -> None:
        """By the next dimension."""
        known = self._known
        if known.level.kind == "table" and known.head is not None:
            self._become(known.level.next_grouping(known.head.dimensions))

    def _enter(self, level: Level) -> None:
        if self._listed is self._known and not self._known.level.is_text:
            self._known.index, self._known.top = self.active.index, self.active.top
        self._trail.append(Known(level))
        self.words = level.words
        self._patient = True
        once_after(self, PATIENCE_S, self._be_impatient)
        self.show_now()

    def _be_impatient(self) -> None:
        if self._patient:
            self._patient = False
            self.show_now()

    def _leave(self) -> None:
        self._trail.pop()
        self.words = self._known.level.words
        self.show_now()

    def _become(self, level: Level) -> None:
        """Another order or grouping of the same: from its first row on."""
        self._known.level = level
        self.words = level.words
        self.active.go_first()
        self.show_now()

    def _choose_period(self, period: Period) -> None:
        if period == self._period:
            return
        first = self._trail[0].level
        self._period = period
        self._trail = [Known(replace(first, words=""))]
        self.words = ""
        self.show_now()

    def _ask_period(self) -> None:
        from mechexo_tui import costs_deeds

        costs_deeds.ask_period(self.console_app, self._choose_period)

    def _ask_grouping(self) -> None:
        from mechexo_tui import costs_deeds

        level = self._known.level
        costs_deeds.ask_grouping(
            self.console_app, level.by, lambda by: self._become(level.grouped_by(by))
        )

    def _acknowledge(self) -> None:
        from mechexo_tui import costs_deeds

        found = self._known.rows.item(self.active.index)
        if isinstance(found, CostException):
            costs_deeds.acknowledge(self.console_app, found, self._look_again)

    def _look_again(self) -> None:
        self._known.stand = None
        self._poke()

    def _export(self) -> None:
        from mechexo_tui import costs_deeds

        level = self._known.level
        asked = level.asked(0, bins=bins_for(self.size.width))
        name = "-".join(level.by) if level.kind == "table" else level.kind
        costs_deeds.export(self.console_app, self._period, asked, name)
