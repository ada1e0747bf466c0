"""The quick way to a desk gives the same answers as the whole one, or none."""

from __future__ import annotations

import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import mechexo.config
from mechexo.actor import Actor, Role
from mechexo.desk import Desk
from mechexo.errors import ConfigError
from mechexo.quick_desk import facts_of, keep_facts, open_quickly

TABLES = """
[access]
owner_is_admin = false
others = "viewer"
responder = ["cron", "4243"]
[flows.bars]
expect_every = "1d"
grace = "15m"
[flows.ticks]
[probes.backup]
kind = "heartbeat"
job = "nightly"
expect_every = "1d"
"""


def kept_file(home: Path) -> Path:
    [file] = (home / ".cache" / "mechexo").glob("job-facts-*.json")
    return file


def test_the_quick_desk_is_the_whole_one_as_far_as_a_job_needs_it(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(TABLES)
    assert open_quickly(desk.config_path) is None
    kept = keep_facts(desk)
    quick = open_quickly(desk.config_path)
    assert quick is not None
    assert quick.facts == kept == facts_of(desk.settings)
    assert quick.facts.expected == {"bars": (86400.0, 900.0), "ticks": (None, None)}
    assert quick.facts.jobs == ("nightly",)
    assert (quick.config_path, quick.state.path) == (desk.config_path, desk.state.path)


@pytest.mark.parametrize(
    ("actor", "role"),
    [
        (Actor(4242, "cron"), Role.RESPONDER),
        (Actor(4243, "other"), Role.RESPONDER),
        (Actor(os.getuid(), "owner"), Role.VIEWER),
        (Actor(4244, "token", granted=Role.ADMIN), Role.RESPONDER),
    ],
)
def test_a_person_has_the_same_role_on_both(
    make_desk: Callable[..., Desk], actor: Actor, role: Role
) -> None:
    from dataclasses import replace

    desk = make_desk(TABLES, actor=actor)
    keep_facts(desk)
    quick = open_quickly(desk.config_path)
    assert quick is not None
    assert replace(quick, actor=actor).role is desk.role is role


def test_the_owner_of_the_configuration_is_admin_on_both(desk: Desk) -> None:
    keep_facts(desk)
    quick = open_quickly(desk.config_path)
    assert quick is not None
    assert quick.role is desk.role is Role.ADMIN


def test_a_configuration_that_was_changed_is_read_anew(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(TABLES)
    keep_facts(desk)
    desk.config_path.write_text(desk.config_path.read_text() + "#\n")
    assert open_quickly(desk.config_path) is None


def test_one_that_changed_since_the_desk_was_opened_is_not_kept_with_the_facts_of_before(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(TABLES)
    changed = desk.config_path.read_text().replace('expect_every = "1d"', 'expect_every = "1h"')
    desk.config_path.write_text(changed)
    Desk.open(desk.config_path)
    keep_facts(desk)
    assert open_quickly(desk.config_path) is None


def test_no_link_in_the_cache_leads_the_writing_elsewhere(
    make_desk: Callable[..., Desk], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.write_text("precious")
    desk = make_desk(TABLES)
    keep_facts(desk)
    place = kept_file(tmp_path / "home")
    place.unlink()
    place.with_suffix(f".{os.getpid()}").symlink_to(other)
    place.symlink_to(other)
    keep_facts(desk)
    assert other.read_text() == "precious"
    assert open_quickly(desk.config_path) is not None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"null", b"[]", b"{}", b'{"state": 1}', b"\xff", None]
)
def test_kept_facts_that_cannot_be_read_back_are_none(
    desk: Desk, tmp_path: Path, content: bytes | None
) -> None:
    keep_facts(desk)
    file = kept_file(tmp_path / "home")
    if content is None:
        whole = json.loads(file.read_text())
        content = json.dumps({**whole, "others": "emperor"}).encode()
    file.write_bytes(content)
    assert open_quickly(desk.config_path) is None


def test_a_cache_that_cannot_be_written_only_costs_time(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "in-the-way"))
    (tmp_path / "in-the-way").touch()
    assert keep_facts(desk) == facts_of(desk.settings)
    assert open_quickly(desk.config_path) is None


def test_without_a_configuration_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        open_quickly(tmp_path / "none.toml")


def test_every_name_of_the_configuration_s_package_is_there() -> None:
    for name in mechexo.config.__all__:
        assert getattr(mechexo.config, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        mechexo.config.Nothing  # type: ignore[attr-defined] # noqa: B018
    found = {part.name for part in pkgutil.iter_modules(mechexo.config.__path__)}
    assert set(mechexo.config._PARTS) <= found


@pytest.mark.slow
def test_a_job_s_wrapper_loads_no_settings_and_no_command_line(desk: Desk) -> None:
    keep_facts(desk)
    words = ["--config", str(desk.config_path), "flows", "exec", "bars", "--lock", "--", "true"]
    script = (
        "import sys\n"
        f"sys.argv = {['mechexo', *words]!r}\n"
        "from mechexo.entry import main\n"
        "try:\n    main()\n"
        "except SystemExit as leaving:\n    assert not leaving.code\n"
        "print(' '.join(sorted(sys.modules)))\n"
    )
    # What measures coverage in the process loads modules of its own.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environ
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    heavy = {"typer", "pydantic", "rich", "mechexo.config.models", "mechexo.health.operations"}
    assert loaded & (heavy | {"tomllib", "zoneinfo", "mechexo.cli", "mechexo.desk"}) == set()
    assert len([name for name in loaded if name.startswith("mechexo.")]) < 45
