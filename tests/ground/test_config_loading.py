"""Reading mechexo.toml: every misfit is one line that names file, table, key and expectation."""

from __future__ import annotations

import os
from datetime import time, timedelta
from pathlib import Path

import pytest

from mechexo.config import find_config, load_settings, redact, resolve_references
from mechexo.errors import ConfigError

DESK = '[desk]\nname = "test"\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "mechexo.toml"


def misfit(config: Path, text: str) -> str:
    """What is said about a configuration that does not fit."""
    config.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(config)
    said = str(caught.value)
    assert str(config) in said
    assert "\n" not in said
    return said


def test_the_smallest_configuration_has_sound_defaults(config: Path) -> None:
    config.write_text(DESK)
    settings = load_settings(config)
    assert settings.desk.mode == "paper"
    assert settings.refresh.tick == timedelta(minutes=1)
    assert settings.quiet_hours.start == time(22)


def test_settings_read_a_second_time_are_the_same(config: Path) -> None:
    config.write_text(
        DESK + '[probes.disk]\nkind = "host"\nevery = "90s"\npath = "/"\n'
        '[flows.bars]\nexpect_every = "1h"\n[quiet_hours]\nstart = "21:30"\n'
    )
    first = load_settings(config)
    second = load_settings(config)
    assert second == first
    assert second.probes["disk"].options == {"path": "/"}
    assert second.probes["disk"].every == timedelta(seconds=90)


def test_settings_changed_between_two_reads_are_read_anew(config: Path) -> None:
    config.write_text(DESK)
    load_settings(config)
    config.write_text(DESK.replace("test", "other"))
    assert load_settings(config).desk.name == "other"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["[desk] is missing"]),
        ('[desk]\nmode = "paper"', ["[desk] name is missing"]),
        ("[desk]\nname = 5", ["[desk] name = 5", "expected"]),
        ('[desk]\nname = ""', ["[desk] name = ''", "1 to 40 characters"]),
        (DESK + 'mode = "test"', ["[desk] mode = 'test'", "'paper' or 'live'"]),
        (DESK + 'zone = "Mars/Base"', ["[desk] zone = 'Mars/Base'", "IANA time zone"]),
        (DESK + "nmae = 1", ["[desk] nmae is unknown", "did you mean name"]),
        (DESK + "[refrsh]", ["[refrsh] is unknown", "did you mean refresh"]),
        (DESK + '[refresh]\ntick = "soon"', ["[refresh] tick = 'soon'", "90s, 15m"]),
        (DESK + "[refresh]\ntick = 60", ["[refresh] tick = 60", "in quotes"]),
        (DESK + '[refresh]\ntick = "0s"', ["[refresh] tick", "longer than zero"]),
        (DESK + "[probes.x]", ["[probes.x] kind is missing"]),
        (DESK + '[probes.x]\nkind = "tcp"\nfail_after = 0', ["[probes.x] fail_after = 0", "1 to"]),
        (DESK + '[quiet_hours]\nstart = "25:00"', ["[quiet_hours] start = '25:00'", "22:00"]),
        (DESK + '[channels.ops]\nurl = ""', ["[channels.ops] url"]),
        (DESK + '[channels.ops]\nulr = "x"', ["[channels.ops] ulr is unknown", "mean url"]),
    ],
)
def test_a_misfit_names_table_key_value_and_expectation(
    config: Path, text: str, words: list[str]
) -> None:
    said = misfit(config, text)
    for word in words:
        assert word in said


def test_all_misfits_are_named_at_once(config: Path) -> None:
    said = misfit(config, DESK + 'mode = "x"\n[refresh]\ntick = "y"')
    assert "[desk] mode" in said
    assert "[refresh] tick" in said


def test_broken_toml_names_the_line(config: Path) -> None:
    assert "is not valid TOML" in misfit(config, "[desk\nname")
    assert "line 1" in misfit(config, "[desk\nname")


def test_text_that_is_not_utf8_names_the_byte(config: Path) -> None:
    config.write_bytes(b'[desk]\nname = "caf\xe9"')
    with pytest.raises(ConfigError, match=r"not UTF-8 text \(byte 18\)"):
        load_settings(config)


