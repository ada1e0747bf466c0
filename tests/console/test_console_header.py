"""What the head of every screen says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mechexo_tui.widgets.format import Look
from mechexo_tui.widgets.header import Heading, header_lines
from mechexo_tui.widgets.lines import text_of

NOW = datetime(2026, 3, 2, 14, 33, tzinfo=UTC)
HEADING = Heading(
    desk="desk",
    live=False,
    crumbs="",
    ops_ok=True,
    on_call="primary",
    quiet="",
    tick_at=NOW - timedelta(minutes=3),
    next_at=NOW + timedelta(minutes=5),
)


def said(heading: Heading, width: int = 120) -> str:
    return "\n".join(map(text_of, header_lines(heading, Look(width, NOW, ZoneInfo("UTC")))))


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_verdict_is_named_and_the_cards_that_are_not_ok_stand_beside_it(width: int) -> None:
    text = said(replace(HEADING, cards="2 cards critical, 1 unknown"), width)
    assert "ops_ok ● OK · 2 cards critical, 1 unknown" in text


@pytest.mark.parametrize(
    ("crumbs", "beside_it"),
    [
        ("costs > by day", "2 cards critical"),
        ("rollback > risk_limits > plan", "2 critical"),
        ("runbook > risk_limits > first-60-seconds#3", ""),
    ],
)
def test_where_one_is_leaves_the_worst_cards_as_much_room_as_there_is(
    crumbs: str, beside_it: str
) -> None:
    cards = "2 cards critical, 1 unknown"
    heading = replace(HEADING, desk="paper desk", crumbs=crumbs, cards=cards)
    first = said(heading, 80).splitlines()[0]
    assert crumbs in first
    assert first.endswith(f"ops_ok ● OK · {beside_it}" if beside_it else "ops_ok ● OK")
    assert len(first) <= 80


def test_its_age_is_that_of_the_last_look_at_the_desk_not_of_the_screen() -> None:
    assert "tick 3m ago · reads again in 5m" in said(HEADING)


def test_a_desk_that_nobody_has_looked_at_says_so() -> None:
    assert "no tick yet" in said(replace(HEADING, tick_at=None))


def test_before_anything_is_read_it_says_that_it_reads() -> None:
    assert "reading" in said(replace(HEADING, tick_at=None, ops_ok=None))
