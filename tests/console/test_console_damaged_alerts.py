"""What cannot be read in the state file stands above the list of alerts, which is whole besides."""

from __future__ import annotations

import pytest

from conftest import MakeDesk
from console.driving import press, screen_text, settled, until
from console.test_console_alert_list import LOOK
from mechexo.alerts import operations as alerts
from mechexo.alerts.damage import Damaged
from mechexo.desk import Desk
from mechexo_tui.app import MechexoApp
from mechexo_tui.panels.alerts import damaged_lines
from mechexo_tui.widgets.format import ASCII, Look
from mechexo_tui.widgets.lines import text_of, width_of
from support.damaged_alerts import one_damaged_of_two


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    return one_damaged_of_two(make_desk())


@pytest.mark.slow
async def test_a_damaged_alert_has_a_row_of_its_own_that_says_what_is_wrong(desk: Desk) -> None:
    app = MechexoApp(desk)
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        await press(pilot, "2")
        await until(pilot, "DAMAGED")
        await until(pilot, "feed is bad")
        text = screen_text(pilot)
        assert "✖ DAMAGED  alert 1 gateway: labels is no JSON of names and texts" in text
        assert "mechexo alerts damaged" in text
        assert "1 damaged" in text
        alerts.resolve(desk, 1)
        await until(pilot, "1 open, 1 unacknowledged: 1 critical")
        assert "DAMAGED" not in screen_text(pilot)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_of_many_damaged_rows_the_first_are_named_and_the_rest_counted(width: int) -> None:
    look: Look = LOOK.wide(width)
    rows = [Damaged("message", number, "kind is none of page: " + "x" * 90) for number in range(9)]
    lines = [text_of(line) for line in damaged_lines(rows, look)]
    assert len(lines) == 4
    assert "message 0: kind is none" in lines[0]
    assert "and 6 more" in lines[3]
    assert all(width_of(line) < width for line in lines)
    assert damaged_lines((), look) == []


def test_without_glyphs_the_word_is_there() -> None:
    plain = Look(80, LOOK.now, LOOK.zone, glyphs=ASCII)
    (line, _) = damaged_lines([Damaged("alert", 1, "x", name="gate")], plain)
    assert text_of(line).isascii()
    assert "DAMAGED  alert 1 gate: x" in text_of(line)
