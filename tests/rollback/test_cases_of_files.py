"""Cases 20 to 28, 31 and 40: whatever a file is, it comes back exactly, or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from mechexo.desk import Desk
from mechexo.errors import NotAllowedError
from mechexo.rollback import operations as rollback
from mechexo.rollback.values import Plan, RunState
from rollback.carrying import carry_out, tree_of
from rollback.histories import History, at

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk(
        '[rollback]\nrepository = "repo"\n[rollback.limits]\nage = "3650d"\ndeletes = 100\n'
        '[rollback.flows.all]\npaths = ["**"]\n'
    )


def plan_all(desk: Desk) -> Plan:
    return rollback.plan_flow(desk, "all", to=at(1), overrides=["rate"])


def there_and_back(desk: Desk, history: History) -> dict[str, tuple[int, bytes]]:
    """Applies the rollback, takes it back, asserts that all is as before; the tree between."""
    before = tree_of(history.root)
    run = carry_out(desk, plan_all(desk))
    assert run.state is RunState.APPLIED
    between = tree_of(history.root)
    assert history.git("status", "--porcelain") == ""
    carry_out(desk, rollback.plan_undo(desk, run.id, overrides=["rate"]))
    assert tree_of(history.root) == before
    assert history.git("status", "--porcelain") == ""
    return between


def refused(desk: Desk, history: History, guard: str, words: str) -> None:
    """Nothing of the plan is done, and the guard says why."""
    before, plan = tree_of(history.root), plan_all(desk)
    [found] = [each for each in plan.guards if each.name == guard]
    assert not found.ok
    assert words in found.detail
    with pytest.raises(NotAllowedError, match=guard):
        carry_out(desk, plan)
    assert tree_of(history.root) == before


# Case 20: what came, went or has another name


def test_case_20_added_deleted_and_renamed_files(desk: Desk, history: History) -> None:
    history.commit({"gone": "g\n", "old name": "same\n", "README": "r\n"}, at(1))
    history.commit(
        {"gone": None, "old name": None, "new name": "same\n", "added/deep": "a\n"}, at(2)
    )
    between = there_and_back(desk, history)
    assert {path: data for path, (_, data) in between.items()} == {
        "gone": b"g\n",
        "old name": b"same\n",
        "README": b"r\n",
    }


def test_case_20_a_name_that_differs_in_its_case_only(desk: Desk, history: History) -> None:
    history.commit({"Readme": "r\n"}, at(1))
    history.commit({"Readme": None, "README": "r\n"}, at(2))
    assert list(there_and_back(desk, history)) == ["Readme"]


# Case 21: bytes


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01binary\xff" * 50,
        "latin: \xe9\xe8\n".encode("latin-1"),
        b"no newline at the end",
        b"three newlines\n\n\n",
        b"mixed\r\nendings\n",
        b"",
    ],
)
def test_case_21_bytes_come_back_as_they_were(desk: Desk, history: History, data: bytes) -> None:
    history.commit({"file": data, "b": "1\n"}, at(1))
    history.commit({"file": b"other\n" + data}, at(2))
    assert there_and_back(desk, history)["file"][1] == data


def test_case_21_line_endings_are_those_of_a_checkout(desk: Desk, history: History) -> None:
    history.write(".gitattributes", "*.txt text eol=crlf\n")
    history.commit({"a.txt": b"one\r\n"}, at(1))
    history.commit({"a.txt": b"one\r\ntwo\r\n"}, at(2))
    blob = history.show(history.head(), "a.txt")
    assert blob == b"one\ntwo\n"
    plan = plan_all(desk)
    assert plan.held_back == ()
    run = carry_out(desk, plan)
    assert (history.root / "a.txt").read_bytes() == b"one\r\n"
    assert history.show(run.new_commit, "a.txt") == b"one\n"
    assert history.git("status", "--porcelain") == ""


# Case 22: names


@pytest.mark.parametrize(
    "name",
    [
        "-rf",
        "--output=x",
        "with space",
        "tab\there",
        'quo"te',
        "new\nline",
        "caf\u00e9",
        "cafe\u0301",
        os.fsdecode(b"latin-\xe9"),
        ":(glob)*",
        ":!all",
        "*",
        "[ab]",
        "back\\slash",
        "100644 deadbeef 0",
    ],
)
def test_case_22_odd_names_are_names_and_nothing_else(
    desk: Desk, history: History, name: str
) -> None:
    history.commit({name: "one\n", f"folder/{name}": "one\n", "plain": "p\n"}, at(1))
    history.commit({name: "two\n", f"folder/{name}": None}, at(2))
    between = there_and_back(desk, history)
    assert between[name][1] == between[f"folder/{name}"][1] == b"one\n"
    assert sorted(between) == sorted([name, f"folder/{name}", "plain"])


# Case 23: modes


def test_case_23_a_mode_alone_comes_back(desk: Desk, history: History) -> None:
    history.commit({"run": "echo\n"}, at(1))
    (history.root / "run").chmod(0o755)
    history.commit({}, at(2))
    assert stat.S_IMODE(there_and_back(desk, history)["run"][0]) == 0o644


def test_case_23_a_private_file_stays_private(desk: Desk, history: History) -> None:
    history.commit({"secret.yaml": "a: 1\n"}, at(1))
    history.commit({"secret.yaml": "a: 2\n"}, at(2))
    (history.root / "secret.yaml").chmod(0o600)
    assert stat.S_IMODE(there_and_back(desk, history)["secret.yaml"][0]) == 0o600


def test_case_23_a_restored_file_is_not_for_strangers(desk: Desk, history: History) -> None:
    history.commit({"a": "1\n", "b": "1\n"}, at(1))
    history.commit({"a": None}, at(2))
    assert stat.S_IMODE(there_and_back(desk, history)["a"][0]) == 0o640


# Case 24: links


def test_case_24_a_link_comes_back_as_a_link(desk: Desk, history: History) -> None:
    history.write("one", "1\n")
    (history.root / "link").symlink_to("one")
    history.commit({}, at(1))
    (history.root / "link").unlink()
    (history.root / "link").symlink_to("two")
    history.commit({}, at(2))
    assert there_and_back(desk, history)["link"][1] == b"one"


def test_case_24_a_link_and_a_file_change_places(desk: Desk, history: History) -> None:
    (history.root / "thing").symlink_to("elsewhere")
    history.commit({"a": "1\n"}, at(1))
    (history.root / "thing").unlink()
    history.commit({"thing": "a file now\n"}, at(2))
    mode, data = there_and_back(desk, history)["thing"]
    assert stat.S_ISLNK(mode)
    assert data == b"elsewhere"


def test_case_24_a_link_that_leads_out_is_refused(desk: Desk, history: History) -> None:
    (history.root / "link").symlink_to("../../etc")
    history.commit({"a": "1\n"}, at(1))
    (history.root / "link").unlink()
    history.commit({"link": "a file\n"}, at(2))
    refused(desk, history, "stays inside", "leads out")


def test_case_24_nothing_is_written_through_a_folder_that_became_a_link(
    desk: Desk, history: History, tmp_path: Path
) -> None:
    history.commit({"folder/file": "one\n", "a": "1\n"}, at(1))
    history.commit({"folder/file": "two\n"}, at(2))
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("not yours\n")
    (history.root / "folder/file").unlink()
    (history.root / "folder").rmdir()
    (history.root / "folder").symlink_to(outside)
    refused(desk, history, "plain file", "folder is a link")
    assert (outside / "file").read_text() == "not yours\n"


def test_case_24_nor_when_it_becomes_one_during_the_application(
    desk: Desk, history: History, tmp_path: Path
) -> None:
    from mechexo.rollback.applying import FailedError
    from mechexo.rollback.restoring import NeedsPersonError
    from rollback.carrying import around
    from rollback.failing_files import FailingFiles

    history.commit({"folder/file": "one\n", "a": "1\n"}, at(1))
    history.commit({"folder/file": "two\n", "a": "2\n"}, at(2))
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("not yours\n")

    class Swapping(FailingFiles):
        def rename(self, folder: int, old: str, new: str) -> None:
            super().rename(folder, old, new)
            if new == "a" and not (tmp_path / "moved away").exists():
                (history.root / "folder").rename(tmp_path / "moved away")
                (history.root / "folder").symlink_to(outside)

    with pytest.raises((FailedError, NeedsPersonError)):
        carry_out(desk, plan_all(desk), around(Swapping()))
    assert [each.name for each in outside.iterdir()] == ["file"]
    assert (outside / "file").read_text() == "not yours\n"


# Cases 25 and 26: what git itself does not hold


def test_case_25_a_submodule_is_refused(desk: Desk, history: History, tmp_path: Path) -> None:
    other = History.begin(tmp_path / "other")
    first = other.commit({"x": "1\n"}, at(1))
    second = other.commit({"x": "2\n"}, at(2))
    history.write("a", "1\n")
    history.git("update-index", "--add", "--cacheinfo", f"160000,{first},sub")
    history.git("add", "a")
    history.git("commit", "--quiet", "-m", "one", when=at(1))
    history.git("update-index", "--add", "--cacheinfo", f"160000,{second},sub")
    history.write("a", "2\n")
    history.git("add", "a")
    history.git("commit", "--quiet", "-m", "two", when=at(2))
    refused(desk, history, "not a submodule", "sub")


def test_case_25_a_repository_in_the_way_is_refused(desk: Desk, history: History) -> None:
    history.commit({"place": "a file\n", "a": "1\n"}, at(1))
    history.commit({"place": None}, at(2))
    inner = History.begin(history.root / "place")
    inner.commit({"precious": "p\n"}, at(2))
    refused(desk, history, "plain file", "place")
    assert (history.root / "place/precious").exists()


def test_case_26_a_pointer_whose_content_is_elsewhere_is_refused(
    desk: Desk, history: History
) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    history.commit({"model.bin": pointer}, at(1))
    history.commit({"model.bin": "real bytes\n"}, at(2))
    refused(desk, history, "whole content in git", "lfs")


# Case 27: what stands in the way


def test_case_27_a_folder_where_a_file_comes_goes_only_with_all_its_files_known(
    desk: Desk, history: History
) -> None:
    history.commit({"p": "a file\n", "a": "1\n"}, at(1))
    (history.root / "p").unlink()
    history.commit({"p/one": "1\n", "p/deep/two": "2\n"}, at(2))
    history.write("p/untracked", "precious\n")
    refused(desk, history, "plain file", "p/untracked")
    (history.root / "p/untracked").unlink()
    assert sorted(there_and_back(desk, history)) == ["a", "p"]


def test_case_27_a_file_where_a_folder_comes(desk: Desk, history: History) -> None:
    history.commit({"p/one": "1\n", "p/deep/two": "2\n"}, at(1))
    for place in ("p/deep/two", "p/one"):
        (history.root / place).unlink()
    (history.root / "p/deep").rmdir()
    (history.root / "p").rmdir()
    history.commit({"p": "a file\n"}, at(2))
    assert sorted(there_and_back(desk, history)) == ["p/deep/two", "p/one"]


@pytest.mark.parametrize("ignored", [False, True])
def test_case_27_an_untracked_or_ignored_file_in_the_way_is_not_overwritten(
    desk: Desk, history: History, ignored: bool
) -> None:
    history.commit({"a": "1\n", "local.yaml": "one\n"}, at(1))
    history.commit({"a": "2\n", "local.yaml": None}, at(2))
    if ignored:
        history.commit({".gitignore": "local.yaml\n"}, at(3))
    history.write("local.yaml", "the only copy\n")
    refused(desk, history, "local edits", "the only copy")


def test_a_local_edit_that_was_set_aside_comes_back_with_the_undo(
    desk: Desk, history: History
) -> None:
    history.commit({"a": "1\n"}, at(1))
    history.commit({"a": "2\n"}, at(2))
    history.write("a", "edited by hand\n")
    refused(desk, history, "local edits", "the file was edited")
    plan = rollback.plan_flow(desk, "all", to=at(1), overrides=["local edits"])
    run = carry_out(desk, plan)
    assert (history.root / "a").read_text() == "1\n"
    carry_out(desk, rollback.plan_undo(desk, run.id))
    assert (history.root / "a").read_text() == "edited by hand\n"
    assert history.show(history.head(), "a") == b"2\n"


# Case 28: what git was told to overlook


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_case_28_an_edit_that_git_overlooks_is_seen(
    desk: Desk, history: History, flag: str
) -> None:
    history.commit({"a": "1\n"}, at(1))
    history.commit({"a": "2\n"}, at(2))
    history.git("update-index", flag, "a")
    history.write("a", "live edit\n")
    assert history.git("status", "--porcelain") == ""
    refused(desk, history, "local edits", "the file was edited")
    if flag == "--skip-worktree":
        refused(desk, history, "not sparse", "a")


def test_case_28_a_file_that_is_only_meant_to_be_added_is_seen(
    desk: Desk, history: History
) -> None:
    history.commit({"a": "1\n", "b": "1\n"}, at(1))
    history.commit({"a": None, "b": "2\n"}, at(2))
    history.write("a", "meant\n")
    history.git("add", "--intent-to-add", "a")
    refused(desk, history, "local edits", "a")


# Case 31: a hostile configuration


def test_case_31_nothing_that_the_repository_configures_is_run(
    desk: Desk, history: History, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    evil = tmp_path / "evil"
    evil.write_text(f'#!/bin/sh\necho "$0 $@" >> {ran}\ncat\n')
    evil.chmod(0o755)
    history.commit({"a.evil": "1\n", "b": "1\n"}, at(1))
    history.commit({"a.evil": "2\n", "b": "2\n"}, at(2))
    for key, value in {
        "core.fsmonitor": str(evil),
        "core.sshCommand": str(evil),
        "core.pager": str(evil),
        "core.editor": str(evil),
        "diff.external": str(evil),
        "diff.evil.textconv": str(evil),
        "diff.evil.command": str(evil),
        "gpg.program": str(evil),
        "commit.gpgSign": "true",
        "credential.helper": str(evil),
    }.items():
        history.git("config", key, value)
    (history.root / ".git/info/attributes").write_text("*.evil diff=evil\n")
    hooks = history.root / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for hook in (
        *("pre-commit", "commit-msg", "post-commit", "reference-transaction", "post-checkout"),
        *("post-index-change", "update", "pre-auto-gc", "post-rewrite", "prepare-commit-msg"),
    ):
        (hooks / hook).write_text(evil.read_text())
        (hooks / hook).chmod(0o755)
    run = carry_out(desk, plan_all(desk))
    carry_out(desk, rollback.plan_undo(desk, run.id))
    assert not ran.exists()
    assert (history.root / "b").read_text() == "2\n"


# Case 40: undo


def test_case_40_undo_undo_of_undo_and_undo_after_a_later_deployment(
    desk: Desk, history: History
) -> None:
    history.commit({"a": "1\n", "b": "1\n"}, at(1))
    history.commit({"a": "2\n", "b": "2\n", "c": "2\n"}, at(2))
    before = tree_of(history.root)
    first = carry_out(desk, plan_all(desk))
    after = tree_of(history.root)
    second = carry_out(desk, rollback.plan_undo(desk, first.id))
    assert tree_of(history.root) == before
    third = carry_out(desk, rollback.plan_undo(desk, second.id, overrides=["rate"]))
    assert tree_of(history.root) == after
    assert [run.id for run in rollback.runs(desk)] == [third.id, second.id, first.id]
    history.commit({"a": "3\n"}, desk.clock.now())
    conflicted = rollback.plan_undo(desk, third.id, overrides=["rate"])
    [guard] = conflicted.held_back
    assert guard.detail.startswith("a: ")
