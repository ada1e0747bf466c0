"""`mechexo oncall`: who is on call, for people and for scripts."""

from __future__ import annotations

import json
import sys

import pytest

from conftest import MakeDesk
from mechexo.cli import main

NEVER_QUIET = "[quiet_hours]\nenabled = false\n"


def run(
    config: str, words: list[str], patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    patch.setattr(sys, "argv", ["mechexo", "--config", config, "oncall", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    return capsys.readouterr().out


def test_now_names_the_people_and_says_where_nobody_is(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = make_desk(f'[oncall]\nlevel1 = "Ann"\n{NEVER_QUIET}')
    assert run(str(desk.config_path), ["now"], monkeypatch, capsys).splitlines() == [
        "level 1: Ann",
        "level 2: nobody is configured",
        "level 3: nobody is configured",
        "quiet hours: no",
    ]


def test_now_as_json(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = make_desk(f'[oncall]\nlevel1 = "Ann"\n{NEVER_QUIET}')
    document = json.loads(run(str(desk.config_path), ["now", "--json"], monkeypatch, capsys))
    assert document["schema"] == "mechexo.oncall/1"
    assert document["oncall"] == {
        "level1": "Ann", "level2": "", "level3": "", "quiet_hours": False, "quiet_until": None
    }  # fmt: skip


@pytest.mark.parametrize("words", [[], ["--json"]], ids=["text", "json"])
def test_without_a_command_it_is_now(
    make_desk: MakeDesk,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    config = str(make_desk(f'[oncall]\nlevel1 = "Ann"\n{NEVER_QUIET}').config_path)
    assert "Ann" in run(config, words, monkeypatch, capsys)


def test_its_help_names_the_command_and_the_default(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = run(str(make_desk().config_path), ["--help"], monkeypatch, capsys)
    assert "Without a command: now." in said
    assert "Who is told first" in said
