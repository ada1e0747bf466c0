"""docs/serve.md says what is so."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from starlette.routing import Route

from mechexo.alerts.inbound import generic
from mechexo.cli.runbook import command_tree
from mechexo.runbook.commands import command_problems
from support.application import Application

PAGE = (Path(__file__).parents[2] / "docs" / "serve.md").read_text()


def first_cells(heading: str) -> str:
    """The first column of the table that begins with this heading."""
    table = PAGE.partition(heading)[2].partition("\n\n")[0]
    return "\n".join(line.split("|")[1] for line in table.splitlines() if line.startswith("|"))


def test_it_names_every_path_and_no_other(application: Callable[..., Application]) -> None:
    named = set(re.findall(r"/[\w/]+", first_cells("| path | scope | what |")))
    routes = [each for each in application().app.routes if isinstance(each, Route)]
    served = {route.path.replace("{job}", "JOB") for route in routes}
    assert named == served - {"/ping/JOB/{what}"}


def test_it_names_every_key_of_an_alert() -> None:
    assert set(re.findall(r"`(\w+)`", first_cells("| key | |"))) == set(generic.KEYS)


async def test_it_names_metrics_that_there_are(application: Callable[..., Application]) -> None:
    app = application('[probes.m]\nkind="host"\nmetric="memory_pct"\n')
    from mechexo import watch

    watch.tick(app.desk)
    shown = (await app.anonymous().get("/metrics")).text
    for name in re.findall(r"`(mechexo_\w+)`", first_cells("| metric | |")):
        assert name.removesuffix("_total") in shown, name


def test_its_commands_exist_with_their_options() -> None:
    commands = re.findall(r"^    (mechexo .*)$", PAGE, flags=re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        assert command_problems(command, command_tree(), lambda _: True) == [], command
