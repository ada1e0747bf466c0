"""What single panels say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from mechexo.costs.values import CostReport, CostRow, Coverage, UnpricedFill
from mechexo.rollback.happenings import Happening, Kind
from mechexo.rollback.values import Guard, Plan
from mechexo_tui.panels.costs import cost_aside, cost_rows
from mechexo_tui.panels.plan import Undoing, plan_lines
from mechexo_tui.panels.words import fits
from mechexo_tui.widgets.format import Look
from mechexo_tui.widgets.lines import text_of

NOW = datetime(2026, 3, 2, 14, 33, tzinfo=UTC)
LOOK = Look(120, NOW, ZoneInfo("UTC"))
TOTALS = CostRow({}, 2_500, 100, 1e6, *(None,) * 10)
FILL = UnpricedFill("f1", NOW, "AAPL", "no quote in time")


def make_report(**counts: int) -> CostReport:
    coverage = Coverage(2_500, 100, {}, (FILL,) * 60, (FILL,), (), **counts)
    return CostReport(NOW, NOW, "USD", "UTC", "prior quote", TOTALS, {"day": ()}, coverage, None)


def make_plan(*guards: Guard) -> Plan:
    return Plan(
        id="p1", digest="d", target="config/risk.yaml", to=NOW, commit="c" * 40, commit_time=NOW,
        commit_subject="Set the limits", source="git", changes=(), guards=guards, diff="",
        made_at=NOW,
    )  # fmt: skip


UNDOING = Undoing(Happening("c", Kind.COMMIT, NOW, "Loosen", "Ada"), "newest")


def test_costs_in_one_line_name_all_that_is_outside_the_figures() -> None:
    report = make_report(unpriced_count=2_300, suspect_count=70, rejected_count=30)
    assert cost_aside(report, LOOK).startswith("2,300 unpriced, 70 suspect, 30 rejected; ")
    assert cost_aside(make_report(), LOOK).startswith("all ")


def test_costs_in_one_line_say_why_the_parts_are_more_than_the_total() -> None:
    report = make_report(without_commission=12)
    assert cost_aside(report, LOOK).startswith("12 without a commission; ")


def test_a_notional_of_nothing_priced_is_a_dash() -> None:
    report = make_report()
    unpriced = replace(TOTALS, key={"day": "2026-03-02"}, priced=0, notional=0.0)
    rows = cost_rows(replace(report, totals=unpriced, by={"day": (unpriced,)}), "day", LOOK)
    assert [text_of(row.line).split()[-4:] for row in rows[1:]] == [["–"] * 4] * 2


def test_an_empty_plan_with_a_failed_guard_points_at_the_warning() -> None:
    shown = [text_of(line) for line in plan_lines(make_plan(Guard("file", True, "is one")),
             UNDOING, LOOK)]  # fmt: skip
    assert shown[-1] == " Nothing to do: it is already as it was then."
    refused = make_plan(Guard("file", False, "config is a folder"))
    shown = [text_of(line) for line in plan_lines(refused, UNDOING, LOOK)]
    assert shown[-1] == " Nothing to do: see the warnings above."
    assert any("config is a folder" in line for line in shown)


def test_a_filter_keeps_what_has_all_words_and_turned_round_the_others() -> None:
    assert fits("Gross exposure HIGH", "high gross")
    assert not fits("Gross exposure HIGH", "high net")
    assert fits("Gross exposure HIGH", "!net")
    assert not fits("Gross exposure HIGH", "!gross")
    assert fits("anything", " ! ")
