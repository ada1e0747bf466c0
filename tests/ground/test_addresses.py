"""A secret in an address stays in its place, and in no text, not even in pieces."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mechexo.config import redact
from mechexo.config.addresses import credentials, fill_address, forms, secrets_of_references

ROOT = Path("/desk")
AWKWARD = "Tr4de@wi/nd:9#x?y=z&w%41 +é"


def filled(monkeypatch: pytest.MonkeyPatch, url: str, secret: str = AWKWARD) -> str:
    monkeypatch.setenv("SECRET", secret)
    return fill_address(url, ROOT)


@pytest.mark.parametrize("scheme", ["http", "https", "postgresql", "mailtos", "json"])
def test_a_password_of_any_signs_is_the_password_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    url = filled(monkeypatch, scheme + "://reader:${env:SECRET}@db.example.com:5432/trading?a=b")
    parts = urlsplit(url)
    assert (parts.hostname, parts.port, parts.path) == ("db.example.com", 5432, "/trading")
    assert (parts.username, parts.query) == ("reader", "a=b")
    assert unquote(parts.password or "") == AWKWARD


def test_a_user_and_a_value_of_the_query_keep_their_places_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = filled(monkeypatch, "https://${env:SECRET}:pw@host/api?key=${env:SECRET}&b=${env:SECRET}")
    parts = urlsplit(url)
    assert (unquote(parts.username or ""), parts.hostname) == (AWKWARD, "host")
    assert parse_qs(parts.query) == {"key": [AWKWARD], "b": [AWKWARD]}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_whatever_the_password_is_the_host_stays_the_host(
    monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    parts = urlsplit(filled(monkeypatch, "https://reader:${env:SECRET}@host:1/x", secret))
    assert (unquote(parts.password or ""), parts.hostname, parts.port) == (secret, "host", 1)


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("${env:SECRET}", "https://u:p%40@host/hook?a=b"),
        ("https://${env:SECRET}/hook", "host.example.com:8443"),
        ("https://host/${env:SECRET}/send", "T000/B000/a%2Fb"),
        ("tgram://${env:SECRET}/12345", "123:ABC-def"),
        ("sqlite:///${env:SECRET}/desk.sqlite", "/srv/a desk #1"),
        ("file://${env:SECRET}/box", "a b"),
        ("data/${env:SECRET}/desk.sqlite", "a b?c"),
    ],
)
def test_what_is_no_credential_is_put_in_as_it_is(
    monkeypatch: pytest.MonkeyPatch, url: str, secret: str
) -> None:
    assert filled(monkeypatch, url, secret) == url.replace("${env:SECRET}", secret)


def test_a_path_that_would_end_early_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    url = filled(monkeypatch, "https://host/${env:SECRET}/send", "to?k#en")
    assert urlsplit(url).path == "/to%3Fk%23en/send"


def test_each_reference_gets_its_own_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A", "a@")
    monkeypatch.setenv("B", "b/")
    url = fill_address("${env:A}://${env:A}:${env:B}@${env:B}x/${env:A}?${env:B}=${env:A}", ROOT)
    assert url == "a@://a%40:b%2F@b/x/a@?b%2F=a%40"


@pytest.mark.parametrize(
    "said",
    [
        "failed to resolve host 'nd9xx@127.0.0.1'",
        "Invalid port: 'Tr4de'",
        "no such host: Tr4de%40wi",
        "could not read /wi'nd9xx/db",
        'invalid: "wi\\\'nd9xx"',
    ],
)
def test_the_pieces_of_a_secret_are_hidden(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("SECRET", "Tr4de@wi'nd9xx/nd9xx")
    hidden = redact(said, tuple(forms(secrets_of_references("x${env:SECRET}", ROOT))))
    assert not any(piece in hidden for piece in ("Tr4de", "nd9xx", "wi'nd"))
    assert hidden.split(" ")[0] == said.split(" ")[0]


@pytest.mark.parametrize("password", ["Tr4de@wind9", "Tr4de/wind9", "Tr4de#wind9", "Tr4de?wind9"])
@pytest.mark.parametrize("encoded", [False, True])
def test_of_a_whole_address_the_credentials_are_hidden_and_the_place_is_not(
    password: str, encoded: bool
) -> None:
    written = quote(password, safe="") if encoded else password
    url = f"postgresql://reader:{written}@db.example.com:5432/trading?application_name=x"
    hidden = redact(
        f"db.example.com: no 'wind9' as Tr4de of trading, {password}, {written}",
        tuple(forms([url, *credentials(url)])),
    )
    assert "Tr4de" not in hidden
    assert "wind9" not in hidden
    assert hidden.startswith("db.example.com: no ")
    assert "of trading" in hidden


def test_words_of_three_letters_are_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "abc/not/xyz1")
    found = tuple(forms(secrets_of_references("${env:SECRET}", ROOT)))
    assert redact("not xyz1, nor abc/not/xyz1", found) == "not ***, nor ***"
