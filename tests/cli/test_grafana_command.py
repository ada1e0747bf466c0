"""`mechexo grafana`, as people and scripts rely on it; the server is a documented stub."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from conftest import MakeDesk
from mechexo.desk import Desk
from mechexo.incidents import operations as incidents
from mechexo.times import iso_z
from support.grafana_server import TOKEN, GrafanaServer, board, grafana_server
from support.in_process import Program
from support.program import command, environment
from support.pseudo_terminal import PseudoTerminal


@pytest.fixture
def server() -> Iterator[GrafanaServer]:
    with grafana_server() as each:
        each.found = [board(1), board(2, title="P&L today", folderTitle="Risk")]
        yield each


@pytest.fixture
def configured(make_desk: MakeDesk, server: GrafanaServer, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    return make_desk(f'[grafana]\nurl = "{server.url}"\ntoken = "${{env:GRAFANA_TOKEN}}"\n')


@pytest.fixture
def mechexo(
    configured: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Program:
    return Program(configured, "grafana", monkeypatch, capsys)


def test_the_first_question_is_asked_at_once_and_the_addresses_are_plain_in_a_pipe(
    mechexo: Program, server: GrafanaServer
) -> None:
    code, told = mechexo("dashboards")
    assert code == 0
    assert f"{server.url}/d/board1/board-1" in told
    assert "● OK  2 dashboards, as of" in told
    assert "\x1b" not in told


def test_later_it_is_as_last_told_unless_asked_anew(
    mechexo: Program, server: GrafanaServer
) -> None:
    mechexo("dashboards")
    server.found = []
    assert "P&L today" in mechexo("dashboards")[1]
    assert "0 dashboards" in mechexo("dashboards", "--refresh")[1]


def test_a_list_is_not_old_because_the_tick_comes_by_less_often_than_it_is_to_be_renewed(
    make_desk: MakeDesk,
    server: GrafanaServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GRAFANA_TOKEN", TOKEN)
    desk = make_desk(
        f'[grafana]\nurl = "{server.url}"\ntoken = "${{env:GRAFANA_TOKEN}}"\nevery = "1s"\n'
    )
    told = Program(desk, "grafana", monkeypatch, capsys)
    told("dashboards")
    ten_seconds_ago = iso_z(datetime.now(UTC) - timedelta(seconds=10))
    with desk.state.write() as transaction:
        transaction.execute("UPDATE outside_source SET good_at = ?", (ten_seconds_ago,))
    assert "● OK" in told("dashboards")[1]


def test_scripts_get_one_document(mechexo: Program, server: GrafanaServer) -> None:
    document = json.loads(mechexo("dashboards", "--json")[1])
    assert document["schema"] == "mechexo.grafana_dashboards/1"
    assert (document["fresh"], document["error"], document["cut"]) == (True, "", False)
    assert document["breaker"] == {"standing": "closed", "until": None, "failures": 0}
    assert document["dashboards"][0] == {
        **{"uid": "board2", "title": "P&L today", "folder": "Risk", "folder_uid": "fold1"},
        **{"tags": ["desk"], "link": f"{server.url}/d/board2/board-2"},
    }


def test_csv_has_a_row_each(mechexo: Program) -> None:
    rows = list(csv.DictReader(mechexo("dashboards", "--csv")[1].splitlines()))
    assert [row["uid"] for row in rows] == ["board2", "board1"]


def test_one_that_does_not_answer_is_unknown_and_the_exit_code_says_it(
    mechexo: Program, server: GrafanaServer
) -> None:
    server.fault = (503, {}, b"")
    code, told = mechexo("dashboards")
    assert code == 5
    assert "? UNKNOWN  answered 503" in told


def test_what_was_told_before_is_shown_beside_the_failure(
    mechexo: Program, server: GrafanaServer
) -> None:
    mechexo("dashboards")
    server.fault = (401, {}, b"")
    code, told = mechexo("dashboards", "--refresh")
    assert code == 5
    assert "P&L today" in told
    assert "? UNKNOWN  answered 401: the token is refused; 2 dashboards, as of" in told


def test_a_desk_without_grafana_is_told_what_to_write(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = Program(make_desk(), "grafana", monkeypatch, capsys)
    assert program("dashboards")[0] == 2
    assert "write a table [grafana] with its url" in program.said


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 200])
def test_a_terminal_gets_hyperlinks_behind_the_titles(
    configured: Desk, server: GrafanaServer, columns: int
) -> None:
    argv = command("grafana", "dashboards", config=configured.config_path)
    link = f"\x1b]8;;{server.url}/d/board2/board-2\x1b\\P&L today\x1b]8;;\x1b\\"
    with PseudoTerminal(argv, columns=columns, environ=environment()) as terminal:
        shown = terminal.collect(timeout_s=60.0, until=lambda seen: b"as of" in seen).data
    assert link.encode() in shown


@pytest.mark.slow
def test_what_was_told_is_read_without_httpx_or_pydantic(mechexo: Program) -> None:
    mechexo("dashboards")
    argv = ["mechexo", "--config", str(mechexo.desk.config_path), "grafana", "dashboards"]
    script = (
        f"import sys; sys.argv = {argv!r}\n"
        "from mechexo.entry import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print({'httpx', 'textual', 'polars', 'apprise', 'pydantic', 'PIL'} & set(sys.modules))"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment()
    )
    assert told.stdout.splitlines()[-1] == "set()", told.stdout + told.stderr


def opened(desk: Desk, title: str = "Feed is stale") -> None:
    incidents.open_incident(desk, title=title, severity="SEV2")


def test_annotations_are_listed_with_how_they_stand(mechexo: Program) -> None:
    opened(mechexo.desk, "P&L <wrong>")
    code, told = mechexo("annotations", "--send")
    assert code == 0, mechexo.said
    assert "incident-1" in told
    assert "Incident 1 (SEV2): P&L <wrong>" in told
    assert "● OK  1 written" in told


def test_annotations_that_cannot_be_written_are_said_with_why(
    mechexo: Program, server: GrafanaServer
) -> None:
    opened(mechexo.desk)
    server.fault = (403, {}, b'{"message": "no permission"}')
    code, told = mechexo("annotations", "--send")
    assert code == 1
    why = "answered 403: the token lacks a right: no permission"
    assert f"✖ FAILING  0 written, 1 failing; {why}" in told


def test_annotations_of_which_none_could_be_tried_are_no_success(
    mechexo: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(mechexo.desk)
    monkeypatch.delenv("GRAFANA_TOKEN")
    code, told = mechexo("annotations", "--send")
    assert code == 1
    assert "✖ FAILING  0 written, 1 waiting; the environment variable GRAFANA_TOKEN" in told


def test_annotations_without_send_write_nothing(mechexo: Program, server: GrafanaServer) -> None:
    opened(mechexo.desk)
    assert "Annotations: none" in mechexo("annotations")[1]
    assert server.requests == []


def test_annotations_are_there_for_scripts(mechexo: Program) -> None:
    opened(mechexo.desk)
    document = json.loads(mechexo("annotations", "--send", "--json")[1])
    assert document["schema"] == "mechexo.grafana_annotations/1"
    assert (document["behind"], document["error"]) == (0, "")
    (found,) = document["annotations"]
    assert (found["subject"], found["state"]) == ("incident-1", "written")
    assert found["annotation_id"] == 1
    assert (found["ended_at"], found["next_at"], found["refusals"]) == (None, None, 0)
    assert "mechexo:test-incident-1" in found["tags"]
    (row,) = csv.DictReader(mechexo("annotations", "--csv")[1].splitlines())
    assert row["began_at"] == found["began_at"]


# Panels


@pytest.fixture
def with_panels(server: GrafanaServer) -> None:
    panels = [{"id": 4, "title": "Order latency", "type": "timeseries"}]
    server.boards["board1"] = {"title": "Board 1", "panels": panels}


@pytest.mark.usefixtures("with_panels")
def test_panels_are_listed_with_their_numbers(mechexo: Program) -> None:
    mechexo("dashboards")
    assert "Panels of Board 1 (board1)" in mechexo("panels", "board 1")[1]
    document = json.loads(mechexo("panels", "board1", "--json")[1])
    assert document["schema"] == "mechexo.grafana_panels/1"
    assert document["dashboard"]["panels"] == [
        {"id": 4, "title": "Order latency", "kind": "timeseries"}
    ]
    assert mechexo("panels", "board1", "--csv")[1].splitlines() == [
        *("id,title,kind", "4,Order latency,timeseries"),
    ]


def test_a_dashboard_that_is_not_there_is_a_wrong_name_and_no_failure_of_grafana(
    mechexo: Program, server: GrafanaServer
) -> None:
    code, _ = mechexo("panels", "nonesuch")
    assert code == 2
    assert "no dashboard 'nonesuch'" in mechexo.said
    assert "mechexo grafana dashboards --refresh" in mechexo.said
    server.fault = (404, {}, b"<html>")
    assert mechexo("panels", "nonesuch")[0] == 5


@pytest.mark.usefixtures("with_panels")
def test_a_panel_is_kept_in_a_file(mechexo: Program, server: GrafanaServer, tmp_path: Path) -> None:
    out = tmp_path / "panel.png"
    code, told = mechexo("panel", "board1", "order latency", "--out", str(out))
    assert (code, told) == (0, f"{out}: 400 x 200 pixels, from 6h ago to now\n")
    span = ("--from", "2026-03-02T09:30", "--to", "2026-03-02T15:00")
    told = mechexo("panel", "board1", "4", "--out", str(out), *span)[1]
    zone = mechexo.desk.zone.key
    assert told.endswith(f", from 2026-03-02T09:30 {zone} to 2026-03-02T15:00 {zone}\n")
    assert out.read_bytes() == server.picture


def test_a_panel_with_a_name_of_its_own_needs_no_other(
    make_desk: MakeDesk,
    server: GrafanaServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    server.token = "t0ken"
    monkeypatch.setenv("GRAFANA_TOKEN", "t0ken")
    desk = make_desk(
        f'[grafana]\nurl = "{server.url}"\ntoken = "${{env:GRAFANA_TOKEN}}"\n'
        'panels = { latency = "board1/4" }\n'
    )
    program = Program(desk, "grafana", monkeypatch, capsys)
    assert program("panel", "latency", "--out", str(tmp_path / "p.png"))[0] == 0
    assert program("panel", "latncy", "--out", str(tmp_path / "p.png"))[0] == 2
    assert "did you mean latency?" in program.said


def test_a_picture_needs_a_terminal_or_a_file(mechexo: Program, server: GrafanaServer) -> None:
    assert mechexo("panel", "board1", "4")[0] == 2
    assert "stdout is no terminal; to keep the picture in a file: --out FILE.png" in mechexo.said
    assert server.asked("GET", "/render/") == []


def test_without_the_extra_it_says_what_to_install(
    mechexo: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mechexo.terminal_pictures.find_spec", lambda _: None)
    assert mechexo("panel", "board1", "4")[0] == 2
    assert "need an extra: pip install 'mechexo[pictures]'" in mechexo.said


def test_times_that_are_the_wrong_way_round_are_refused(mechexo: Program, tmp_path: Path) -> None:
    out = ("--out", str(tmp_path / "p.png"))
    assert mechexo("panel", "board1", "4", "--from", "now", "--to", "-1h", *out)[0] == 2
    assert "--from now is not before --to -1h" in mechexo.said


def test_a_missing_renderer_leaves_no_file(
    mechexo: Program, server: GrafanaServer, tmp_path: Path
) -> None:
    server.renderer = False
    out = tmp_path / "p.png"
    assert mechexo("panel", "board1", "4", "--out", str(out))[0] == 5
    assert "has no image renderer" in mechexo.said
    assert not out.exists()


def test_a_file_that_cannot_be_written_is_said(mechexo: Program, tmp_path: Path) -> None:
    out = tmp_path / "missing" / "p.png"
    assert mechexo("panel", "board1", "4", "--out", str(out))[0] == 2
    assert f"{out}: cannot be written: No such file" in mechexo.said


def panel_shown(desk: Desk, answers: str = "", environ: dict[str, str] | None = None) -> bytes:
    """What a terminal gets that answers so when it is asked what it can."""
    argv = command("grafana", "panel", "board1", "4", config=desk.config_path)
    with PseudoTerminal(argv, columns=80, rows=24, environ=environment(environ)) as terminal:
        terminal.send(answers)
        return terminal.collect(timeout_s=60.0, until=lambda _: False).data


NO_SIXEL, SIXEL, KITTY, CELLS = (
    *("\x1b[?62;22c", "\x1b[?62;4;22c", "\x1b_Gi=1;OK\x1b\\", "\x1b[6;20;10t"),
)


@pytest.mark.slow
def test_a_terminal_without_pictures_gets_half_blocks(configured: Desk) -> None:
    shown = panel_shown(configured)
    assert "\N{UPPER HALF BLOCK}" in shown.decode("utf-8", "replace")
    assert b"\x1bP" not in shown


@pytest.mark.slow
def test_a_terminal_with_sixel_gets_sixels(configured: Desk) -> None:
    shown = panel_shown(configured, SIXEL + CELLS)
    assert re.search(rb"\x1bP[0-9;]*q", shown)
    assert "\N{UPPER HALF BLOCK}" not in shown.decode("utf-8", "replace")


@pytest.mark.slow
def test_a_kitty_gets_its_own_protocol(configured: Desk) -> None:
    shown = panel_shown(configured, NO_SIXEL + KITTY + CELLS)
    assert b"\x1b_G" in shown.replace(b"a=q", b"", 1)
    assert chr(0x10EEEE) in shown.decode("utf-8", "replace")


@pytest.mark.slow
def test_without_colours_no_picture_is_shown(configured: Desk) -> None:
    shown = panel_shown(configured, environ={"NO_COLOR": "1"})
    assert b"pictures are made of colours, and NO_COLOR is set" in shown
