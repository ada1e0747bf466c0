"""No part of an address that may be a secret gets into a text."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pytest

from mechexo.alerts.channels.address import DETAIL_LIMIT, Address, address_of
from mechexo.alerts.channels.mailbox import mailbox_path
from mechexo.config import ChannelSettings
from mechexo.errors import ConfigError

CANARY = "canary/7f3a+9c secret"


@pytest.fixture
def canary(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CANARY", CANARY)
    return CANARY


def address(url: str) -> Address:
    return address_of(ChannelSettings(url=url), Path("/desk"))


@pytest.mark.parametrize(
    "url",
    [
        "json://user:${env:CANARY}@host/path",
        "tgram://${env:CANARY}/12345",
        "slack://${env:CANARY}",
        "json://host/hook?key=${env:CANARY}",
    ],
)
@pytest.mark.parametrize("form", [CANARY, quote(CANARY), quote(CANARY, safe="")])
def test_a_referenced_secret_is_hidden_in_every_form(canary: str, url: str, form: str) -> None:
    hidden = address(url).harmless(f"POST https://host/{form}/send failed: error=401")
    assert "canary" not in hidden
    assert "error=401" in hidden


def test_a_password_of_any_signs_does_not_end_before_the_host(canary: str) -> None:
    parts = urlsplit(
        address("mailtos://desk:${env:CANARY}@smtp.example.com/?to=you@b.org").resolved
    )
    assert (parts.hostname, unquote(parts.password or "")) == ("smtp.example.com", CANARY)


def test_a_piece_of_a_secret_is_hidden_too(canary: str) -> None:
    said = address("json://u:${env:CANARY}@host").harmless("no host 7f3a+9c secret, no canary")
    assert said == "no host ***, no ***"


def test_a_secret_is_hidden_also_where_the_text_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY", "canary-in-one-piece")
    text = "x" * (DETAIL_LIMIT - 8) + "canary-in-one-piece"
    assert "can" not in address("tgram://${env:CANARY}/1").harmless(text)


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("json://127.0.0.1:80/hooks/T0KEN-in-path", "hooks/T0KEN-in-path"),
        ("json://host/?key=T0KEN-in-query", "T0KEN-in-query"),
        ("tgram://123456:T0KEN-as-host/99", "T0KEN-as-host"),
        ("twilio://SIDxxxx:T0KEN-password@from/to", "T0KEN-password"),
    ],
)
def test_a_literal_part_that_may_be_a_secret_is_hidden(url: str, secret: str) -> None:
    assert secret not in address(url).harmless(f"could not reach {secret}")


def test_where_a_mail_went_can_be_read() -> None:
    mail = address("mailto://127.0.0.1:25/?from=desk@example.com&to=you@example.com&mode=insecure")
    said = "127.0.0.1: refused you@example.com"
    assert mail.harmless(said) == said


def test_an_address_does_not_show_itself(canary: str) -> None:
    assert "canary" not in repr(address("tgram://${env:CANARY}/1"))


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///var/spool/box.jsonl", "/var/spool/box.jsonl"),
        ("file://box.jsonl", "/desk/box.jsonl"),
        ("file://messages/box.jsonl", "/desk/messages/box.jsonl"),
        ("file://a%20b.jsonl", "/desk/a%20b.jsonl"),
    ],
)
def test_where_a_mailbox_lies(url: str, path: str) -> None:
    assert mailbox_path(url, Path("/desk")) == Path(path)


@pytest.mark.parametrize("url", ["file://", "file:// ", "file:///", "file://folder/"])
def test_a_mailbox_that_names_no_file_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="names no file"):
        mailbox_path(url, Path("/desk"))