def test_nesting_without_end_is_refused(config: Path) -> None:
    assert "nested" in misfit(config, "x = " + "[" * 50_000)


def test_a_misfit_does_not_repeat_a_secret(config: Path) -> None:
    said = misfit(config, DESK + '[channels]\nops = "mailtos://user:hunter2@example.org"')
    assert "hunter2" not in said
    said = misfit(config, DESK + '[channels.ops]\nurl = "json://h/?token=hunter2"\ntimeout = 1')
    assert "hunter2" not in said


@pytest.mark.parametrize(
    "url",
    [
        "mailtos://user:hunter2@example.org",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "json://host/?token=hunter2",
        "${env:SCHEME}://host/?password=hunter2",
    ],
)
def test_a_secret_in_plain_text_is_refused_without_repeating_it(config: Path, url: str) -> None:
    said = misfit(config, f'{DESK}[channels.ops]\nurl = "{url}"')
    assert "plain text" in said
    assert "hunter2" not in said
    assert "TIiajkdnlazkcOXrIdevi7FQ" not in said


def test_a_named_configuration_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="mechexo init"):
        find_config(tmp_path / "none.toml")


def test_without_any_configuration_the_places_looked_at_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"mechexo\.toml or .*\.config/mechexo/mechexo\.toml"):
        find_config()


def test_the_order_is_named_then_environment_then_here_then_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    users = Path(os.environ["HOME"]) / ".config" / "mechexo" / "mechexo.toml"
    users.parent.mkdir(parents=True)
    places = [tmp_path / "named.toml", tmp_path / "env.toml", tmp_path / "mechexo.toml", users]
    for place in places:
        place.write_text(DESK)
    monkeypatch.setenv("MECHEXO_CONFIG", str(places[1]))
    assert find_config(places[0]) == places[0].resolve()
    assert find_config() == places[1].resolve()
    monkeypatch.delenv("MECHEXO_CONFIG")
    assert find_config() == places[2].resolve()
    places[2].unlink()
    assert find_config() == users.resolve()


def test_references_are_resolved_from_the_environment_and_from_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "abc")
    (tmp_path / "secret").write_text("xyz\n")
    text = resolve_references("json://h/${env:TOKEN}/${file:secret}", tmp_path)
    assert text == "json://h/abc/xyz"


@pytest.mark.parametrize("reference", ["${env:NO_SUCH}", "${file:none}", "${keyring:a/b}"])
def test_a_reference_that_cannot_be_resolved_is_named(tmp_path: Path, reference: str) -> None:
    name = reference.strip("${}").partition(":")[2]
    with pytest.raises(ConfigError, match=name):
        resolve_references(f"json://h/{reference}", tmp_path)


def test_what_looks_like_a_secret_is_hidden() -> None:
    text = redact("see mailtos://me:pw1@h and x?api_key=pw2&y=1, also pw3", ("pw3",))
    assert not any(secret in text for secret in ("pw1", "pw2", "pw3"))
    assert "y=1" in text


def test_a_channel_timeout_longer_than_a_tick_sends_is_refused(config) -> None:
    said = misfit(config, DESK + '[channels.ops]\nurl = "file:///m"\ntimeout = "11s"')
    assert "[channels.ops] timeout = '11s': expected a duration of at most 10s" in said


def test_a_channel_whose_url_is_no_address_is_told_so(config: Path) -> None:
    config.write_text('[desk]\nname = "d"\n[channels.box]\nurl = "nonsense"\n')
    with pytest.raises(ConfigError, match=r"\[channels.box\] url is no address: expected one like"):
        load_settings(config)


def test_the_file_is_named_once_however_much_is_wrong(config: Path) -> None:
    wrong = "".join(f'[channels.c{number}]\nurl = "file://x"\nblue = 1\n' for number in range(12))
    said = misfit(config, DESK + wrong)
    assert said.count(str(config)) == 1
    assert said.startswith(f"{config}: [channels.c0] blue is unknown")
    assert said.endswith("; and 4 more")
    routes = "".join(f'[routes.r{number}]\nescalation = "no"\n' for number in range(3))
    assert misfit(config, DESK + routes).count(str(config)) == 1
