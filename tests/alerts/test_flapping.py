"""What opens and ends too often pages once more, and is then held until it has stood still."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from conftest import START, MakeDesk
from mechexo.alerts import operations as alerts
from mechexo.clock import VirtualClock
from support.shift import CHANNELS, LADDER, MINUTE, Shift, says


@pytest.fixture
def shift(make_desk: MakeDesk, clock: VirtualClock) -> Shift:
    return Shift(make_desk(CHANNELS + LADDER), clock)


def paged(shift: Shift) -> list[int]:
    """The alerts of which a page went out, by id."""
    found = alerts.deliveries(shift.desk, None, 500)
    return sorted(each.alert_id for each in found if (each.kind, each.state) == ("page", "sent"))


def flaps(shift: Shift, times: int, every: timedelta) -> None:
    """Opens so often, stands for half of the time, and ends."""
    for _ in range(times):
        begins = shift.clock.now()
        shift.fire("feed", "high")
        shift.until(begins + every / 2)
        shift.ends("feed")
        shift.until(begins + every)


@pytest.mark.parametrize("every", [MINUTE, 2 * MINUTE, 4 * MINUTE, 4.5 * MINUTE])
def test_at_whatever_pace_the_third_opening_is_the_last_that_pages(
    shift: Shift, every: timedelta
) -> None:
    flaps(shift, 15, every)
    assert paged(shift) == [1, 2, 3]
    said = Counter(
        event.detail
        for number in range(1, 16)
        for event in alerts.timeline(shift.desk, number)
        if event.kind == "flapping"
    )
    assert said == {
        "opened 3 times within 10m: it pages once, and is then held back": 1,
        "opened again before it had stood still for 10m: it pages when it has": 12,
    }


def test_one_that_goes_on_flapping_pages_once_more_when_nobody_was_told_for_an_hour(
    shift: Shift,
) -> None:
    flaps(shift, 45, 4 * MINUTE)
    # The third was told at 8 minutes, the 18th at 68, the 33rd at 128.
    assert paged(shift) == [1, 2, 3, 18, 33]
    assert (
        "flapping",
        "goes on flapping, and nobody was told for 1h: it pages once, and is then held back",
    ) in [(event.kind, event.detail) for event in alerts.timeline(shift.desk, 18)]


def test_what_is_bad_nearly_all_the_time_is_told_of_each_hour(shift: Shift) -> None:
    flaps(shift, 3, MINUTE)
    for _ in range(24):
        begins = shift.clock.now()
        shift.fire("feed", "critical")
        shift.until(begins + 9.5 * MINUTE)
        shift.ends("feed")
        shift.until(begins + 10 * MINUTE)
    # The fourth is worse than what was told; it opened at 3 minutes, the tenth at 63.
    assert paged(shift) == [1, 2, 3, 4, 10, 16, 22]


def test_one_that_has_stood_still_open_pages_and_flaps_no_more(shift: Shift) -> None:
    flaps(shift, 5, 2 * MINUTE)
    shift.fire("feed", "high")
    shift.until(START + 19.5 * MINUTE)
    assert paged(shift) == [1, 2, 3]
    shift.until(START + 20.5 * MINUTE)
    assert paged(shift) == [1, 2, 3, 6]
    shift.ends("feed")
    shift.fire("feed", "high")
    assert paged(shift) == [1, 2, 3, 6, 7]


def test_one_that_was_away_for_ten_minutes_flaps_no_more(shift: Shift) -> None:
    flaps(shift, 6, 4 * MINUTE)
    shift.until(START + 33 * MINUTE)
    shift.fire("feed", "high")
    assert paged(shift) == [1, 2, 3, 7]


@pytest.mark.parametrize(("back", "further"), [(5, []), (60, [7, 8, 9]), (-60, [7, 8, 9])])
def test_what_opened_before_the_clock_was_set_is_not_taken_for_the_last_one(
    shift: Shift, back: int, further: list[int]
) -> None:
    flaps(shift, 6, 2 * MINUTE)
    shift.clock.advance(-back * MINUTE)
    flaps(shift, 8, 2 * MINUTE)
    assert paged(shift) == [1, 2, 3, *further]


def test_one_that_flaps_and_opens_worse_than_what_was_told_pages_once(shift: Shift) -> None:
    flaps(shift, 4, 2 * MINUTE)
    for _ in range(3):
        shift.fire("feed", "critical")
        shift.ends("feed")
    assert paged(shift) == [1, 2, 3, 5]


def test_openings_whose_messages_never_went_out_hold_the_next_one_not_back(shift: Shift) -> None:
    for _ in range(3):
        alerts.observe(shift.desk, [says("feed", "critical")], time_is_kept=True)
        alerts.observe(shift.desk, [says("feed", "info", firing=False)], time_is_kept=True)
    shift.fire("feed", "critical")
    assert paged(shift) == [4]
    assert alerts.get_alert(shift.desk, 4).flapping_until is None


def test_openings_that_only_failing_channels_were_to_tell_hold_nothing_back(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    shift = Shift(make_desk(CHANNELS + LADDER.replace("chat", "desk")), clock)
    shift.break_desk()
    flaps(shift, 4, MINUTE)
    shift.mend_desk()
    shift.fire("feed", "critical")
    assert paged(shift) == [5]
