"""Where the locale promises only ASCII, people get plain glyphs; programs get every character."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from conftest import MakeDesk
from mechexo.alerts import operations as alerts
from mechexo.clock import SystemClock
from mechexo.desk import Desk
from mechexo.plain_text import PLAIN
from support.program import mechexo, on_terminal

pytestmark = pytest.mark.slow

C = {"LC_ALL": "C", "PYTHONUTF8": "", "PYTHONIOENCODING": ""}
NO_LOCALE = {"LC_ALL": "", "LC_CTYPE": "", "LANG": "", "PYTHONUTF8": "", "PYTHONIOENCODING": ""}
SUMMARY = "café is late · 5 ● open"


@pytest.fixture
def config(make_desk: MakeDesk) -> Path:
    desk: Desk = replace(make_desk("[flows.bars]\n"), clock=SystemClock())
    alerts.raise_alert(desk, key="k", severity="high", name="n", summary=SUMMARY, labels={})
    desk.state.close()
    return desk.config_path


@pytest.mark.parametrize("locale", [C, NO_LOCALE])
@pytest.mark.parametrize(
    "words",
    [("status",), ("doctor",), ("flows", "list"), ("runbook", "check"), ("report", "shift")],
)
def test_what_a_person_reads_has_no_glyph_that_the_locale_lacks(
    config: Path, locale: dict[str, str], words: tuple[str, ...]
) -> None:
    done = mechexo(*words, config=config, env=locale)
    assert done.stdout
    assert not set(done.stdout + done.stderr) & PLAIN.keys()


def test_the_status_says_its_words_with_the_console_s_plain_glyphs(config: Path) -> None:
    said = mechexo("status", config=config, env=C).stdout
    assert "flows    ? UNKNOWN   bars: never ran" in said
    assert "no - 7 cards unknown" in said


def test_a_utf_8_locale_keeps_the_glyphs(config: Path) -> None:
    assert "no · 7 cards" in mechexo("status", config=config, env={"LC_ALL": "C.UTF-8"}).stdout


def test_letters_that_are_no_glyphs_of_ours_stay(config: Path) -> None:
    assert "café is late - 5 o open" in mechexo("alerts", "list", config=config, env=C).stdout


@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_programs_get_every_character_whatever_the_locale(config: Path, form: str) -> None:
    said = mechexo("alerts", "list", form, config=config, env=C).stdout
    assert SUMMARY in said
    if form == "--json":
        assert json.loads(said)["alerts"][0]["summary"] == SUMMARY


def test_a_table_on_a_terminal_keeps_its_columns_in_place(config: Path) -> None:
    quiet = {"NO_COLOR": "1", "TERM": "dumb"}
    plain = on_terminal("alerts", "list", config=config, env=C | quiet)
    usual = on_terminal("alerts", "list", config=config, env={"LC_ALL": "C.UTF-8"} | quiet)
    assert not set(plain) & PLAIN.keys()
    assert [len(line) for line in plain.splitlines()] == [len(x) for x in usual.splitlines()]
