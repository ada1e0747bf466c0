"""What a wheel carries, and that it works away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
    )
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_runbooks_example_styles_and_migrations(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    entries = {path.name for path in (REPOSITORY / "runbooks").glob("*.md")} - {"README.md"}
    assert len(entries) == 10
    assert {f"mechexo/_runbooks/{name}" for name in entries} <= names
    assert "mechexo/_example/mechexo.toml" in names
    assert "mechexo/state/migrations/0001_audit.sql" in names
    for folder, pattern in (("tui", "**/*.tcss"), ("src", "**/template/**/*.py")):
        for path in (REPOSITORY / folder).glob(pattern):
            assert path.relative_to(REPOSITORY / folder).as_posix() in names


def test_the_wheel_names_both_commands(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    name = next(each for each in archive.namelist() if each.endswith("entry_points.txt"))
    said = archive.read(name).decode()
    assert "mechexo = mechexo.entry:main" in said
    assert "mech-exo = mechexo.entry:main" in said


def test_an_installed_wheel_shows_its_runbooks_and_makes_a_desk(
    wheel: Path, tmp_path: Path
) -> None:
    place = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", place, wheel],
        check=True,
        capture_output=True,
        env={**os.environ, "PIP_NO_INDEX": "1"},
    )
    # The copy's lines must not count beside the checkout's.
    environ = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    env = {**environ, "PYTHONPATH": str(place), "HOME": str(tmp_path)}

    def installed(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "mechexo", *words],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )

    where = subprocess.run(
        [sys.executable, "-c", "import mechexo, mechexo_tui; print(mechexo.__file__)"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.startswith(str(place))
    assert "disk-full" in installed("runbook", "list").stdout
    made = installed("init", str(tmp_path / "desk"))
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "desk" / "mechexo.toml").exists()
    shipped = {path.name for path in (REPOSITORY / "runbooks").glob("*.md")}
    assert {path.name for path in (tmp_path / "desk" / "runbooks").iterdir()} == shipped
