"""Sources as plug-ins, side by side: each degrades only itself."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conftest import MakeDesk
from mechexo import plug_ins
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import ConfigError
from mechexo.outside import Standing
from mechexo.risk import operations, systems
from mechexo.risk.systems import RiskQuestion, find_system
from mechexo.risk.values import Position, RiskLook
from support.risk_books import READ, change, make_book

LOOK = RiskLook(day=date(2026, 3, 2))


def added(monkeypatch: pytest.MonkeyPatch, **kinds: Any) -> None:
    """Adds kinds as another package would."""
    entries = [EntryPoint(name, f"package:{name}", systems.KINDS.group) for name in kinds]
    monkeypatch.setattr(plug_ins, "entry_points", lambda group: entries)
    monkeypatch.setattr(EntryPoint, "load", lambda entry: kinds[entry.name])


def test_a_package_adds_a_kind_by_its_scheme(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(settings: Any, question: RiskQuestion) -> RiskLook:
        assert question.path(settings.source).name == "flex.xml"
        return RiskLook(
            day=question.day.day,
            positions=(Position("A\x1b[31m", None, None, None, "USD"),),
            remarks=("password=hunter2",),
        )

    added(monkeypatch, ibflex=SimpleNamespace(look=look))
    desk = make_desk('[risk.ib]\nsource = "ibflex:///flex.xml"\n')
    (found,) = operations.look(desk, deadline_s=30.0)
    assert found.why == ""
    assert found.look is not None
    assert found.look.positions is not None
    assert found.look.positions[0].symbol == "A [31m", "it steers no terminal"
    assert "hunter2" not in found.look.remarks[0]


def test_a_kind_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"'freqtrad' is no kind of risk source.*freqtrade"):
        find_system("freqtrad")


def test_a_kind_without_look_or_that_cannot_be_loaded_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    added(monkeypatch, hollow=SimpleNamespace())
    with pytest.raises(ConfigError, match=r"the risk source 'hollow' of .* must have look"):
        find_system("hollow")
    monkeypatch.setattr(EntryPoint, "load", lambda entry: 1 / 0)
    with pytest.raises(ConfigError, match=r"cannot be loaded .*ZeroDivisionError"):
        find_system("hollow")


@pytest.mark.slow
def test_of_ten_sources_two_hang_and_one_is_garbage_and_seven_are_read(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = threading.Event()
    added(
        monkeypatch,
        hanging=SimpleNamespace(look=lambda settings, question: never.wait(600) and LOOK),
        garbage=SimpleNamespace(look=lambda settings, question: "garbage"),
    )
    tables = [f'[risk.book{n}]\nsource = "sqlite:///book.db"\n{READ}' for n in range(7)]
    tables += ['[risk.garbage]\nsource = "garbage://x"\n']
    tables += [f'[risk.hanging{n}]\nsource = "hanging://x"\ntimeout = "1s"\n' for n in range(2)]
    desk = make_desk("\n".join(tables))
    make_book(desk.root)
    try:
        found = {each.name: each for each in operations.look(desk, deadline_s=60.0)}
    finally:
        never.set()
    assert [name for name, each in found.items() if each.look is None] == [
        *("garbage", "hanging0", "hanging1"),
    ]
    assert found["garbage"].why == "it answered with str, not a RiskLook"
    assert found["hanging0"].why == "no answer within 1 s"


@pytest.fixture
def book(make_desk: MakeDesk) -> Desk:
    desk = make_desk(f'[risk.book]\nsource = "sqlite:///book.db"\n{READ}')
    make_book(desk.root)
    return desk


def test_a_source_that_fails_again_and_again_is_left_alone_and_keeps_what_it_told(
    book: Desk, clock: VirtualClock
) -> None:
    (found,) = operations.look(book, deadline_s=60.0)
    good_at = found.good_at
    (book.root / "book.db").rename(book.root / "gone.db")
    for _ in range(3):
        clock.advance(timedelta(minutes=1))
        (found,) = operations.look(book, deadline_s=60.0)
    assert (found.standing, found.failures) == (Standing.OPEN, 3)
    assert found.until is not None
    assert found.good_at == good_at
    assert found.look is not None
    assert found.look.positions is not None
    (book.root / "gone.db").rename(book.root / "book.db")
    clock.advance(timedelta(minutes=2))
    (found,) = operations.look(book, deadline_s=60.0)
    assert (found.standing, found.why) == (Standing.CLOSED, "")


def test_what_is_kept_is_what_was_read_number_by_number(book: Desk) -> None:
    change(book.root / "book.db", "INSERT INTO positions VALUES ('C', 0.1, 0.2, 'EUR', NULL)")
    (told,) = operations.look(book, deadline_s=60.0)
    (kept,) = operations.standings(book)
    assert kept == told
    assert kept.look is not None
    assert kept.look.positions is not None
    assert str(kept.look.positions[2].value) == "0.02"


def test_what_was_kept_for_another_configuration_says_nothing(
    book: Desk, make_desk: MakeDesk
) -> None:
    operations.look(book, deadline_s=60.0)
    other = make_desk(f'[risk.book]\nsource = "sqlite:///other.db"\n{READ}')
    (found,) = operations.standings(other)
    assert (found.look, found.good_at) == (None, None)


def test_a_path_that_was_meant_from_the_root_is_said_how_to_write(
    make_desk: MakeDesk, tmp_path: Path
) -> None:
    path = make_book(tmp_path)
    three = make_desk(f'[risk.book]\nsource = "sqlite://{path}"\n{READ}')
    (found,) = operations.look(three, deadline_s=60.0)
    assert f"for {path} write sqlite:///{path}" in found.why
    four = make_desk(f'[risk.book]\nsource = "sqlite:///{path}"\n{READ}')
    (found,) = operations.look(four, deadline_s=60.0, force=True)
    assert found.why == ""


def test_a_query_that_writes_is_refused(make_desk: MakeDesk) -> None:
    desk = make_desk(
        '[risk.book]\nsource = "sqlite:///book.db"\n'
        'read.capital = "UPDATE account SET value = 0 RETURNING value"\n'
        'read.positions = "SELECT * FROM positions"\n'
    )
    make_book(desk.root)
    (found,) = operations.look(desk, deadline_s=60.0)
    assert (found.look and found.look.capital) is None
    assert "readonly" in (found.why or str(found.look and found.look.why))


def test_more_positions_than_can_be_kept_are_refused_and_not_cut(
    book: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mechexo.risk import keeping

    monkeypatch.setattr(keeping, "MOST_ROWS", 1)
    (found,) = operations.look(book, deadline_s=60.0)
    assert found.why == "it tells of 2 positions, more than 1; let it add some up"
