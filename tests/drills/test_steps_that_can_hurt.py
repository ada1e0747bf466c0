"""The steps that could make it worse, run by the shell on a paper desk's files: what they refuse,
and what takes them back."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mechexo.clock import SystemClock
from mechexo.paper import backups, trading
from mechexo.paper.drills import damage_database
from support.drilling import DrilledDesk

pytestmark = pytest.mark.slow


def do(desk: DrilledDesk, entry: str, step: str) -> subprocess.CompletedProcess[str]:
    (found,) = [each for each in desk.steps(entry) if each.id == step]
    return subprocess.run(
        ["sh", "-c", found.command], cwd="/", capture_output=True, text=True, check=False
    )


def test_without_a_backup_the_restore_touches_nothing(still: DrilledDesk) -> None:
    (still.folder / "backups").mkdir()
    before = (still.folder / trading.DATABASE).read_bytes()
    assert do(still, "database-corruption", "restore").returncode != 0
    assert (still.folder / trading.DATABASE).read_bytes() == before
    assert list((still.folder / "backups").iterdir()) == []


def test_a_damaged_backup_is_not_restored(still: DrilledDesk) -> None:
    backups.back_up(still.folder, SystemClock().now())
    (backup,) = (still.folder / "backups").glob("*.sqlite")
    backup.write_bytes(backup.read_bytes()[:5000] + b"x" * 20_000)
    before = (still.folder / trading.DATABASE).read_bytes()
    assert do(still, "database-corruption", "restore").returncode != 0
    assert (still.folder / trading.DATABASE).read_bytes() == before


def test_a_restore_is_taken_back_byte_for_byte(still: DrilledDesk) -> None:
    backups.back_up(still.folder, SystemClock().now())
    damage_database(still.folder)
    database = still.folder / trading.DATABASE
    damaged = database.read_bytes()
    assert do(still, "database-corruption", "restore").returncode == 0
    assert backups.whole(database)
    done = do(still, "database-corruption", "put-back")
    assert done.returncode == 0, done.stderr
    assert database.read_bytes() == damaged


def test_with_nothing_to_take_back_nothing_is_moved(still: DrilledDesk) -> None:
    (still.folder / "backups").mkdir()
    before = (still.folder / trading.DATABASE).read_bytes()
    assert do(still, "database-corruption", "put-back").returncode != 0
    assert (still.folder / trading.DATABASE).read_bytes() == before
    assert not Path("/taken-back").exists()


def test_what_can_be_read_of_a_damaged_copy_is_recovered_beside_it(still: DrilledDesk) -> None:
    (still.folder / "backups").mkdir()
    damage_database(still.folder)
    assert do(still, "database-corruption", "copy").returncode == 0
    done = do(still, "database-corruption", "recover-copy")
    assert done.stdout.splitlines() == ["ok", "12"], done.stderr
    # It is no backup: the restore must not take it for one.
    assert list((still.folder / "backups").glob("*.sqlite")) == []


def test_the_model_comes_back_as_it_was(still: DrilledDesk) -> None:
    backups.back_up(still.folder, SystemClock().now())
    model = still.folder / backups.MODEL
    model.write_text("half a mod")
    assert do(still, "ml-degradation", "restore-model").returncode == 0
    assert model.read_text() == (still.folder / backups.MODEL_BACKUP).read_text()
    assert do(still, "ml-degradation", "put-back-model").returncode == 0
    assert model.read_text() == "half a mod"


def test_without_a_good_model_the_one_in_place_stays(still: DrilledDesk) -> None:
    before = (still.folder / backups.MODEL).read_text()
    assert do(still, "ml-degradation", "restore-model").returncode != 0
    assert (still.folder / backups.MODEL).read_text() == before


def test_only_core_dumps_are_moved_and_none_over_another(still: DrilledDesk) -> None:
    def dump(path: Path, content: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content * 2_000_000)

    dump(still.folder / "data/core.123", "a")
    dump(still.folder / "data/score.csv", "b")
    dump(still.folder / "data/core_positions", "c")
    dump(still.folder / "archive/core.123", "d")
    assert do(still, "disk-full", "move-dumps").returncode == 0
    assert (still.folder / "archive/core.123").read_text()[0] == "d"
    kept = {path.name for path in (still.folder / "data").iterdir() if path.is_file()}
    assert kept == {"core.123", "score.csv", "core_positions"}
    (still.folder / "archive/core.123").unlink()
    assert do(still, "disk-full", "move-dumps").returncode == 0
    assert (still.folder / "archive/core.123").read_text()[0] == "a"


@pytest.mark.parametrize(
    ("entry", "step", "variable"),
    [
        ("database-corruption", "kernel", "KERNEL_LOG_COMMAND"),
        ("broker-disconnect", "log", "GATEWAY_LOG_COMMAND"),
    ],
)
def test_a_log_that_cannot_be_read_is_not_an_empty_one(
    still: DrilledDesk, entry: str, step: str, variable: str
) -> None:
    lines = still.config.read_text().splitlines()
    at = next(place for place, line in enumerate(lines) if line.startswith(f"{variable} ="))
    lines[at] = f'{variable} = "cat /no/such/log"'
    still.config.write_text("\n".join(lines))
    done = do(still, entry, step)
    assert done.returncode != 0
    assert "none" not in done.stdout


def test_the_check_finds_nothing_and_every_name_is_set_on_the_paper_desk(
    still: DrilledDesk,
) -> None:
    done = still.run("runbook", "check")
    assert done.returncode == 0, done.stdout
    assert "no findings in 10 entries" in done.stdout
    assert "is not set in" not in done.stdout
