"""`[risk]` as a person writes it, and what is said of what does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from mechexo.config import Settings, load_settings, watched
from mechexo.errors import ConfigError


def load(folder: Path, toml: str) -> Settings:
    path = folder / "mechexo.toml"
    path.write_text(f'[desk]\nname = "x"\n{toml}')
    return load_settings(path)


def wrong(folder: Path, toml: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, toml)
    return str(caught.value).removeprefix(f"{folder / 'mechexo.toml'}: ")


def test_a_single_source_needs_no_name(tmp_path: Path) -> None:
    toml = '[risk]\nsource = "freqtrade:///path/tradesv3.sqlite"\n'
    toml += 'currency = "USDT"\nrates = {USD = 1.0}\n'
    for _ in range(2):  # validated, then recalled
        settings = load(tmp_path, toml)
        assert list(settings.risk) == ["desk"]
        assert settings.risk["desk"].source == "freqtrade:///path/tradesv3.sqlite"
        assert settings.risk["desk"].rates == {"USD": 1.0}


def test_several_sources_have_names(tmp_path: Path) -> None:
    settings = load(
        tmp_path, '[risk.a]\nsource = "freqtrade:///a"\n[risk.b]\nsource = "nautilus:///b"\n'
    )
    assert list(settings.risk) == ["a", "b"]


def test_sources_and_their_limits_are_probes_beside_the_others(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        '[probes.p]\nkind = "tcp"\n[risk.a]\nsource = "freqtrade:///a"\nevery = "2m"\n'
        '[risk.a.limits.gross]\ncritical = 5\nseverity = "critical"\nrunbook = "risk-breach"\n',
    )
    found = watched(settings)
    assert list(found) == ["p", "risk.a", "risk.a.gross"]
    limit = found["risk.a.gross"]
    assert (limit.kind, limit.card, limit.severity) == ("risk", "risk", "critical")
    assert (limit.every, limit.runbook) == (found["risk.a"].every, "risk-breach")


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('[risk]\nsource = "freqtrade:///a"\ncapital = 5.0', "capital needs currency beside it"),
        ('[risk]\nsource = "tradesv3.sqlite"', "[risk.desk] source is no address"),
        ('[risk.a]\nsource = "sqlite:///a"', "[risk.a] read is empty"),
        (
            '[risk.a]\nsource = "freqtrade:///a"\nread.capital = "SELECT 1"',
            "read means nothing with a source of kind freqtrade",
        ),
        (
            '[risk.a]\nsource = "sqlite:///a"\nread.positons = "SELECT 1"',
            "read 'positons' is unknown; did you mean positions",
        ),
        (
            '[risk.a]\nsource = "sqlite:///a"\nread.capital = "x"\nfields = {sym = "y"}',
            "fields 'sym' is unknown",
        ),
        ('[risk.a]\nsource = "freqtrade:///a"\nzone = "Mars"', "zone 'Mars' is no IANA time zone"),
        (
            '[risk.a]\nsource = "freqtrade:///a"\n[risk.a.limits.gross]\nrunbook = "x"',
            "[risk.a.limits.gross] has neither warn nor critical",
        ),
        (
            '[risk.a]\nsource = "freqtrade:///a"\n[risk.a.limits.x]\nwarn = 9\ncritical = 5',
            "[risk.a.limits.x] critical is below warn",
        ),
        (
            '[risk.a]\nsource = "freqtrade:///a"\n[risk.a.limits.gross]\nwarn = -5',
            "warn and critical are numbers from 0 up",
        ),
        (
            '[risk.a]\nsource = "https://u:pass1234@h/x"\nread.capital = "$.x"',
            "source holds a password in plain text",
        ),
        (
            '[risk.a]\nsource = "https://h/x"\nread.capital = "$.x"\n'
            'headers = {Authorization = "Bearer abcdef"}',
            "headers.Authorization is in plain text",
        ),
        (
            '[probes."risk.a"]\nkind = "tcp"\n[risk.a]\nsource = "freqtrade:///a"',
            "is watched as the probe risk.a, which [probes] has too",
        ),
        (
            '[risk.a]\nsource = "freqtrade:///a"\n[risk.a.limits.gros]\ncritical = 5',
            "[risk.a.limits.gros] 'gros' is nothing that is measured, and this source tells no",
        ),
        (
            '[risk]\nsource = "sqlite:///a"\nread.capital = "x"\n[risk.limits.x]\nof = "los_today"',
            "did you mean loss_today",
        ),
        ("[risk.limits.gross]\nwarn = 5", "[risk.desk] source is missing"),
        (
            '[risk."a.b"]\nsource = "freqtrade:///a"\n[risk.a]\nsource = "freqtrade:///b"\n'
            '[risk.a.limits.b]\nof = "gross"\nwarn = 1',
            "[risk.a] limit 'b' is watched as the probe risk.a.b, which is that of another source",
        ),
        ('[risk.a]\nsource = "freqtrade:///a"\ncurency = "EUR"', "[risk.a] curency is unknown"),
    ],
)
def test_what_does_not_fit_is_said_by_table_and_key(tmp_path: Path, toml: str, said: str) -> None:
    assert said in wrong(tmp_path, toml + "\n")
