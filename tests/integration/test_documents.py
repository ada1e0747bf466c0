"""The README and the other pages say what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mechexo.cli import COMMANDS, load_command
from mechexo.cli.runbook import command_tree
from mechexo.runbook.commands import command_problems

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")


def commands_of(page: str) -> list[str]:
    """Every mechexo command line in the indented blocks of a page, as a shell would see it."""
    lines = re.findall(r"^    (?:.*\*\s+)?((?:\S*/)?mechexo .*)$", page, flags=re.MULTILINE)
    return [re.sub(r"^\S*mechexo", "mechexo", line).partition("  #")[0].strip() for line in lines]


def test_every_command_of_the_readme_exists_with_its_options() -> None:
    commands = commands_of((REPOSITORY / "README.md").read_text())
    assert len(commands) > 12
    for command in commands:
        assert command_problems(command, command_tree(), lambda _: True) == [], command


def test_every_command_has_a_module_and_a_help() -> None:
    for name, (_, help_line) in COMMANDS.items():
        assert load_command(name).help, name
        assert help_line.endswith("."), name


@pytest.mark.parametrize("page", PAGES)
def test_links_inside_the_repository_lead_somewhere(page: str) -> None:
    text = (REPOSITORY / page).read_text()
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", text):
        assert (REPOSITORY / target).exists(), target


def test_the_map_names_every_room_of_the_engine() -> None:
    text = (REPOSITORY / "ARCHITECTURE.md").read_text()
    rooms = [path for path in (REPOSITORY / "src/mechexo").iterdir() if path.name[0] not in "_."]
    named = {path for path in rooms if re.search(rf"\b{re.escape(path.name)}\b", text)}
    left = {path.name for path in rooms} - {path.name for path in named}
    assert left - {"py.typed"} == set()


def test_the_readme_calls_the_screens_by_their_names() -> None:
    from mechexo_tui.actions import SCREENS

    text = " ".join((REPOSITORY / "README.md").read_text().split())
    said = text.replace(" (or `:log`)", "")
    listed = re.search(r"`1` to `9` and `0` switch screens: ([\w, ]+)", said)
    assert listed
    assert listed[1].strip().lower() == ", ".join(name for _, name, _, _ in SCREENS)
    assert "messages (or `:log`)" in text
    assert "log" in next(words for _, name, _, words in SCREENS if name == "messages")


def test_every_module_stands_on_a_floor_that_may_not_look_up() -> None:
    import tomllib

    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    contracts = {each["name"]: each for each in project["tool"]["importlinter"]["contracts"]}

    def kept(name: str, part: str) -> set[str]:
        return set(contracts[name][part])

    ground = kept("The ground knows no wing and no face", "source_modules")
    wings = kept("A wing does not import another wing", "modules")
    above = kept("The floor above the wings knows no face", "source_modules")
    faces, doors = {"mechexo.cli", "mechexo.server", "mechexo_tui"}, {"mechexo.entry"}
    every = {
        f"mechexo.{path.stem}"
        for path in (REPOSITORY / "src/mechexo").iterdir()
        if path.name[0] not in "_." and path.name != "py.typed"
    }
    assert every == (ground | wings | above | faces | doors) - {"mechexo_tui"}
    over_wings = kept("Wings do not know the floor above them or the faces", "forbidden_modules")
    over_ground = kept("The ground knows no wing and no face", "forbidden_modules")
    assert over_wings == above | faces
    assert over_ground == wings | above | faces
    assert kept("The floor above the wings knows no face", "forbidden_modules") == faces
    sources = kept("Wings do not know the floor above them or the faces", "source_modules")
    assert sources == wings


def test_the_readme_lists_the_exit_codes_that_errors_have() -> None:
    from mechexo import errors

    text = (REPOSITORY / "README.md").read_text()
    listed = {int(code) for code in re.findall(r"^\| (\d) \|", text, flags=re.MULTILINE)}
    used = {
        each.exit_code
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, errors.MechexoError)
    }
    assert used <= listed
