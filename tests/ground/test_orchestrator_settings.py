"""`[orchestrators.NAME]`: what is refused, and in which words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mechexo.config import load_settings
from mechexo.desk import Desk
from mechexo.errors import ConfigError

MakeDesk = Callable[..., Desk]


def table(more: str = "", *, url: str = "http://127.0.0.1:4200/api") -> str:
    return f'[orchestrators.p]\nkind = "prefect"\nurl = "{url}"\n{more}'


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        (table(url="127.0.0.1:4200"), "url is no address"),
        (table(url="http://ada:canary@host/api"), "url holds a password in plain text"),
        (table(url="http://host/api?token=canary"), "url holds a password in plain text"),
        (table('token = "canary"'), "token is in plain text"),
        (table('user = "ada"\npassword = "canary"'), "password is in plain text"),
        (table('user = "ada"'), "user and password go together"),
        (table('password = "${env:P}"'), "user and password go together"),
        (table('token = "${env:T}"\nuser = "a"\npassword = "${env:P}"'), "takes one of them"),
        (table('flows = { "a/prod" = "bars" }'), "there is no [flows] table"),
        (
            table('flows = { "a/prod" = "barz" }\n[flows.bars]'),
            "'barz', which is no flow; did you mean bars?",
        ),
        (table('timeout = "2m"'), "a duration of at most 1m"),
        (table("failing_after = 0"), "a number from 1 to 100"),
        (table('lateafter = "1m"'), "did you mean late_after"),
        ('[orchestrators.p]\nkind = "prefect"', "[orchestrators.p] url is missing"),
    ],
)
def test_what_does_not_fit_is_told_and_holds_no_secret(
    make_desk: MakeDesk, toml: str, words: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        make_desk(toml)
    assert words in str(caught.value)
    assert "canary" not in str(caught.value)


def test_settings_that_were_read_before_are_the_same_again(make_desk: MakeDesk) -> None:
    toml = table('flows = { "a/prod" = "bars" }\nlook_back = "3d"\n[flows.bars]\n')
    desk = make_desk(toml)
    assert load_settings(desk.config_path) == desk.settings
    assert desk.settings.orchestrators["p"].flows == {"a/prod": "bars"}
