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
