"""`mechexo doctor` run by a user who may not read or write all of the desk: it says what."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mechexo.actor import user_name
from mechexo.desk import Desk
from support.other_users import NOBODY, doctor_as_nobody

pytestmark = pytest.mark.slow

TOML = """
[desk]
name = "test"
[channels.box]
url = "file://box/mail.jsonl"
[channels.hook]
url = "json://${file:secret}@127.0.0.1/"
[rollback]
repository = "repo"
configs = ["config/*.yaml"]
[costs]
fills = "sqlite:///orders.sqlite?table=fills"
quotes = "quotes/*.csv"
[runbook]
folder = "runbooks"
[probes.feed]
kind = "sql"
database = "sqlite:///feed.sqlite"
query = "SELECT 1"
[probes.bars]
kind = "freshness"
glob = "bars/*.csv"
max_age = "1d"
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk with one of everything."""
    root = tmp_path_factory.mktemp("whole") / "desk"
    for folder in ("box", "repo/config", "quotes", "bars", "runbooks"):
        (root / folder).mkdir(parents=True)
    for file in ("secret", "box/mail.jsonl", "quotes/1.csv", "bars/1.csv", "repo/config/a.yaml"):
        (root / file).write_text("")
    (root / "quotes/1.csv").write_text("ts,symbol,bid,ask\n")
    (root / "secret").write_text("hunter2")
    (root / "secret").chmod(0o600)
    (root / "runbooks/ours.md").write_text("---\nid: ours\n---\n# Ours\n")
    for name in ("orders", "feed"):
        sqlite3.connect(root / f"{name}.sqlite").execute(
            "CREATE TABLE fills (fill_id, ts, symbol, side, quantity, price)"
        ).connection.close()
    git = ["git", "-C", root / "repo", "-c", "user.name=t", "-c", "user.email=t@desk.invalid"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "limits"]):
        subprocess.run([*git, *words], check=True)
    (root / "mechexo.toml").write_text(TOML)
    Desk.open(root / "mechexo.toml").state.close()
    Path(f"{root}/state/mechexo.sqlite.tick").touch(mode=0o600)
    return root


@pytest.fixture
def theirs(whole: Path) -> Iterator[Path]:
    """A copy that belongs to nobody, in a folder that everybody may enter."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        root = shutil.copytree(whole, Path(place) / "desk")
        for path in (root, *root.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        yield root


def bad(root: Path, whole: Path) -> list[tuple[str, str, str]]:
    """What is wrong in nobody's eyes: check, detail, how to mend it."""
    done = doctor_as_nobody(root / "mechexo.toml", "--json", warm=whole / "mechexo.toml")
    assert done.stderr == ""
    findings = json.loads(done.stdout)["findings"]
    amiss = [each for each in findings if each["status"] in ("critical", "unknown")]
    assert done.returncode == (1 if amiss else 0)
    assert "hunter2" not in done.stdout
    return [(each["check"], each["detail"], each["mend"]) for each in amiss]


def test_on_a_desk_of_their_own_nothing_is_wrong(theirs: Path, whole: Path) -> None:
    assert bad(theirs, whole) == []


@pytest.mark.parametrize(
    ("closed", "mode", "rights", "checks"),
    [
        ("mechexo.toml", 0o600, "read", {"configuration"}),
        (".", 0o700, "enter", {"configuration"}),
        ("state", 0o755, "write", {"state file"}),
        ("state", 0o700, "enter", {"state file"}),
        ("state/mechexo.sqlite", 0o600, "read or write", {"state file"}),
        ("state/mechexo.sqlite", 0o644, "write", {"state file"}),
        ("state/mechexo.sqlite.lock", 0o600, "read or write", {"state file"}),
        ("state/mechexo.sqlite.tick", 0o600, "read or write", {"state file"}),
        ("secret", 0o600, "read", {"secrets", "channels"}),
        ("box", 0o700, "enter", {"channels"}),
        ("box/mail.jsonl", 0o644, "write", {"channels"}),
        ("repo", 0o700, "read or enter", {"rollback"}),
        ("repo/.git", 0o700, "read or enter", {"rollback"}),
        ("orders.sqlite", 0o600, "read", {"costs"}),
        ("quotes", 0o700, "read or enter", {"costs"}),
        ("quotes/1.csv", 0o600, "read", {"costs"}),
        ("runbooks", 0o700, "read or enter", {"runbook"}),
        ("runbooks/ours.md", 0o600, "read", {"runbook"}),
        ("feed.sqlite", 0o600, "read", {"probe feed"}),
        ("bars", 0o700, "read or enter", {"probe bars"}),
    ],
)
def test_what_belongs_to_somebody_else_and_is_closed_is_named(
    theirs: Path, whole: Path, closed: str, mode: int, rights: str, checks: set[str]
) -> None:
    path = theirs / closed
    os.chown(path, 0, 0)
    path.chmod(mode)
    found = bad(theirs, whole)
    nobody = user_name(NOBODY)
    said = f"user {nobody} may not {rights} {path}, which is root's ("
    assert {check for check, _, _ in found} == checks
    assert all(said in detail for _, detail, _ in found)
    check, _, mend = found[0]
    right = rights.replace(" or ", " and ")
    # A probe's finding is in the probe's own words; how to mend it is said of all that cannot look.
    if not check.startswith("probe "):
        assert mend == f"give user {nobody} the right to {right} it, or run mechexo as root"


def test_a_file_of_their_own_that_they_closed_is_theirs_to_open(theirs: Path, whole: Path) -> None:
    (theirs / "secret").chmod(0)
    (secrets, _) = bad(theirs, whole)
    assert secrets[2] == f"chmod u+r {theirs / 'secret'}"


def test_a_state_file_that_is_closed_keeps_no_other_check_from_being_asked(
    theirs: Path, whole: Path
) -> None:
    for closed in ("state/mechexo.sqlite", "orders.sqlite", "secret"):
        os.chown(theirs / closed, 0, 0)
    (theirs / "orders.sqlite").chmod(0o600)
    checks = [check for check, _, _ in bad(theirs, whole)]
    assert checks == ["secrets", "state file", "channels", "costs"]
