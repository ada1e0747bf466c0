"""The desk's own endpoints: JSON over HTTP, from a real server on loopback."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mechexo.config import RiskSettings
from mechexo.errors import UnreachableError
from mechexo.risk.sources import http_json
from mechexo.risk.systems import RiskQuestion
from mechexo.risk.trading_day import trading_day
from mechexo.risk.values import Amount, Broker, RiskLook, Trading
from support.scripted_http import Request, scripted_http

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
BOOK: dict[str, Any] = {
    "state": {"trading": True, "broker": "connected", "at": "2026-03-02T14:29:00Z"},
    "account": {"equity": 1000.1, "used": "250"},
    "books": [
        {"ticker": "A", "qty": 3, "px": 10.1},
        {"ticker": "B", "side": "short", "qty": 2, "px": 5, "currency": "EUR"},
    ],
    "pnl": [{"amount": -1.5, "currency": "EUR"}, {"amount": 2, "currency": "USD"}],
    "limits": {"loss": {"used": 5, "limit": 10}},
    "fx": {"EUR": 1.1},
}
READ = {
    "trading": "$.state.trading",
    "broker": "$.state.broker",
    "as_of": "$.state.at",
    "capital": "$.account.equity",
    "capital_used": "$.account.used",
    "positions": "$.books[*]",
    "pnl_today": "$.pnl",
    "limits": "$.limits",
    "rates": "$.fx",
}
FIELDS = {"symbol": "ticker", "quantity": "qty", "price": "px"}


def ask(
    url: str, read: dict[str, str] | None = None, *, within_s: float = 30.0, **keys: Any
) -> RiskLook:
    settings = RiskSettings(source=url, read=READ if read is None else read, fields=FIELDS, **keys)
    day = trading_day(NOW, ZoneInfo("UTC"), time(0, 0))
    return http_json.look(settings, RiskQuestion(Path("/"), NOW, day, within_s))


def test_every_part_is_read_from_its_place() -> None:
    with scripted_http(lambda _: (200, BOOK)) as server:
        look = ask(f"{server.url}/risk")
        assert len(server.asked) == 1
    assert (look.trading, look.broker) == (Trading.ON, Broker.CONNECTED)
    assert look.as_of == datetime(2026, 3, 2, 14, 29, tzinfo=UTC)
    # A tenth is a tenth, not its binary neighbour.
    assert look.capital == (Amount(Decimal("1000.1"), "USD"),)
    assert look.capital_used == (Amount(Decimal(250), "USD"),)
    assert look.positions is not None
    assert [(each.symbol, each.value, each.currency) for each in look.positions] == [
        ("A", Decimal("30.3"), "USD"),
        ("B", Decimal(-10), "EUR"),
    ]
    assert look.pnl_today == (Amount(Decimal("-1.5"), "EUR"), Amount(Decimal(2), "USD"))
    assert look.limits is not None
    assert (look.limits[0].name, look.limits[0].used) == ("loss", 5)
    assert look.rates == {"EUR": Decimal("1.1")}
    assert look.why == {"pnl_month": "not told by this source"}


def test_a_part_of_another_document_is_asked_of_the_same_host() -> None:
    def answer(request: Request) -> tuple[int, Any]:
        return (200, BOOK) if request.path == "/risk" else (200, {"items": [{"ticker": "C"}]})

    read = {"capital": "$.account.equity", "positions": "/v1/positions $.items"}
    with scripted_http(answer) as server:
        look = ask(f"{server.url}/risk", read)
        assert {each.path for each in server.asked} == {"/risk", "/v1/positions"}
    assert look.capital is not None
    assert look.why["positions"] == "C has neither a quantity nor a value"


def test_a_document_that_fails_takes_only_its_parts_with_it() -> None:
    def answer(request: Request) -> tuple[int, Any]:
        return (200, BOOK) if request.path == "/risk" else (503, {})

    read = {"capital": "$.account.equity", "positions": "/v1/positions $.items"}
    with scripted_http(answer) as server:
        look = ask(f"{server.url}/risk", read)
    assert look.capital is not None
    assert (look.positions, look.why["positions"]) == (None, "answered 503")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("$.nothing", "nothing is at $.nothing"),
        ("$.a.(", "is no JSONPath"),
        ("$.state.trading", "the amount is no number but a truth value"),
        ("$.account", "a row has no amount"),
        ("$.state.broker", "the amount is no number: 'connected'"),
    ],
)
def test_what_cannot_be_understood_is_unknown_and_says_why(path: str, why: str) -> None:
    with scripted_http(lambda _: (200, BOOK)) as server:
        look = ask(server.url, {"capital": path})
    assert look.capital is None
    assert why in look.why["capital"]


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [(500, {}, "answered 500"), (302, {}, "answered 302"), (404, {}, "answered 404")],
)
def test_no_document_is_no_look(status: int, body: Any, why: str) -> None:
    with (
        scripted_http(lambda _: (status, body)) as server,
        pytest.raises(UnreachableError, match=why),
    ):
        ask(server.url)


def test_nan_and_endless_numbers_are_no_money() -> None:
    for text in ("NaN", "Infinity", "1e400"):
        document = json.loads('{"x": ' + text + "}")
        with scripted_http(lambda _, document=document: (200, document)) as server:
            look = ask(server.url, {"capital": "$.x"})
        assert look.capital is None
        assert look.why["capital"]


def test_secrets_travel_as_headers_and_are_hidden_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RISK_TOKEN", "s3cr3t-t0ken")
    with scripted_http(lambda _: (200, BOOK)) as server:
        ask(server.url, headers={"Authorization": "Bearer ${env:RISK_TOKEN}"})
        assert server.asked[0].headers["Authorization"] == "Bearer s3cr3t-t0ken"
