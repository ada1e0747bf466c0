"""Risk in the console: trading, capital, P&L, limits with the broken ones first, positions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from conftest import START
from console.driving import Show, press, screen_text, until
from mechexo import risk_report
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.health import operations as health
from mechexo.health.values import ProbeState, Status
from mechexo.risk import operations as risk_wing
from mechexo.risk_report import LimitRow, RiskReport
from mechexo.risk_words import outcomes
from mechexo_tui.panels import risk
from mechexo_tui.panels.risk_positions import held, position_rows
from mechexo_tui.panels.risk_wholes import limit_lines, position_lines
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.format import ASCII, UNICODE, Glyphs, Look
from mechexo_tui.widgets.lines import Row, text_of, width_of
from support.risk_books import READ, change, make_book

LOOK = Look(120, START, ZoneInfo("UTC"))
LIMITS = """
[risk.book.limits.gross]
warn = 1100
critical = 1500
fail_after = 1
"""


@pytest.fixture
def book_desk(make_desk: Callable[..., Desk]) -> Desk:
    """A desk whose tick has just read its book: one limit near, one broken."""
    desk = make_desk(f'[risk.book]\nsource = "sqlite:///book.db"\n{READ}{LIMITS}')
    change(make_book(desk.root), "UPDATE limits SET used = 140")
    read(desk)
    return desk


def read(desk: Desk) -> None:
    found = risk_wing.look(desk, deadline_s=60.0, force=True)
    health.take_in(desk, outcomes(found, desk.settings))


def report(desk: Desk) -> RiskReport:
    (found,) = risk_report.reports(desk)
    return found


def rows_of(found: RiskReport, look: Look) -> list[Row]:
    return [
        *risk.source_rows(found, look, alone=False),
        *risk.limit_rows(found.limits, look, alone=False),
        *position_rows(held([found]), look, alone=False),
    ]


def texts(rows: list[Row]) -> str:
    return "\n".join(text_of(row.line) for row in rows)


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_rows_fit_their_terminal(book_desk: Desk, width: int, glyphs: Glyphs) -> None:
    known = report(book_desk)
    long = replace(known.limits[0], name="n" * 90, unit="u" * 50, source="s" * 50)
    look = known.standing.look
    assert look is not None
    assert known.positions is not None
    position = replace(known.positions[0], symbol="S" * 80, account="a" * 80)
    wide = replace(
        known,
        limits=(*known.limits, long),
        positions=(*known.positions, position),
        detail="it does not answer: " + "so " * 80,
        standing=replace(known.standing, look=replace(look, remarks=("r" * 300,))),
    )
    rows = rows_of(wide, Look(width, START, LOOK.zone, glyphs))
    assert all(width_of(text_of(row.line)) <= width for row in rows)
    if glyphs is ASCII:
        plain = rows_of(known, Look(width, START, LOOK.zone, glyphs))
        assert texts(plain).replace("…", "").isascii()


def test_a_source_says_how_it_is_what_is_used_earned_and_held(book_desk: Desk) -> None:
    said = texts(risk.source_rows(report(book_desk), LOOK, alone=True))
    for word in (
        *("book (sqlite), told 0m ago", "trading ● ON", "broker ● CONNECTED"),
        *("12% used", "600.00 USD of 5,000 USD", "today -30.00 USD", "month +70.00 USD"),
        *("not realised +30.00 USD", "gross 1,200 USD", "net +800.00 USD", "short 200.00 USD"),
    ):
        assert word in said


def test_broken_limits_come_first_with_what_is_over(book_desk: Desk) -> None:
    lines = texts(risk.limit_rows(report(book_desk).limits, LOOK, alone=True)).splitlines()
    assert "✖ CRITICAL  daily_loss" in lines[1]
    assert "140%" in lines[1]
    assert "-40" in lines[1]
    assert "▲ WARNING" in lines[2]
    assert "gross" in lines[2]
    assert "300" in lines[2]


def test_a_bar_has_a_mark_where_the_warning_begins(book_desk: Desk) -> None:
    row = next(each for each in report(book_desk).limits if each.name == "gross")
    half = replace(row, used=Decimal(750), used_pct=50.0)
    (_, line) = texts(risk.limit_rows([half], LOOK, alone=True)).splitlines()
    assert "████████████·····│······" in line


def test_a_watched_limit_shows_how_it_went(book_desk: Desk) -> None:
    wide = Look(200, START, LOOK.zone)
    limits = report(book_desk).limits
    history = {"risk.book.gross": (600.0, 1200.0)}
    head, told, watched = texts(
        risk.limit_rows(limits, wide, alone=True, history=history)
    ).splitlines()
    assert head.rstrip().endswith("history")
    assert watched.rstrip().endswith("▅█")
    assert "█ " in told
    assert "history" not in texts(risk.limit_rows(limits, wide, alone=True))


def test_a_currency_without_a_rate_leaves_the_sums_out_and_shows_each_alone(
    book_desk: Desk,
) -> None:
    change(book_desk.root / "book.db", "INSERT INTO positions VALUES ('C', 1, 10, 'EUR', 0)")
    read(book_desk)
    said = texts(risk.source_rows(report(book_desk), LOOK, alone=True))
    assert "gross –" in said
    assert "no rate of EUR in USD" in said
    assert "net by    +10.00 EUR · +800.00 USD" in said


def test_what_was_never_read_shows_no_number(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(f'[risk.book]\nsource = "sqlite:///book.db"\n{READ}{LIMITS}')
    said = texts(rows_of(report(desk), LOOK))
    assert "never read" in said
    assert "trading ? UNKNOWN" in said
    assert not any(sign.isdigit() for sign in said)


def test_a_source_that_fails_shows_what_is_known_with_its_age(
    book_desk: Desk, clock: VirtualClock
) -> None:
    (book_desk.root / "book.db").unlink()
    for _ in range(3):
        clock.advance(timedelta(minutes=4))
        read(book_desk)
    look = Look(120, clock.now(), LOOK.zone)
    said = texts(risk.source_rows(report(book_desk), look, alone=True))
    assert "? UNKNOWN" in said
    assert "told 12m ago" in said
    assert "there is no database" in said
    assert "left alone for" in said
    assert "gross 1,200 USD" in said


def test_one_line_says_what_is_held_and_earned(book_desk: Desk) -> None:
    known = report(book_desk)
    assert risk.brief_aside([known], LOOK) == "gross 1,200 USD, P&L today -30.00 USD"
    assert risk.brief_aside([known, known], LOOK).startswith("book: gross 1,200 USD")
    assert risk.brief_aside([], LOOK) == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        ("0", "0"),
        ("1234567.89", "1,234,568"),
        ("-12.5", "-12.50"),
        ("0.0421", "0.0421"),
        ("0.00000001", "1.0E-8"),
    ],
)
def test_amounts_keep_what_matters(value: str | None, shown: str) -> None:
    number = None if value is None else Decimal(value)
    assert shown_as.exact_number(number, UNICODE) == shown


def test_a_signed_amount_of_nothing_has_no_sign() -> None:
    assert shown_as.exact_number(Decimal(0), UNICODE, signed=True) == "0"
    assert shown_as.exact_number(Decimal(5), UNICODE, signed=True, trimmed=True) == "+5"


def test_limits_in_a_few_words() -> None:
    def row(status: Status) -> LimitRow:
        return LimitRow("s", "n", None, None, None, None, "", status, "")

    assert risk.limits_aside([row(Status.OK)] * 3) == "all 3 kept"
    mixed = [row(Status.CRITICAL), row(Status.UNKNOWN), row(Status.WARNING), row(Status.WARNING)]
    assert risk.limits_aside(mixed) == "1 broken, 2 near, 1 not known"


@pytest.mark.slow
@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_the_risk_screen_shows_limits_and_positions_and_a_limit_in_full(
    book_desk: Desk, show: Show, size: tuple[int, int]
) -> None:
    async with show(book_desk, *size) as pilot:
        await press(pilot, "6")
        await until(pilot, "daily_loss")
        text = screen_text(pilot)
        for word in ("Limits  1 broken, 1 near", "Positions  2 positions", "+1,000", "-200.00"):
            assert word in text
        assert text.index("daily_loss") < text.index("▲ WARNING")
        await press(pilot, "slash", *"gross", "enter")
        await press(pilot, "down")
        await press(pilot, "enter")
        await until(pilot, "risk > risk.book.gross")


@pytest.mark.slow
async def test_a_limit_that_only_the_source_tells_and_a_position_open_in_full(
    book_desk: Desk, show: Show
) -> None:
    async with show(book_desk, 80, 24) as pilot:
        await press(pilot, "6")
        await until(pilot, "daily_loss")
        await press(pilot, "slash", *"daily_loss", "enter", "down", "enter")
        await until(pilot, "watched by      its source")
        assert "in use          140.0%" in screen_text(pilot)
        await press(pilot, "q", "q")
        await until(pilot, "Positions  2 positions")
        pilot.app.screen.choose_row("position:book::B")
        await press(pilot, "enter")
        await until(pilot, "risk > B")
        for fact in ("quantity        -5", "value           -200.00", "entry           –"):
            assert fact in screen_text(pilot)


def test_what_a_position_or_a_limit_lacks_is_a_dash(book_desk: Desk) -> None:
    known = report(book_desk)
    assert known.positions is not None
    position = replace(known.positions[0], entry_price=None, unrealised=None, value=None)
    lines = "\n".join(text_of(line) for line in position_lines(position, known, LOOK))
    for fact in (
        "entry           –",
        "not realised    –",
        "value           –",
        "account         –",
    ):
        assert fact in lines
    bare = replace(known.limits[0], used=None, left=None, used_pct=None, probe="")
    lines = "\n".join(text_of(line) for line in limit_lines(bare, known, LOOK))
    for fact in ("used            –", "in use          –", "left            –"):
        assert fact in lines


@pytest.mark.slow
async def test_without_a_source_the_screen_says_how_to_add_one(busy_desk: Desk, show: Show) -> None:
    async with show(busy_desk, 100, 30) as pilot:
        await press(pilot, "6")
        await until(pilot, "[risk] in mechexo.toml adds one")
        assert "gross_exposure" in screen_text(pilot)


def test_in_a_narrow_overview_what_is_wrong_comes_before_what_is_held(book_desk: Desk) -> None:
    known = [report(book_desk)]
    well = ProbeState("a_limit_of_the_desk", "sql", "risk", "high", Status.OK, "")
    probes = [well, replace(well, name="another_limit_of_it", status=Status.UNKNOWN)]
    narrow = LOOK.wide(80)
    assert risk.overview_aside(known, probes, LOOK).startswith("gross 1,200 USD")
    assert risk.overview_aside(known, probes, narrow).startswith("1 of 2 not ok · gross 1,200 USD")
    assert risk.overview_aside(known, [well], narrow).startswith("gross 1,200 USD")


@pytest.mark.slow
async def test_the_overview_says_what_is_held_and_earned(book_desk: Desk, show: Show) -> None:
    async with show(book_desk, 120, 40) as pilot:
        await until(pilot, "gross 1,200 USD, P&L today -30.00 USD")
        await press(pilot, "t")
        await until(pilot, "trading ● ON")
        assert "12% used" in screen_text(pilot)


@pytest.mark.slow
async def test_of_very_many_positions_the_largest_are_drawn_and_the_rest_found(
    book_desk: Desk, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mechexo_tui.screens.risk.MOST_SHOWN", 1)
    async with show(book_desk, 120, 40) as pilot:
        await press(pilot, "6")
        await until(pilot, "and 1 smaller: / finds them")
        assert "-200.00" not in screen_text(pilot)
        await press(pilot, "slash", "b", "enter")
        await until(pilot, "-200.00")
