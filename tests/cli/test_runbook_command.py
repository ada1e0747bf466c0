"""`mechexo runbook`: answers whatever else is broken."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mechexo.alerts.operations import raise_alert
from mechexo.cli import app
from mechexo.desk import Desk
from mechexo.errors import ConfigError, MechexoError, NotFoundError

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*words: str, config: Path | None = None) -> Result:
    before = ["--config", str(config)] if config else []
    result = CliRunner().invoke(app, [*before, "runbook", *words])
    if isinstance(result.exception, MechexoError):
        raise result.exception
    return result


def test_without_any_configuration_the_shipped_entries_show_with_a_remark() -> None:
    result = run("list", "--json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["schema"] == "mechexo.runbook/1"
    assert len(document["entries"]) == 10
    assert {"id", "title", "severity"} <= document["entries"][0].keys()
    assert "no configuration" in result.stderr


def test_with_a_broken_configuration_they_show_as_well(tmp_path: Path) -> None:
    config = tmp_path / "mechexo.toml"
    config.write_text("[desk\n")
    result = run("show", "system-down", config=config)
    assert "First 60 seconds" in result.stdout
    assert "not valid TOML" in result.stderr


@pytest.mark.parametrize("words", [["check"], ["export", "--out", "all.md"]])
def test_a_check_or_an_export_never_passes_over_a_broken_configuration(
    tmp_path: Path, words: list[str]
) -> None:
    (tmp_path / "mechexo.toml").write_text("[desk\n")
    with pytest.raises(ConfigError, match="not valid TOML"):
        run(*words)
    with pytest.raises(ConfigError, match="no such configuration"):
        run(*words, config=tmp_path / "nowhere.toml")
    assert not (tmp_path / "all.md").exists()


@pytest.mark.parametrize("damage", ["missing", "corrupted", "folder"])
def test_the_state_file_is_never_needed(desk: Desk, damage: str) -> None:
    state = desk.state.path
    desk.state.close() if hasattr(desk.state, "close") else None
    for path in state.parent.glob(f"{state.name}*"):
        path.unlink()
    if damage == "corrupted":
        state.write_bytes(b"not a database" * 100)
    elif damage == "folder":
        state.mkdir()
    before = sorted(state.parent.iterdir())
    for words in (["list"], ["show", "disk-full"], ["search", "disk"], ["match", "disk_quota"]):
        assert run(*words, config=desk.config_path).exit_code == 0
    assert sorted(state.parent.iterdir()) == before


def test_an_entry_opens_while_somebody_locks_everybody_out_of_the_state_file(desk: Desk) -> None:
    for path in desk.state.path.parent.glob(f"{desk.state.path.name}*"):
        path.unlink()
    holder = sqlite3.connect(desk.state.path, isolation_level=None)
    try:
        holder.execute("CREATE TABLE t (a)")
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            sqlite3.connect(desk.state.path, timeout=0).execute("SELECT * FROM t")
        for words in (["list"], ["show", "disk-full"], ["search", "disk"], ["match", "disk_quota"]):
            assert run(*words, config=desk.config_path).exit_code == 0
    finally:
        holder.close()


def test_show_fills_in_the_desks_names_and_names_those_that_lack(
    desk: Desk, tmp_path: Path
) -> None:
    desk.config_path.write_text(
        '[desk]\nname = "t"\n[runbook.variables]\nHALT_COMMAND = "halt-all now"\n'
    )
    result = run("show", "system-down", config=desk.config_path)
    assert "halt-all now" in result.stdout
    assert "⟨RESUME_COMMAND is not set in [runbook.variables]⟩" in result.stdout
    assert "$RESUME_COMMAND" in result.stderr


def test_show_raw_is_the_file_as_written() -> None:
    shipped = Path(__file__).parents[2] / "runbooks" / "disk-full.md"
    assert run("show", "disk-full", "--raw").stdout == shipped.read_text()


def test_show_json_carries_the_steps() -> None:
    document = json.loads(run("show", "disk-full", "--json").stdout)
    assert document["schema"] == "mechexo.runbook_entry/1"
    assert document["steps"][0]["id"] == "room"


def test_an_unknown_entry_is_one_line_and_exit_code_2() -> None:
    with pytest.raises(NotFoundError, match="did you mean disk-full") as caught:
        run("show", "disc-full")
    assert caught.value.exit_code == 2


def test_search_says_why_and_exits_1_when_nothing_fits() -> None:
    found = json.loads(run("search", "no", "space", "--json").stdout)["found"]
    assert found[0]["id"] == "disk-full"
    assert found[0]["why"]
    assert run("search", "xyzzy").exit_code == 1


def test_search_says_the_best_n_only() -> None:
    found = json.loads(run("search", "trading", "--limit", "2", "--json").stdout)["found"]
    assert len(found) == 2
    assert len(json.loads(run("search", "trading", "--json").stdout)["found"]) > 2


def test_lists_come_as_csv() -> None:
    assert run("list", "--csv").stdout.startswith("id,title,severity,")
    assert run("search", "disk", "--csv").stdout.startswith("id,score,title,why")


def test_match_takes_an_alert_s_id_and_its_key_too(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk('[probes.limits]\nkind = "flag"\ncard = "risk"\nrunbook = "risk-breach"\n')
    labels = {"probe": "limits"}
    alert = raise_alert(
        desk, key="probe:limits", severity="high", name="limits", summary="over",
        labels=labels, runbook="risk-breach", reason="drill",
    )  # fmt: skip
    for said in (str(alert.id), "probe:limits", "probe:limits:warning"):
        result = run("match", said, config=desk.config_path)
        assert result.stdout.startswith("risk-breach")
        assert "names the entry" in result.stdout
    with pytest.raises(NotFoundError, match="99"):
        run("match", "99", config=desk.config_path)
    with pytest.raises(NotFoundError, match="no runbook entry for the alert 'other'"):
        run("match", "probe:other", config=desk.config_path)


def test_a_key_is_matched_without_a_configuration_as_well() -> None:
    assert run("match", "probe:disk_quota").stdout.startswith("disk-full")


def test_match_names_the_entry_or_the_nearest() -> None:
    assert run("match", "disk_quota").stdout.startswith("disk-full")
    with pytest.raises(NotFoundError, match=r"nearest: .*disk-full"):
        run("match", "disk_something")


def test_export_writes_and_says_where(tmp_path: Path) -> None:
    result = run("export", "--format", "html", "--out", str(tmp_path / "r.html"))
    assert "10 entries written" in result.stdout
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")


def test_check_finds_a_spoilt_entry_with_file_and_line_and_exits_1(desk: Desk) -> None:
    folder = desk.root / "ours"
    folder.mkdir()
    (folder / "bad.md").write_text("---\nid: bad\n---\n\n```sh\nmechexo nothing\n```\n")
    desk.config_path.write_text('[desk]\nname = "t"\n[runbook]\nfolder = "ours"\n')
    result = run("check", config=desk.config_path)
    assert result.exit_code == 1
    assert f"{folder / 'bad.md'}:6: `mechexo nothing` is not a command" in result.stdout
    document = json.loads(run("check", "--json", config=desk.config_path).stdout)
    assert document["ok"] is False
    assert {"path", "line", "message", "level"} <= document["findings"][0].keys()


def test_check_finds_a_probe_that_no_entry_answers(desk: Desk) -> None:
    desk.config_path.write_text('[desk]\nname = "t"\n[probes.odd]\nkind = "host"\n')
    assert "mechexo.toml:3: [probes.odd]" in run("check", config=desk.config_path).stdout


def test_names_that_are_not_set_are_remarks_each_told_once_and_leave_the_check_well(
    desk: Desk,
) -> None:
    desk.config_path.write_text('[desk]\nname = "t"\n[runbook.variables]\nDATABASE = "d"\n')
    result = run("check", config=desk.config_path)
    assert result.exit_code == 0
    *remarks, answer = result.stdout.splitlines()
    assert answer == f"● no findings in 10 entries; {len(remarks)} remarks"
    assert all(line.startswith("▲ ") for line in remarks)
    assert len(set(remarks)) == len(remarks)
    (halt,) = [line for line in remarks if line.startswith("▲ $HALT_COMMAND is not set")]
    assert "broker-disconnect:" in halt
    assert "trading-halted:" in halt
    assert not [line for line in remarks if "$DATABASE is" in line]


def test_what_the_shipped_entries_name_beyond_this_desk_are_remarks(desk: Desk) -> None:
    desk.config_path.write_text('[desk]\nname = "t"\n[flows.reweight]\n')
    result = run("check", config=desk.config_path)
    assert result.exit_code == 0
    assert "▲ the flow data_pipeline has no table in the configuration" in result.stdout
    assert "the flow reweight has no table" not in result.stdout
    assert "▲ nothing at this desk raises " in result.stdout


def test_a_new_desks_copies_of_the_shipped_entries_have_no_findings(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["init", str(tmp_path / "new")]).exit_code == 0
    result = run("check", config=tmp_path / "new" / "mechexo.toml")
    assert "no findings in 10 entries" in result.stdout
    assert result.exit_code == 0


def test_an_own_entry_for_an_alert_that_nothing_raises_fails_the_check(desk: Desk) -> None:
    folder = desk.root / "ours"
    folder.mkdir()
    (folder / "disk-full.md").write_text(
        "---\nid: disk-full\nextends: shipped\nalerts: [nas_full]\n---\n## After\n\nRest.\n"
    )
    text = '[desk]\nname = "t"\n[runbook]\nfolder = "ours"\n'
    desk.config_path.write_text(text)
    result = run("check", config=desk.config_path)
    assert result.exit_code == 1
    (told,) = [line for line in result.stdout.splitlines() if line.startswith("✖ /")]
    assert "disk-full.md:4: nothing raises the alert nas_full" in told
    desk.config_path.write_text(text + 'alerts_from_outside = ["nas_*"]\n')
    assert run("check", config=desk.config_path).exit_code == 0


def test_the_words_of_a_check_agree_with_its_exit_code(desk: Desk) -> None:
    desk.config_path.write_text('[desk]\nname = "t"\n[flows.bars]\nrunbook = "bras"\n')
    result = run("check", config=desk.config_path)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].endswith(
        "mechexo.toml:3: [flows.bars] runbook = 'bras': there is no such entry"
    )
    assert lines[-1].startswith("✖ 1 finding in 10 entries; ")
    assert "exit 1 on findings (✖)" in run("check", "--help").stdout


def test_an_alert_s_name_in_place_of_an_entry_s_points_to_the_entry_that_it_leads_to() -> None:
    with pytest.raises(NotFoundError, match="leads to risk-breach: mechexo runbook show risk-br"):
        run("show", "risk_limits")


def test_reading_an_entry_imports_nothing_heavy() -> None:
    script = (
        "import sys; from typer.testing import CliRunner; from mechexo.cli import app;"
        "CliRunner().invoke(app, ['runbook', 'show', 'disk-full']);"
        "print([m for m in ('pydantic','polars','textual','apprise','httpx','git','markdown_it',"
        "'sqlite_utils','rapidfuzz') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
