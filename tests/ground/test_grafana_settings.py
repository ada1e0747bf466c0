"""What `[grafana]` may be: mistakes are named, and no secret stands in it in plain text."""

from __future__ import annotations

import pytest

from conftest import MakeDesk
from mechexo.errors import ConfigError

URL = 'url = "https://grafana.example.com"\n'
TOKEN = "glsa_canaryToken1That2Nobody3May4See_0a1b2c3d"


def test_a_desk_without_the_table_has_no_grafana(make_desk: MakeDesk) -> None:
    assert make_desk().settings.grafana.url == ""


def test_an_address_is_enough(make_desk: MakeDesk) -> None:
    found = make_desk(f"[grafana]\n{URL}").settings.grafana
    assert found.annotate == ("incidents", "rollbacks")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('token = "${env:T}"\n', "[grafana] url is missing"),
        ('url = "grafana.example.com"\n', "[grafana] url is no address"),
        (f'{URL}browser_url = "g"\n', "[grafana] browser_url is no address"),
        (f'{URL}link = "${{env:PAGE}}"\n', "[grafana] link is shown to people"),
        (f'{URL}annotate_on = "a/b"\n', "[grafana] annotate_on is no uid"),
        (f'{URL}panels = {{ p = "abc" }}\n', "[grafana] panels: p = 'abc'"),
        (f'{URL}annotate = ["alerts"]\n', "expected 'incidents' or 'rollbacks'"),
        (f'{URL}timeout = "1m"\n', "at most 5s"),
        (f'{URL}folder = "Desk"\n', "did you mean folders"),
    ],
)
def test_a_mistake_is_named(make_desk: MakeDesk, table: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        make_desk(f"[grafana]\n{table}")
    assert said in str(raised.value)


@pytest.mark.parametrize(
    "table",
    [
        f'{URL}token = "{TOKEN}"\n',
        f'url = "https://admin:{TOKEN}@grafana.example.com"\n',
        f'{URL}browser_url = "https://grafana.example.com/?token={TOKEN}"\n',
    ],
)
def test_a_secret_in_plain_text_is_refused_and_not_repeated(
    make_desk: MakeDesk, table: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        make_desk(f"[grafana]\n{table}")
    assert "plain text" in str(raised.value)
    assert TOKEN not in str(raised.value)
