"""Edits that git does not know: found by their bytes, whatever git thinks of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mechexo.desk import Desk
from mechexo.rollback import happened
from mechexo.rollback import operations as rollback
from mechexo.rollback.happenings import Gap, Happening, Kind, Watch
from rollback.histories import History, at

RISK = "config/risk.yaml"
WATCH = Watch(at(5))


def look(desk: Desk) -> tuple[dict[str, Happening], tuple[Gap, ...]]:
    found = happened.happened(desk, WATCH, start=at(1), end=at(6))
    edits = {each.key: each for each in found.happenings if each.kind is Kind.EDIT}
    return edits, found.gaps


def edits_of(desk: Desk) -> dict[str, str]:
    """The words for each edited file; everything could be looked at."""
    edits, gaps = look(desk)
    assert not gaps
    return {each.paths[0]: each.what.partition(": ")[2] for each in edits.values()}


def written(place: Path, moment: datetime) -> None:
    os.utime(place, (moment.timestamp(), moment.timestamp()), follow_symlinks=False)


@pytest.fixture
def risk(history: History) -> History:
    history.commit({RISK: "limit: 100\n", "README": "x\n"}, at(1))
    return history


def test_a_clean_checkout_has_no_edits(repo_desk: Desk, risk: History) -> None:
    assert edits_of(repo_desk) == {}


def test_an_edit_is_as_old_as_its_file_and_its_rollback_is_what_git_has(
    repo_desk: Desk, risk: History
) -> None:
    written(risk.write(RISK, "limit: 180\n"), at(4, 23, 30))
    edits, gaps = look(repo_desk)
    found = edits[f"edit:{RISK}"]
    assert not gaps
    assert (found.at, found.paths) == (at(4, 23, 30), (RISK,))
    assert found.what == f"{RISK}: differs from what git has"
    assert found.remedy is not None
    assert found.remedy.command == f"mechexo rollback plan config {RISK} --to now"
    plan = rollback.plan_remedy(repo_desk, found.remedy)
    assert "-limit: 180\n+limit: 100\n" in plan.diff


def test_an_edit_is_listed_however_old_it_is_for_it_is_in_force(
    repo_desk: Desk, risk: History
) -> None:
    written(risk.write(RISK, "limit: 180\n"), at(1) - timedelta(days=300))
    assert edits_of(repo_desk) == {RISK: "differs from what git has"}


def test_an_edit_that_git_was_told_to_overlook_is_seen(repo_desk: Desk, risk: History) -> None:
    risk.git("update-index", "--assume-unchanged", RISK)
    risk.write(RISK, "limit: 180\n")
    assert risk.git("status", "--porcelain") == ""
    assert edits_of(repo_desk) == {RISK: "differs from what git has"}


def test_a_staged_edit_is_not_in_git_yet(repo_desk: Desk, risk: History) -> None:
    risk.write(RISK, "limit: 180\n")
    risk.git("add", "--all")
    assert edits_of(repo_desk) == {RISK: "differs from what git has"}


def test_a_new_file_is_seen_also_when_it_is_ignored_and_has_no_rollback(
    repo_desk: Desk, risk: History
) -> None:
    risk.commit({".gitignore": "*.local.yaml\n"}, at(2))
    risk.write("config/deep/er.local.yaml", "limit: 999\n")
    risk.write("other.local.yaml", "nobody watches it\n")
    edits, gaps = look(repo_desk)
    (found,) = edits.values()
    assert not gaps
    assert found.what == "config/deep/er.local.yaml: new, not in git"
    assert found.remedy is None
    assert found.no_remedy == "git has no earlier state of it"


def test_a_file_that_is_gone_was_there_at_the_latest_when_its_folder_changed(
    repo_desk: Desk, risk: History
) -> None:
    (risk.root / RISK).unlink()
    written(risk.root / "config", at(3))
    edits, _ = look(repo_desk)
    found = edits[f"edit:{RISK}"]
    assert found.at == at(3)
    assert found.what == f"{RISK}: gone, but not in git (at the latest then)"
    assert found.remedy is not None


def test_a_file_that_is_gone_with_its_folder_is_seen(repo_desk: Desk, risk: History) -> None:
    (risk.root / RISK).unlink()
    (risk.root / "config").rmdir()
    assert edits_of(repo_desk) == {RISK: "gone, but not in git (at the latest then)"}


def test_a_mode_and_a_link_in_its_place_are_edits(repo_desk: Desk, risk: History) -> None:
    risk.commit({"config/b.yaml": "b\n"}, at(2))
    (risk.root / RISK).chmod(0o755)
    (risk.root / "config/b.yaml").unlink()
    (risk.root / "config/b.yaml").symlink_to("risk.yaml")
    assert edits_of(repo_desk) == {
        RISK: "its mode differs from git's",
        "config/b.yaml": "differs from what git has",
    }


def test_a_folder_that_became_a_link_is_not_followed(
    repo_desk: Desk, risk: History, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (risk.root / "config").rename(elsewhere)
    (risk.root / "config").symlink_to(elsewhere)
    edits, gaps = look(repo_desk)
    assert edits[f"edit:{RISK}"].what == f"{RISK}: differs from what git has"
    assert all("elsewhere" not in gap.reason for gap in gaps)


def test_a_new_link_to_a_folder_is_seen_and_not_entered(
    repo_desk: Desk, risk: History, tmp_path: Path
) -> None:
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "x.yaml").write_text("x\n")
    (risk.root / "config/away").symlink_to(tmp_path / "away")
    assert edits_of(repo_desk) == {"config/away": "new, not in git"}


def test_what_programs_fill_is_not_searched_for_new_files(
    make_desk: Callable[..., Desk], history: History
) -> None:
    desk = make_desk('[rollback]\nrepository = "repo"\nconfigs = ["**/*.yaml"]\n')
    history.commit({"README": "x\n"}, at(1))
    for folder in (".venv/lib", "node_modules/x", "__pycache__", ".git/x", "sub/.git"):
        history.write(f"{folder}/a.yaml", "n: 1\n")
    history.write(".venv/pyvenv.cfg", "home = /usr\n")
    history.write("new.yaml", "n: 1\n")
    assert edits_of(desk) == {"new.yaml": "new, not in git"}


def test_a_tracked_file_is_looked_at_wherever_it_lies(
    make_desk: Callable[..., Desk], history: History
) -> None:
    desk = make_desk('[rollback]\nrepository = "repo"\nconfigs = ["**/*.yaml"]\n')
    history.commit({"node_modules/a.yaml": "n: 1\n"}, at(1))
    history.write("node_modules/a.yaml", "n: 2\n")
    assert edits_of(desk) == {"node_modules/a.yaml": "differs from what git has"}


def test_line_endings_that_a_checkout_makes_are_no_edit(repo_desk: Desk, risk: History) -> None:
    risk.commit({".gitattributes": "*.toml text eol=crlf\n", "limits.toml": "a = 1\n"}, at(2))
    risk.write("limits.toml", "a = 1\r\n")
    assert edits_of(repo_desk) == {}
    risk.write("limits.toml", "a = 2\r\n")
    assert edits_of(repo_desk) == {"limits.toml": "differs from what git has"}


def test_what_a_filter_makes_is_not_guessed(repo_desk: Desk, risk: History) -> None:
    risk.commit({".gitattributes": "config/* filter=vault\n"}, at(2))
    risk.write(RISK, "limit: in the clear\n")
    edits, gaps = look(repo_desk)
    assert not edits
    assert [gap.unknown for gap in gaps] == [True]
    assert gaps[0].reason == (
        f"{RISK}: the filter vault makes its bytes and is not run; see: git diff"
    )


def test_a_file_that_cannot_be_looked_at_is_named_and_the_others_are_there(
    repo_desk: Desk, risk: History
) -> None:
    risk.commit({"config/huge.yaml": "small\n"}, at(2))
    with (risk.root / "config/huge.yaml").open("wb") as file:
        file.truncate(5 * 1024 * 1024)
    risk.write(RISK, "limit: 180\n")
    edits, gaps = look(repo_desk)
    assert set(edits) == {f"edit:{RISK}"}
    assert len(gaps) == 1
    assert "config/huge.yaml is larger than" in gaps[0].reason
    assert gaps[0].exit_code == 5


def test_files_of_flows_are_looked_at_and_those_that_never_go_back_say_so(
    make_desk: Callable[..., Desk], history: History
) -> None:
    desk = make_desk(
        '[rollback]\nrepository = "repo"\nconfigs = ["config/*"]\nnever = ["config/keep.yaml"]\n'
        '[rollback.flows.reweight]\npaths = ["flows/reweight/**"]\n'
    )
    history.commit({"flows/reweight/run.py": "1\n", "config/keep.yaml": "1\n"}, at(1))
    history.write("flows/reweight/run.py", "2\n")
    history.write("config/keep.yaml", "2\n")
    edits, _ = look(desk)
    code, kept = edits["edit:flows/reweight/run.py"], edits["edit:config/keep.yaml"]
    assert code.flows == ("reweight",)
    assert code.remedy is not None
    assert code.remedy.command == "mechexo rollback plan flow reweight --to now"
    assert (kept.remedy, kept.no_remedy) == (None, "it may not be rolled back")


def test_a_name_that_is_no_text_can_be_shown(repo_desk: Desk, risk: History) -> None:
    odd = os.fsencode(risk.root) + b"/config/\xff\n.yaml"
    with open(odd, "wb") as file:  # noqa: PTH123 - the name is no text
        file.write(b"x")
    edits, gaps = look(repo_desk)
    (found,) = edits.values()
    assert not gaps
    assert found.what.isprintable()
    assert found.what.startswith("config/\\xff\\n.yaml: new")


def test_before_the_first_commit_every_watched_file_is_new(
    repo_desk: Desk, history: History
) -> None:
    history.write(RISK, "limit: 1\n")
    assert edits_of(repo_desk) == {RISK: "new, not in git"}
