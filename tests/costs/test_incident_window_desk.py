"""What an incident cost, on a desk with files: windows in time, edges, other incidents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from costs.window_rows import Row, judged, many
from mechexo.clock import VirtualClock
from mechexo.costs.incident_window import window_cost
from mechexo.costs.incident_window_values import Verdict
from mechexo.desk import Desk
from mechexo.errors import NotFoundError, UsageError
from mechexo.incident_cost import incident_cost, markdown
from mechexo.incidents import operations as incidents
from mechexo.incidents.values import Incident, IncidentStatus
from support.program import document, mechexo

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
COSTS = (
    '[costs]\nfills = "fills.parquet"\nquotes = "quotes.parquet"\ncurrency = "USD"\n'
    'zone = "America/New_York"\n'
)


def traded(desk: Desk, at: Sequence[tuple[datetime, float]], symbol: str = "AAA") -> None:
    """One bought fill at each moment, so many bps above a mid of 100 that stood a second before."""
    moments = [moment for moment, _ in at]
    pl.DataFrame(
        {
            "fill_id": [f"f{place}" for place in range(len(at))],
            "ts": moments,
            "symbol": symbol,
            "side": "buy",
            "quantity": 100.0,
            "price": [100.0 * (1 + bps / 1e4) for _, bps in at],
            "commission": 0.0,
            "order_id": [f"o{place}" for place in range(len(at))],
        },
        schema_overrides={"ts": pl.Datetime("us", "UTC")},
    ).write_parquet(desk.path("fills.parquet"))
    pl.DataFrame(
        {
            "ts": [moment - timedelta(seconds=1) for moment in moments],
            "symbol": symbol,
            "bid": 99.99,
            "ask": 100.01,
        },
        schema_overrides={"ts": pl.Datetime("us", "UTC")},
    ).write_parquet(desk.path("quotes.parquet"))


def each_minute(start: datetime, count: int, bps: float) -> list[tuple[datetime, float]]:
    return [(start + place * MINUTE, bps + place % 3) for place in range(count)]


def week_before(weeks: int) -> datetime:
    return NOW - timedelta(days=7 * weeks)


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk(COSTS, zone="America/New_York")


def began(desk: Desk, at: datetime, title: str = "feed late") -> Incident:
    return incidents.open_incident(desk, title=title, severity="SEV2", began_at=at)


def test_an_incident_that_goes_on_is_priced_until_now(desk: Desk, clock: VirtualClock) -> None:
    traded(desk, each_minute(NOW, 30, 9.0) + each_minute(week_before(1), 30, 2.0))
    clock.advance(30 * MINUTE)
    found = incident_cost(desk, began(desk, NOW).id)
    assert found.until == "now"
    assert found.cost.verdict is Verdict.MORE
    assert found.cost.matched is not None
    assert found.cost.matched.difference_bps == pytest.approx(7.0, abs=0.01)
    # 30 fills of 100 at 100: 300,000 of notional.
    assert found.cost.matched.difference_ccy == pytest.approx(210.0, abs=0.1)
    assert found.cost.likely is not None
    assert found.cost.likely.low_bps < 7.0 < found.cost.likely.high_bps


def test_it_ends_when_it_was_mitigated_and_only_fills_inside_count(
    desk: Desk, clock: VirtualClock
) -> None:
    # Fills from before the start, at both ends and after it: the start is in, the end is not.
    around = each_minute(NOW - 5 * MINUTE, 60, 9.0)
    traded(desk, around + each_minute(week_before(1), 60, 2.0))
    clock.advance(30 * MINUTE)
    incident = began(desk, NOW)
    incidents.set_status(desk, incident.id, IncidentStatus.MITIGATED, text="feed is back")
    clock.advance(60 * MINUTE)
    found = incident_cost(desk, incident.id)
    assert found.until == "mitigated"
    assert found.cost.window.fills == 30
    assert found.cost.baseline.fills == 30


def test_a_day_of_another_incident_is_in_no_baseline(desk: Desk, clock: VirtualClock) -> None:
    weeks = each_minute(week_before(1), 30, 50.0) + each_minute(week_before(2), 30, 2.0)
    traded(desk, each_minute(NOW, 30, 9.0) + weeks)
    clock.advance(30 * MINUTE)
    incident = began(desk, NOW)
    assert incident_cost(desk, incident.id).cost.verdict is Verdict.LESS
    other = began(desk, week_before(1) + 5 * MINUTE, "an older one")
    # It still goes on, and takes every day of the last week.
    found = incident_cost(desk, incident.id)
    assert found.others == (other.id,)
    assert [day.isoformat() for day in found.cost.left_out] == ["2026-02-23"]
    assert found.cost.verdict is Verdict.MORE


def test_a_window_over_midnight_is_priced_day_by_day(desk: Desk, clock: VirtualClock) -> None:
    start = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)  # 22:00 in New York
    before = start - timedelta(days=7)
    fills = [(start + n * timedelta(hours=1), 5.0 + n % 2) for n in range(11)]
    fills += [(before + n * timedelta(hours=1), 1.0 + n % 2) for n in range(11)]
    traded(desk, fills)
    found = window_cost(desk, start, NOW)
    assert found.window.fills == 11
    assert [(day.day.isoformat(), day.fills) for day in found.days] == [
        ("2026-02-22", 2),
        ("2026-02-23", 9),
    ]
    assert found.verdict is Verdict.TOO_FEW
    assert found.likely is None


def test_without_a_quote_a_fill_is_unpriced_and_not_free(desk: Desk, clock: VirtualClock) -> None:
    traded(desk, each_minute(NOW, 30, 9.0) + each_minute(week_before(1), 30, 2.0))
    quotes = pl.read_parquet(desk.path("quotes.parquet"))
    quotes.filter(pl.col("ts") < NOW - MINUTE).write_parquet(desk.path("quotes.parquet"))
    found = window_cost(desk, NOW, NOW + 30 * MINUTE)
    assert (found.window.fills, found.window.unpriced) == (30, 30)
    assert found.matched is None
    assert "none of the 30 fills" in found.why_not


def test_a_window_that_is_none_is_refused(desk: Desk) -> None:
    traded(desk, each_minute(NOW, 3, 9.0))
    with pytest.raises(UsageError, match="at most 366"):
        window_cost(desk, datetime(1, 1, 2, tzinfo=UTC), NOW)
    with pytest.raises(UsageError, match="is empty"):
        window_cost(desk, NOW, NOW)
    with pytest.raises(UsageError, match="--weeks 0"):
        window_cost(desk, NOW - MINUTE, NOW, weeks=0)
    with pytest.raises(NotFoundError):
        incident_cost(desk, 99)
    with pytest.raises(UsageError, match="did harm for no time"):
        incident_cost(desk, began(desk, NOW).id)


def test_the_markdown_says_what_the_values_say(desk: Desk, clock: VirtualClock) -> None:
    traded(desk, each_minute(NOW, 30, 9.0) + each_minute(week_before(1), 30, 2.0))
    clock.advance(30 * MINUTE)
    text = markdown(incident_cost(desk, began(desk, NOW, "a | <b>").id))
    assert text.startswith("# What incident 1 cost\n")
    assert "a \\| \\<b\\>" in text
    assert "Extra cost: 210.00 USD, 7.00 bps; 95% interval" in text
    assert "30 fills of 30 orders" in text


def test_the_commands_print_and_give_documents(desk: Desk) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    start = now - timedelta(days=7, hours=1)
    traded(desk, each_minute(start, 30, 9.0) + each_minute(start - timedelta(days=7), 30, 2.0))
    period = ("--from", start.isoformat(), "--to", (start + 30 * MINUTE).isoformat())
    shown = mechexo("costs", "incident", *period, config=desk.config_path)
    assert "Verdict:" in shown.stdout, shown.stderr
    assert "Days of the baseline" in shown.stdout
    found = document(mechexo("costs", "incident", *period, "--json", config=desk.config_path))
    assert found["schema"] == "mechexo.window_cost/1"
    assert found["cost"]["window"]["fills"] == 30
    incident = began(desk, NOW - timedelta(hours=1))
    shown = mechexo("incident", "cost", incident.id, config=desk.config_path)
    assert shown.stdout.startswith("Incident 1 SEV2: feed late"), shown.stderr
    one = document(mechexo("incident", "cost", 1, "--weeks", 2, "--json", config=desk.config_path))
    assert one["schema"] == "mechexo.incident_cost/1"
    assert one["cost"]["weeks"] == 2


def test_a_mix_of_symbols_does_not_make_other_sides_of_them() -> None:
    window = many(30, Row("AAA", side=1)) + many(10, Row("BBB", side=-1))
    baseline = many(10, Row("AAA", side=1)) + many(90, Row("BBB", side=-1))
    found = judged(window, baseline).warnings
    assert not any("the difference may be theirs" in line for line in found)
