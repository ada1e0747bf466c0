"""`mechexo init`: what it writes works at once, and what was there stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from mechexo.init_desk import example_config, init_desk, shipped_runbooks
from support.program import document, mechexo, one_line

pytestmark = pytest.mark.slow


def test_it_writes_a_desk_that_works_at_once(tmp_path: Path) -> None:
    done = mechexo("init", tmp_path / "new" / "desk")
    assert done.returncode == 0
    config = tmp_path / "new" / "desk" / "mechexo.toml"
    assert f"made: {config}" in done.stdout
    assert config.read_bytes() == example_config().read_bytes()
    assert mechexo("tick", config=config).returncode == 0
    assert mechexo("status", config=config).returncode == 0


def test_it_brings_every_runbook_entry(tmp_path: Path) -> None:
    init_desk(tmp_path)
    shipped = {entry.name for entry in shipped_runbooks().iterdir() if entry.name.endswith(".md")}
    assert {file.name for file in (tmp_path / "runbooks").glob("*")} == shipped


def test_it_works_in_the_present_folder(tmp_path: Path) -> None:
    assert mechexo("init", cwd=tmp_path).returncode == 0
    assert mechexo("tick", cwd=tmp_path).returncode == 0


def test_it_names_every_file_by_its_whole_path(tmp_path: Path) -> None:
    done = mechexo("init", "desk", cwd=tmp_path)
    named = [line.removeprefix("made: ") for line in done.stdout.splitlines()]
    assert len(named) > 2
    assert all(path.startswith(f"{tmp_path}/desk/") for path in named)
    assert f"mechexo --config {tmp_path}/desk/mechexo.toml doctor" in done.stderr


def test_it_overwrites_nothing_and_says_so(tmp_path: Path) -> None:
    init_desk(tmp_path)
    mine = '[desk]\nname = "mine"\n'
    config = tmp_path / "mechexo.toml"
    config.write_text(mine)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    done = mechexo("init", tmp_path)
    assert done.returncode == 0
    assert f"kept, it was there: {config}" in done.stdout
    assert "made:" not in done.stdout
    for file, content in before.items():
        assert file.read_bytes() == content


def test_it_makes_only_what_is_missing(tmp_path: Path) -> None:
    config = tmp_path / "mechexo.toml"
    config.write_text('[desk]\nname = "mine"\nstate = "elsewhere/m.sqlite"\n')
    found = document(mechexo("init", tmp_path, "--json"))
    assert found["schema"] == "mechexo.init/1"
    kept = {file["path"]: file["kept"] for file in found["files"]}
    assert kept[str(config)] is True
    assert kept[str(tmp_path / "elsewhere" / "m.sqlite")] is False


def test_the_configuration_can_be_read_by_its_owner_and_group_alone(tmp_path: Path) -> None:
    init_desk(tmp_path)
    assert (tmp_path / "mechexo.toml").stat().st_mode & 0o027 == 0


def test_it_leaves_nothing_half_written(tmp_path: Path) -> None:
    init_desk(tmp_path / "desk")
    assert not list((tmp_path / "desk").rglob(".*"))


def test_a_file_in_the_folder_s_place_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = mechexo("init", tmp_path / "file")
    assert done.returncode == 2
    one_line(done, str(tmp_path / "file"), "cannot be written")


def test_a_broken_configuration_that_is_there_is_named_and_kept(tmp_path: Path) -> None:
    (tmp_path / "mechexo.toml").write_text("[desk")
    done = mechexo("init", tmp_path)
    assert done.returncode == 2
    one_line(done, "not valid TOML")
    assert (tmp_path / "mechexo.toml").read_text() == "[desk"


def test_a_folder_that_may_not_be_written_is_one_line(tmp_path: Path) -> None:
    done = mechexo("init", "/proc/nowhere/desk")
    assert done.returncode == 2
    one_line(done, "/proc/nowhere")
