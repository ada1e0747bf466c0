"""What a row of the alerts screen says, in how much room, and the lines of its day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mechexo.alerts.escalation import Outlook
from mechexo.alerts.values import SEVERITIES, Alert, AlertState, ChannelDay, HourOfAlerts
from mechexo_tui.panels.alert_day import day_lines
from mechexo_tui.panels.alert_list import in_order, list_row, list_table, next_of
from mechexo_tui.panels.alerts import state_of
from mechexo_tui.sources import Part
from mechexo_tui.widgets.format import ASCII, UNICODE, Glyphs, Look, countdown
from mechexo_tui.widgets.lines import CUT, text_of, width_of

NOW = datetime(2026, 3, 2, 14, 33, tzinfo=UTC)
LOOK = Look(120, NOW, ZoneInfo("UTC"))
ALERT = Alert(
    id=7, key="feed", severity="high", state=AlertState.FIRING, name="feed_stale",
    summary="no quote for 4 minutes", source="probe", labels={}, runbook="", count=1,
    started_at=NOW - timedelta(hours=10, minutes=26), last_seen_at=NOW, pages=1,
)  # fmt: skip
LATER = NOW + timedelta(minutes=12)
OUTLOOK = Outlook(LATER, "level 2: mail (ada lovelace), telegram")


@pytest.mark.parametrize(
    ("changed", "said", "in_full"),
    [
        ({}, "firing", "firing"),
        ({"state": AlertState.ACKNOWLEDGED}, "✔ acked", "✔ acked"),
        ({"silenced_until": LATER}, "silenced", "silenced to 14:45"),
        ({"held_until": LATER}, "held", "held to 14:45"),
        ({"flapping_until": LATER}, "flapping", "flapping to 14:45"),
        ({"suppressed_by": 12}, "caused by 12", "caused by 12"),
        ({"flapping_until": NOW}, "firing", "firing"),
    ],
)
def test_the_state_says_what_keeps_an_alert_quiet(
    changed: dict[str, object], said: str, in_full: str
) -> None:
    alert = replace(ALERT, **changed)  # type: ignore[arg-type]
    assert state_of(alert, LOOK)[0] == said
    assert state_of(alert, LOOK, in_full=True)[0] == in_full


def test_where_room_is_short_the_name_of_who_is_told_is_cut_and_never_the_time() -> None:
    assert next_of(ALERT, OUTLOOK, LOOK, 40)[0] == "mail (ada lovelace), telegram 12m"
    assert next_of(ALERT, OUTLOOK, LOOK, 14)[0] == "mail (ada… 12m"


def test_an_alert_that_nobody_is_told_of_says_so() -> None:
    end = Outlook(None, "nobody further: the ladder is at its end, see [escalation]")
    assert next_of(ALERT, end, LOOK, 30) == ("nobody further", "warning")
    assert next_of(ALERT, end, LOOK.wide(80), 16)[0] == "nobody"
    none = Outlook(None, "nobody: no channel takes low alerts, see [channels]")
    assert next_of(ALERT, none, LOOK, 30) == ("nobody", "warning")
    assert next_of(replace(ALERT, severity="low"), none, LOOK, 30) == ("nobody", "dim")
    caused = Outlook(None, "nobody while alert 12 is open, which causes it")
    assert next_of(replace(ALERT, suppressed_by=12), caused, LOOK, 30) == ("nobody", "dim")
    known = replace(ALERT, state=AlertState.ACKNOWLEDGED, acknowledged_by="ada")
    assert next_of(known, Outlook(None, "nobody further: ada knows"), LOOK, 30)[0] == "ada knows"


def test_what_is_not_known_to_come_next_is_a_dash() -> None:
    assert next_of(ALERT, None, LOOK, 30)[0] == "–"


@pytest.mark.parametrize("width", [60, 72, 80, 100, 120, 200])
def test_at_every_width_a_row_keeps_severity_state_and_the_time_to_the_next(width: int) -> None:
    look = LOOK.wide(width)
    long = replace(ALERT, name="a_very_long_name_of_an_alert_indeed", suppressed_by=None)
    table = list_table([long], {7: OUTLOOK}, look)
    text = text_of(list_row(long, {7: OUTLOOK}, table, look).line)
    assert width_of(text) < width
    assert "▲ HIGH" in text
    assert "firing" in text
    assert "12m" in text
    assert "10h26m" in text
    assert ("no quo" in text) is (width >= 72)


def test_a_later_row_keeps_its_time_in_the_width_of_the_first_ones() -> None:
    short = Outlook(LATER, "level 2: me")
    table = list_table([ALERT], {7: short}, LOOK)
    later = replace(ALERT, id=8)
    text = text_of(list_row(later, {8: OUTLOOK}, table, LOOK).line)
    assert text.rstrip().endswith("12m")


def test_alerts_are_put_in_order_by_each_column() -> None:
    old = replace(ALERT, id=1, name="b", severity="low", level=3)
    young = replace(ALERT, id=2, name="a", severity="critical", started_at=NOW, pages=0)
    following = {1: Outlook(LATER, "level 2: mail"), 2: Outlook(None, "nobody")}

    def by(column: str, *, turned_round: bool = False) -> list[int]:
        found = in_order([old, young], following, column, turned_round=turned_round)
        return [alert.id for alert in found]

    assert by("") == [1, 2]
    assert by("severity") == by("age") == by("name") == [2, 1]
    assert by("level") == by("next") == [1, 2]
    assert by("next", turned_round=True) == [2, 1]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-5, "now"), (0.5, "now"), (1, "1s"), (59.9, "59s"), (60, "1m"), (899, "14m")],
)
def test_a_countdown_counts_minutes_and_at_last_seconds(seconds: float, said: str) -> None:
    assert countdown(timedelta(seconds=seconds)) == said


def day(*, busy: bool = True) -> tuple[HourOfAlerts, ...]:
    start = NOW.replace(minute=0) - timedelta(hours=23)
    return tuple(
        HourOfAlerts(
            start + timedelta(hours=each),
            {name: each * place for place, name in enumerate(SEVERITIES) if each * place and busy},
        )
        for each in range(24)
    )


CHANNELS = (
    ChannelDay("mailbox", sent=12),
    ChannelDay("mail", sent=2, failed=1, due=3, last_failure_at=NOW, last_failure="550 nobody"),
    ChannelDay("old", cancelled=1, configured=False),
    ChannelDay("phone"),
)  # fmt: skip


def shown(
    hours: tuple[HourOfAlerts, ...],
    channels: tuple[ChannelDay, ...],
    *,
    width: int = 80,
    height: int = 24,
    glyphs: Glyphs = UNICODE,
) -> list[str]:
    look = Look(width, NOW, ZoneInfo("UTC"), glyphs)
    lines = day_lines(Part(hours, NOW), Part(channels, NOW), look, height)
    return [text_of(line) for line in lines]


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["glyphs", "ascii"])
@pytest.mark.parametrize(("width", "height"), [(60, 16), (80, 24), (80, 40), (120, 40), (200, 60)])
def test_the_day_fits_at_every_size(width: int, height: int, glyphs: Glyphs) -> None:
    lines = shown(day(), CHANNELS, width=width, height=height, glyphs=glyphs)
    assert max(map(width_of, lines)) <= width
    assert len(lines) <= height // 3
    if glyphs is ASCII:
        # The mark of a cut is one that the palette has a plain sign for.
        assert all(line.replace(CUT, "~").isascii() for line in lines)


def test_on_a_low_screen_the_day_is_a_line_each_and_the_failures_words() -> None:
    plot, channels, words = shown(day(), CHANNELS, width=120)
    assert "2,760 started: 276 high, 552 medium, 828 low, 1,104 info" in plot
    assert channels.strip() == (
        "today  ✖ mail 1 failed, 2 sent, 3 due · mailbox 12 sent · old (gone) 1 cancelled"
        " · phone nothing"
    )
    assert words.strip() == "mail at 14:33: 550 nobody"


def test_a_high_screen_draws_each_severity_and_names_the_hours() -> None:
    lines = shown(day(), CHANNELS, width=200, height=60)
    text = "\n".join(lines)
    for name in ("▲ HIGH", "▲ MEDIUM", "· LOW", "· INFO", "15 16 17", "Messages today"):
        assert name in text, name
    assert "✖ CRITICAL" not in text
    assert any("✖ 1" in line and "14:33 550 nobody" in line for line in lines)


def test_a_day_without_alerts_and_a_desk_without_channels_say_so() -> None:
    for height in (24, 60):
        text = "\n".join(shown(day(busy=False), (), height=height))
        assert "no alert started" in text
        assert "no channel is configured" in text


def test_a_day_that_cannot_be_read_is_unknown_and_not_empty() -> None:
    for height in (24, 60):
        lines = day_lines(Part(error="the file is gone"), Part(), LOOK, height)
        text = "\n".join(text_of(line) for line in lines)
        assert "? UNKNOWN" in text
        assert "the file is gone" in text
        assert "reading today's messages" in text
        assert "no alert started" not in text


def test_more_channels_than_there_is_room_for_are_counted_and_the_failing_come_first() -> None:
    many = [ChannelDay(f"c{number}", sent=1) for number in range(12)]
    failing = ChannelDay("bad", failed=1, last_failure_at=NOW, last_failure="no")
    lines = shown(day(), (*many, failing), width=120, height=60)
    assert any("and 5 channels more" in line for line in lines)
    rows = [line for line in lines if "14:33 no" in line]
    assert len(rows) == 1
