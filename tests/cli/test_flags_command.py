"""`mechexo flags`, as people and scripts rely on it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from mechexo.desk import Desk
from rollback.flags.places import CONFIG, flag_in, run, sqlite_flags
from support.program import document, mechexo, one_line

pytestmark = pytest.mark.slow


@pytest.fixture
def flags_file(tmp_path: Path) -> Path:
    return sqlite_flags(tmp_path / "desk" / "trading.sqlite")


@pytest.fixture
def config(make_desk: Callable[..., Desk], flags_file: Path) -> Path:
    return make_desk(CONFIG, mode="live").config_path


def test_flags_are_listed_with_what_is_safer(config: Path) -> None:
    done = mechexo("flags", "list", config=config)
    assert done.returncode == 0
    assert "No history of them is kept" in done.stderr
    rows = [line.split()[:4] for line in done.stdout.splitlines() if "_" in line]
    assert rows == [
        ["canary_enabled", "on", "?", "UNKNOWN"],
        ["max_notional", "1000", "lower", "–"],
        ["trading_enabled", "true", "off", "–"],
    ]


def test_a_list_for_scripts_has_the_types_of_the_values(config: Path, flags_file: Path) -> None:
    run(
        flags_file,
        "DROP TABLE flags",
        "CREATE TABLE flags (key TEXT PRIMARY KEY, value, updated_at TEXT)",
        "INSERT INTO flags VALUES ('a', 1, ''), ('b', '1', ''), ('c', NULL, ''), ('d', x'00', '')",
    )
    found = document(mechexo("flags", "list", "--json", config=config))
    assert found["schema"] == "mechexo.flags/1"
    assert found["tracked_since"] is None
    assert {flag["name"]: flag["value"] for flag in found["flags"]} == {
        "a": 1,
        "b": "1",
        "c": None,
        "d": "x'00'",
    }
    assert found["flags"][0].keys() == {
        *("name", "value", "version", "safer", "changed_at", "changed_by")
    }


def test_a_halt_needs_neither_reason_nor_confirmation(config: Path, flags_file: Path) -> None:
    done = mechexo("flags", "set", "trading_enabled", "false", config=config)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "trading_enabled: true -> false lowers the risk. Done.\n"
    assert flag_in(flags_file) == "false"
    again = mechexo("flags", "set", "trading_enabled", "off", config=config)
    assert again.stdout == "trading_enabled is false already.\n"


def test_a_misspelt_halt_is_refused_also_with_yes(config: Path, flags_file: Path) -> None:
    words = ("flags", "set", "trading_enabled", "flase", "--yes", "--reason", "halt")
    done = mechexo(*words, config=config)
    assert done.returncode == 2
    one_line(done, "trading_enabled: 'flase' is neither on nor off")
    assert flag_in(flags_file) == "true"


def test_more_risk_is_refused_without_yes_and_done_with_it(config: Path, flags_file: Path) -> None:
    words = ("flags", "set", "max_notional", "2000", "--reason", "more")
    done = mechexo(*words, config=config)
    assert done.returncode == 3
    one_line(done, "max_notional: 1000 -> 2000 adds risk", "--yes")
    assert flag_in(flags_file, "max_notional") == "1000"
    found = document(mechexo(*words, "--yes", "--json", config=config))
    assert found["schema"] == "mechexo.flag_set/1"
    assert (found["name"], found["old"], found["new"]) == ("max_notional", "1000", "2000")
    assert (found["direction"], found["changed"], found["note"]) == ("up", True, "")


def test_the_history_tells_who_changed_what(config: Path, flags_file: Path) -> None:
    done = mechexo("flags", "track", "--reason", "history", config=config)
    assert done.stdout.startswith("A history is kept since ")
    mechexo("flags", "set", "trading_enabled", "off", config=config)
    run(flags_file, "INSERT OR REPLACE INTO flags (key, value) VALUES ('canary_enabled', 'off')")
    shown = mechexo("flags", "history", config=config).stdout
    assert "outside mechexo" in shown
    found = document(mechexo("flags", "history", "canary_enabled", "--json", config=config))
    assert found["schema"] == "mechexo.flags_history/1"
    newest = found["events"][0]
    assert (newest["old"], newest["new"], newest["how"], newest["actor"]) == (
        "on",
        "off",
        "replace",
        None,
    )
    text = mechexo("flags", "history", "--limit", "2", "--csv", config=config).stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["name"] for row in rows] == ["canary_enabled", "trading_enabled"]


def test_without_a_history_the_way_to_one_is_said(config: Path) -> None:
    done = mechexo("flags", "history", config=config)
    assert done.stdout == ("History of flags: none is kept; begin one with: mechexo flags track\n")
    off = mechexo("flags", "track", "--off", "--reason", "x", config=config)
    assert off.stdout == "None was kept.\n"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("set", "trading_enable", "off"), 2, "did you mean trading_enabled"),
        (("set", "max_notional", "2000", "--yes"), 2, "needs a reason"),
        (("history", "nothing_like_it"), 2, "known: canary_enabled"),
        (("track",), 2, "needs a reason"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    config: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    done = mechexo("flags", *words, config=config)
    assert done.returncode == code
    one_line(done, said)


def test_a_value_that_could_drive_the_terminal_is_shown_harmless(
    config: Path, flags_file: Path
) -> None:
    run(flags_file, "UPDATE flags SET value = 'a' || char(27) || '[2J' WHERE key = 'max_notional'")
    done = mechexo("flags", "list", config=config)
    assert "\x1b" not in done.stdout


def test_the_doctor_names_what_is_wrong_with_the_flags(config: Path, flags_file: Path) -> None:
    text = config.read_text()
    config.write_text(
        f'{text}short_selling = "off"\n[rollback.flows.reweight]\npaths = ["a"]\nflags = ["nope"]\n'
    )
    said = mechexo("doctor", config=config).stdout
    for words in (
        "no history of them is kept",
        "of canary_enabled nothing says which value is safer",
        "[rollback.flags.safer] names short_selling, which is no flag in flags",
        "[rollback.flows.reweight] names nope, which is no flag in flags",
    ):
        assert words in said
    run(flags_file, "DROP TABLE flags")
    assert "no such table" in mechexo("doctor", config=config).stdout
