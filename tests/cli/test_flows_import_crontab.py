"""`mechexo flows import-crontab`: a proposal of which nothing is installed."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from mechexo.config.loading import check_settings
from mechexo.desk import Desk
from support.program import command, document, environment, mechexo, one_line

pytestmark = pytest.mark.slow

CRONTAB = """# jobs of the desk
SHELL=/bin/bash
15 4 * * * /srv/bin/bars --all
*/5 * * * * cd /srv && ./ticks.sh >> log
@reboot /srv/router
30 6 * * * mechexo flows exec backup -- /srv/backup
"""


@pytest.fixture
def crontab(tmp_path: Path) -> Path:
    file = tmp_path / "crontab"
    file.write_text(CRONTAB)
    return file


def wanted(desk: Desk, *words: object, **more: str) -> subprocess.CompletedProcess[str]:
    return mechexo(
        *("flows", "import-crontab", *words), config=desk.config_path, env={"TZ": "UTC", **more}
    )


def test_the_proposal_is_a_diff_with_notes_and_the_tables_to_add(desk: Desk, crontab: Path) -> None:
    done = wanted(desk, crontab)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:2] == [f"--- {crontab}", "+++ proposed, not installed"]
    assert "-15 4 * * * /srv/bin/bars --all" in lines
    added = [line for line in lines if line.startswith("+15 4 * * * ")]
    assert added[0].endswith(
        f" --config {desk.config_path} flows exec bars --expect-every 1d --grace 1h -- "
        "/srv/bin/bars --all"
    )
    assert "line 5: runs when the machine starts: nothing is expected at any time" in lines
    assert 'expect_every = "1d"' in lines
    assert crontab.read_text() == CRONTAB


def test_the_diff_is_one_that_patch_takes(desk: Desk, crontab: Path) -> None:
    done = wanted(desk, crontab, "--only", "diff")
    subprocess.run(["patch", "-s", str(crontab)], input=done.stdout, text=True, check=True)
    assert crontab.read_text() == wanted(desk, crontab, "--only", "crontab").stdout
    again = wanted(desk, crontab)
    assert again.stdout.startswith(f"Nothing of {crontab} is to be wrapped.\n")


def test_the_tables_are_ones_that_the_configuration_takes(desk: Desk, crontab: Path) -> None:
    tables = wanted(desk, crontab, "--only", "tables").stdout
    text = desk.config_path.read_text() + tables
    settings = check_settings(tomllib.loads(text), desk.config_path)
    assert list(settings.flows) == ["bars", "ticks", "router"]
    desk.config_path.write_text(text)
    assert wanted(desk, crontab, "--only", "tables").stdout == ""


def test_a_table_that_says_something_else_is_named(
    make_desk: Callable[..., Desk], crontab: Path
) -> None:
    desk = make_desk('[flows.bars]\nexpect_every = "2d"\n')
    said = wanted(desk, crontab).stdout
    assert (
        "[flows.bars] is there already and says expect_every 2d, grace none; line 3 runs every 1d "
        "at least, grace 1h: the configuration holds"
    ) in said


def test_the_document_has_each_line_with_its_kind(desk: Desk, crontab: Path) -> None:
    found = document(wanted(desk, crontab, "--json"))
    assert found["schema"] == "mechexo.flows_import_crontab/1"
    kinds = [line["kind"] for line in found["lines"]]
    assert kinds == ["other", "other", "wrapped", "wrapped", "wrapped", "own"]
    assert found["lines"][2]["expect_every_s"] == 86400
    assert [table["flow"] for table in found["tables"]] == ["bars", "ticks", "router"]


def test_a_crontab_is_read_from_stdin(desk: Desk) -> None:
    words = command("flows", "import-crontab", "-", "--only", "crontab", config=desk.config_path)
    done = subprocess.run(
        words, input="@daily /srv/x", capture_output=True, text=True, env=environment({"TZ": "UTC"})
    )
    assert done.stdout.startswith("@daily ")
    assert done.stdout.endswith(" flows exec x --expect-every 1d --grace 1h -- /srv/x\n")


def test_without_a_file_the_user_s_own_crontab_is_asked_for(desk: Desk, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "crontab"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n[ \"$*\" = -l ] && echo '@daily /srv/x'\n")
    program.chmod(0o755)
    path = f"{program.parent}:/usr/bin:/bin"
    done = wanted(desk, "--only", "crontab", PATH=path)
    assert done.stdout.endswith("-- /srv/x\n")
    program.write_text("#!/bin/sh\necho no crontab for somebody >&2\nexit 1\n")
    done = wanted(desk, PATH=path)
    assert done.returncode == 2
    one_line(done, "crontab -l says: no crontab for somebody")


def test_where_there_is_no_program_crontab_it_is_said(desk: Desk, tmp_path: Path) -> None:
    done = wanted(desk, PATH=str(tmp_path))
    assert done.returncode == 5
    one_line(done, "no program crontab", "name a file")


def test_a_system_crontab_is_told_by_its_option(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "etc-crontab"
    file.write_text("17 * * * *\troot\t/srv/x\n")
    done = wanted(desk, file, "--system", "--only", "crontab")
    assert done.stdout.startswith("17 * * * *\troot\t")
    assert " exec x " in done.stdout


def test_a_line_that_is_not_understood_makes_the_answer_a_bad_one(
    desk: Desk, tmp_path: Path
) -> None:
    file = tmp_path / "crontab"
    file.write_text("@daily /srv/x\n61 * * * * /srv/y\n")
    done = wanted(desk, file)
    assert done.returncode == 1
    assert "line 2: '61' is no part of 0 to 59 that cron takes" in done.stdout


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"\xff\xfe", "not UTF-8"), (b"a\0b", "NUL"), (b"#" * 1_000_001, "no crontab")],
)
def test_what_is_no_crontab_is_refused(
    desk: Desk, tmp_path: Path, content: bytes, word: str
) -> None:
    file = tmp_path / "crontab"
    file.write_bytes(content)
    done = wanted(desk, file)
    assert done.returncode == 2
    one_line(done, word)
    one_line(wanted(desk, tmp_path / "none"), "there is no such crontab")
    assert wanted(desk, tmp_path).returncode == 5


def test_a_zone_that_nobody_knows_is_said(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "crontab"
    file.write_text("CRON_TZ=Nowhere/Land\n@daily /srv/x\n")
    assert "CRON_TZ=Nowhere/Land names no time zone" in wanted(desk, file).stdout


def test_the_zone_of_the_machine_gives_the_longer_day_its_room(desk: Desk, crontab: Path) -> None:
    done = wanted(desk, crontab, TZ="Europe/Berlin")
    assert "--expect-every 1d --grace 2h" in done.stdout
    assert "line 3: daylight-saving time: once a year a day is 1h longer" in done.stdout
