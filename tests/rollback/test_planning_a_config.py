"""A plan says exactly what would happen to a file, and making it changes nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mechexo.actor import Actor, Role
from mechexo.desk import Desk
from mechexo.errors import NotFoundError, UnreachableError, UsageError
from mechexo.rollback import happened
from mechexo.rollback import operations as rollback
from mechexo.rollback.facts import Wanted, gather
from mechexo.rollback.git import Repository
from mechexo.rollback.happenings import Watch
from mechexo.rollback.planning import git_blob_id
from mechexo.rollback.values import Plan
from rollback.histories import History, at, fingerprint

pytestmark = pytest.mark.slow

PATH = "config/risk.yaml"


def guard(plan: Plan, name: str) -> bool:
    [found] = [each for each in plan.guards if each.name == name]
    return found.ok


def applied(plan: Plan, root: Path) -> None:
    """Carries a plan's diff out with git's own tool, in the working tree only."""
    subprocess.run(
        ["git", "apply", "--whitespace=nowarn", "-"],
        cwd=root,
        input=plan.diff.encode(),
        check=True,
        capture_output=True,
    )


def test_the_diff_carried_out_gives_the_old_bytes(repo_desk: Desk, history: History) -> None:
    old = history.commit({PATH: "gross: 1\nnet: 2\nwarn: 3\n"}, at(1))
    history.commit({PATH: "gross: 9\nnet: 2\nwarn: 3\nextra: 4"}, at(2))
    plan = rollback.plan_config(repo_desk, PATH, to=at(1))
    [change] = plan.changes
    assert (change.path, change.action, change.added, change.removed) == (PATH, "revert", 1, 2)
    applied(plan, history.root)
    assert (history.root / PATH).read_bytes() == history.show(old, PATH)


def test_planning_leaves_everything_as_it_was(repo_desk: Desk, history: History) -> None:
    history.commit({PATH: "a\n", "config/b.yaml": "b\n"}, at(1))
    history.commit({PATH: "b\n"}, at(2))
    history.write("config/b.yaml", "edited\n")
    # An index entry whose times do not fit is what git likes to refresh on the side.
    os.utime(history.root / PATH, (1, 1))
    before = fingerprint(history.root)
    rollback.plan_config(repo_desk, PATH, to=at(1))
    happened.happened(repo_desk, Watch(at(3)), start=at(1), end=at(3))
    happened.suspect(repo_desk, Watch(at(3)))
    assert fingerprint(history.root) == before


def test_a_file_that_is_as_it_was_then_needs_nothing(repo_desk: Desk, history: History) -> None:
    history.commit({PATH: "a\n"}, at(1))
    history.commit({PATH: "b\n"}, at(2))
    history.commit({PATH: "a\n"}, at(3))
    plan = rollback.plan_config(repo_desk, PATH, to=at(1))
    assert plan.empty
    assert plan.diff == ""


def test_a_file_deleted_since_would_be_restored(repo_desk: Desk, history: History) -> None:
    history.commit({PATH: "a\n"}, at(1))
    history.commit({PATH: None}, at(2))
    plan = rollback.plan_config(repo_desk, PATH, to=at(1))
    assert [(c.action, c.old_blob) for c in plan.changes] == [("restore", None)]
    applied(plan, history.root)
    assert (history.root / PATH).read_bytes() == b"a\n"


def test_a_file_added_since_would_be_deleted(repo_desk: Desk, history: History) -> None:
    history.commit({"config/other.yaml": "a\n"}, at(1))
    history.commit({PATH: "a\n"}, at(2))
    plan = rollback.plan_config(repo_desk, PATH, to=at(1))
    assert [(c.action, c.new_blob) for c in plan.changes] == [("delete", None)]
    applied(plan, history.root)
    assert not (history.root / PATH).exists()


def test_a_change_of_the_executable_bit_alone_is_a_change_of_mode(
    repo_desk: Desk, history: History
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    (history.root / PATH).chmod(0o755)
    history.git("commit", "--quiet", "-am", "mode", when=at(2))
    plan = rollback.plan_config(repo_desk, PATH, to=at(1))
    assert [change.action for change in plan.changes] == ["mode"]
    assert "old mode 100755\nnew mode 100644" in plan.diff


def test_an_edit_that_git_was_told_to_overlook_is_seen(repo_desk: Desk, history: History) -> None:
    history.commit({PATH: "a\n"}, at(1))
    history.commit({PATH: "b\n"}, at(2))
    history.git("update-index", "--assume-unchanged", PATH)
    history.write(PATH, "edited by hand\n")
    plan = rollback.plan_config(repo_desk, PATH, to=at(1))
    assert "-edited by hand" in plan.diff
    assert plan.changes[0].old_blob == git_blob_id(b"edited by hand\n")
    assert not guard(plan, "local edits")


def test_an_untracked_file_in_the_way_is_warned_of(repo_desk: Desk, history: History) -> None:
    history.commit({PATH: "a\n"}, at(1))
    history.commit({PATH: None}, at(2))
    history.write(PATH, "the only copy\n")
    plan = rollback.plan_config(repo_desk, PATH, to=at(1))
    assert not guard(plan, "local edits")


def test_a_staged_change_is_warned_of(repo_desk: Desk, history: History) -> None:
    history.commit({PATH: "a\n"}, at(1))
    history.commit({PATH: "b\n"}, at(2))
    history.write(PATH, "staged\n")
    history.git("add", PATH)
    history.write(PATH, "b\n")
    assert not guard(rollback.plan_config(repo_desk, PATH, to=at(1)), "local edits")


@pytest.mark.parametrize("sign", ["MERGE_HEAD", "CHERRY_PICK_HEAD", "BISECT_LOG", "index.lock"])
def test_an_operation_under_way_is_warned_of_and_left_alone(
    repo_desk: Desk, history: History, sign: str
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    history.commit({PATH: "b\n"}, at(2))
    (history.root / ".git" / sign).touch()
    assert not guard(rollback.plan_config(repo_desk, PATH, to=at(1)), "repository at rest")
    assert (history.root / ".git" / sign).exists()


def test_a_link_is_planned_as_a_link_and_one_that_leads_outside_is_warned_of(
    repo_desk: Desk, history: History
) -> None:
    link = history.root / "config" / "active.yaml"
    link.parent.mkdir()
    link.symlink_to("../../../etc/passwd")
    history.commit({}, at(1))
    link.unlink()
    link.symlink_to("risk.yaml")
    history.commit({}, at(2))
    link.unlink()
    link.symlink_to("limits.yaml")
    history.commit({}, at(3))
    inside = rollback.plan_config(repo_desk, "config/active.yaml", to=at(2))
    assert "-limits.yaml" in inside.diff
    assert "+risk.yaml" in inside.diff
    assert guard(inside, "stays inside")
    assert not guard(
        rollback.plan_config(repo_desk, "config/active.yaml", to=at(1)), "stays inside"
    )


def test_a_folder_replaced_by_a_link_is_not_followed(
    repo_desk: Desk, history: History, tmp_path: Path
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "risk.yaml").write_text("outside\n")
    (history.root / PATH).unlink()
    (history.root / "config").rmdir()
    (history.root / "config").symlink_to(outside)
    plan = rollback.plan_config(repo_desk, PATH, to=at(1))
    assert not guard(plan, "plain file")
    assert "outside" not in plan.diff


def test_a_submodule_is_warned_of(repo_desk: Desk, history: History) -> None:
    history.commit({PATH: "a\n"}, at(1))
    cached = ("update-index", "--add", "--cacheinfo")
    history.git(*cached, f"160000,{history.head()},config/sub")
    history.git("commit", "--quiet", "-m", "submodule", when=at(2))
    assert not guard(rollback.plan_config(repo_desk, "config/sub", to=at(2)), "not a submodule")


def test_a_pointer_to_large_file_storage_is_warned_of(repo_desk: Desk, history: History) -> None:
    history.commit({PATH: "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"}, at(1))
    history.commit({PATH: "b\n"}, at(2))
    assert not guard(rollback.plan_config(repo_desk, PATH, to=at(1)), "whole content in git")


@pytest.mark.parametrize(
    "name",
    [
        "config/with space.yaml",
        'config/"quoted" $HOME `x`.yaml',
        "config/new\nline.yaml",
        "config/-n1",
        "config/:(glob)*",
        "config/*",
        "config/é.yaml",
        os.fsdecode(b"config/latin-\xe9.yaml"),
    ],
)
def test_any_file_name_is_taken_as_it_is(repo_desk: Desk, history: History, name: str) -> None:
    history.commit({name: "old\n", "config/n": "bystander\n"}, at(1))
    history.commit({name: "new\n", "config/n": "other\n"}, at(2))
    plan = rollback.plan_config(repo_desk, name, to=at(1))
    assert "-new\n+old\n" in plan.diff
    assert plan.diff.isascii() or "é" in name
    assert rollback.plan_by_id(repo_desk, plan.id) == plan
    found = happened.happened(repo_desk, Watch(at(2)), start=at(2), end=at(2))
    [change] = found.commits
    assert set(change.paths) == {plan.changes[0].path, "config/n"}


@pytest.mark.parametrize(
    "path", ["", ".", "/etc/passwd", "../outside", "config/../../x", "config//x", "config/\0x"]
)
def test_a_path_outside_the_repository_is_refused(
    repo_desk: Desk, history: History, path: str
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    with pytest.raises(UsageError, match="is no path of a file inside"):
        rollback.plan_config(repo_desk, path, to=at(1))


def test_a_mistyped_path_gets_close_names(repo_desk: Desk, history: History) -> None:
    history.commit({"limits.toml": "a\n"}, at(1))
    with pytest.raises(NotFoundError, match=r"did you mean limits\.toml"):
        rollback.plan_config(repo_desk, "limit.toml", to=at(1))


def test_a_file_outside_the_configured_globs_is_not_shown(
    repo_desk: Desk, history: History
) -> None:
    history.commit({"private.txt": "a\n"}, at(1))
    with pytest.raises(NotFoundError, match="not a file that may be rolled back"):
        rollback.plan_config(repo_desk, "private.txt", to=at(1))


@pytest.mark.parametrize("path", ["config/.gitattributes", "config/.env", "config/tls/a.key"])
def test_what_holds_keys_or_steers_git_is_never_rolled_back(
    repo_desk: Desk, history: History, path: str
) -> None:
    history.commit({path: "a\n"}, at(1))
    with pytest.raises(NotFoundError, match="never rolled back"):
        rollback.plan_config(repo_desk, path, to=at(1))


def test_line_endings_are_compared_as_a_checkout_would_write_them(
    repo_desk: Desk, history: History
) -> None:
    history.write(".gitattributes", "*.yaml text eol=crlf\n")
    history.commit({PATH: "a: 1\r\nb: 2\r\n"}, at(1))
    history.commit({PATH: "a: 1\r\nb: 3\r\n"}, at(2))
    assert history.show("HEAD", PATH) == b"a: 1\nb: 3\n"
    plan = rollback.plan_config(repo_desk, PATH, to=at(1))
    assert (plan.changes[0].added, plan.changes[0].removed) == (1, 1)
    assert guard(plan, "local edits")


def test_binary_content_is_shown_by_size_and_digest(repo_desk: Desk, history: History) -> None:
    history.commit({PATH: b"caf\xe9\n"}, at(1))
    history.commit({PATH: b"\0\1"}, at(2))
    plan = rollback.plan_config(repo_desk, PATH, to=at(1))
    assert plan.changes[0].binary
    assert "2 bytes, sha256 " in plan.diff
    assert "5 bytes, sha256 " in plan.diff


def test_nothing_of_a_hostile_repository_is_executed(
    repo_desk: Desk, history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.write(".gitattributes", "*.yaml diff=evil filter=evil\n")
    history.commit({PATH: "a\n"}, at(1))
    history.commit({PATH: "b\n"}, at(2))
    ran = tmp_path / "ran"
    evil = history.write("evil.sh", f"#!/bin/sh\ntouch {ran}\ncat\n", executable=True)
    for key in (
        *("diff.evil.textconv", "diff.evil.command", "diff.external", "core.fsmonitor"),
        *("filter.evil.smudge", "filter.evil.clean", "filter.evil.process", "core.sshCommand"),
        *("core.pager", "core.editor", "gpg.program"),
    ):
        history.git("config", key, str(evil))
    hooks = history.root / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-index-change", "reference-transaction", "post-checkout"):
        (hooks / hook).write_text(f"#!/bin/sh\ntouch {ran}\n")
        (hooks / hook).chmod(0o755)
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(evil))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    plan = rollback.plan_config(repo_desk, PATH, to=at(1))
    happened.happened(repo_desk, Watch(at(3)), start=at(1), end=at(3))
    assert not ran.exists()
    assert not guard(plan, "whole content in git")


def test_the_same_world_gives_the_same_digest_and_any_change_another(
    repo_desk: Desk, history: History
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    history.commit({PATH: "b\n"}, at(2))

    def digest() -> str:
        return rollback.plan_config(repo_desk, PATH, to=at(1)).digest

    seen = [digest()]
    assert digest() == seen[0]
    history.write(PATH, "c\n")
    seen.append(digest())
    history.write(PATH, "b\n")
    assert digest() == seen[0]
    (history.root / PATH).chmod(0o600)
    seen.append(digest())
    (history.root / PATH).chmod(0o644)
    history.write("limits.toml", "x\n")
    history.git("add", "limits.toml")
    seen.append(digest())
    history.git("commit", "--quiet", "-m", "moves HEAD", when=at(3))
    seen.append(digest())
    assert len(set(seen)) == len(seen)


def test_a_plan_is_kept_audited_and_found_by_the_beginning_of_its_id(
    repo_desk: Desk, history: History
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    history.commit({PATH: "b\n"}, at(2))
    plan = rollback.plan_config(repo_desk, PATH, to=at(1))
    assert rollback.plan_by_id(repo_desk, plan.id[:6]) == plan
    assert rollback.history(repo_desk) == (plan,)
    [entry] = repo_desk.audit_entries()
    assert (entry.action, entry.target) == ("rollback.plan", f"config {PATH}")
    assert plan.digest in entry.payload
    for unknown in ("", "zzzz", "%"):
        with pytest.raises(NotFoundError, match="rollback history"):
            rollback.plan_by_id(repo_desk, unknown)


def test_a_viewer_may_plan_and_that_is_on_record(repo_desk: Desk, history: History) -> None:
    history.commit({PATH: "a\n"}, at(1))
    history.commit({PATH: "b\n"}, at(2))
    stranger = repo_desk.acting_as(Actor(424242, "stranger"))
    assert stranger.role is Role.VIEWER
    plan = rollback.plan_config(stranger, PATH, to=at(1))
    assert "-b\n+a\n" in plan.diff
    [entry] = repo_desk.audit_entries()
    assert "stranger" in entry.actor
    assert plan.id in entry.payload


def test_secrets_are_neither_shown_nor_stored(repo_desk: Desk, history: History) -> None:
    history.commit({PATH: "limit: 1\napi_key: hunter-one\n"}, at(1))
    history.commit({PATH: "limit: 2\napi_key: hunter-two\n"}, at(2))
    plan = rollback.plan_config(repo_desk, PATH, to=at(1))
    assert "-api_key: ***\n+limit: 1\n+api_key: ***" in plan.diff
    assert b"hunter" not in repo_desk.state.path.read_bytes()
    assert "hunter" not in str(repo_desk.state.rows("SELECT * FROM rollback_plan")[0]["plan"])


versions = st.binary(max_size=60) | st.text("ab \r\n:é", max_size=40).map(str.encode)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(old=versions, new=versions)
def test_the_bytes_a_plan_leads_to_are_those_git_holds(
    tmp_path_factory: pytest.TempPathFactory, old: bytes, new: bytes
) -> None:
    history = History.begin(tmp_path_factory.mktemp("history") / "repo")
    first = history.commit({PATH: old}, at(1))
    history.commit({PATH: new}, at(2))
    repository = Repository.open(history.root)
    then, committed = (repository.entries(oid) for oid in (first, history.head()))
    [facts] = gather(
        repository,
        {PATH: PATH},
        committed=committed,
        staged=repository.index().entries,
        wanted={PATH: Wanted(then[PATH])},
    )
    assert facts.then is not None
    assert facts.then.data == history.show(first, PATH) == old
    assert git_blob_id(facts.then.data) == then[PATH].oid
    assert facts.now == facts.committed


def fake_git(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "bin" / "git"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


def test_a_git_that_hangs_is_ended(
    repo_desk: Desk, history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    monkeypatch.setattr("mechexo.rollback.git.TIMEOUT_S", 0.2)
    fake_git(tmp_path, "exec sleep 60", monkeypatch)
    with pytest.raises(UnreachableError, match="took longer than"):
        rollback.plan_config(repo_desk, PATH, to=at(1))


def test_a_git_that_never_stops_talking_is_ended(
    repo_desk: Desk, history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    fake_git(tmp_path, "exec yes", monkeypatch)
    with pytest.raises(UnreachableError, match="that is too much"):
        rollback.plan_config(repo_desk, PATH, to=at(1))


def test_a_machine_without_git_is_said(
    repo_desk: Desk, history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnreachableError, match="git is not installed"):
        rollback.plan_config(repo_desk, PATH, to=at(1))


def test_a_file_too_large_to_plan_with_is_said(repo_desk: Desk, history: History) -> None:
    history.commit({PATH: "a\n"}, at(1))
    history.write(PATH, b"x" * (4 * 1024 * 1024 + 1))
    with pytest.raises(UnreachableError, match="larger than 4096 KiB"):
        rollback.plan_config(repo_desk, PATH, to=at(1))


def test_a_folder_is_no_file(repo_desk: Desk, history: History) -> None:
    history.commit({"config/deep/a.yaml": "a\n"}, at(1))
    plan = rollback.plan_config(repo_desk, "config/deep", to=at(1))
    assert plan.empty
    assert not guard(plan, "plain file")


def test_a_plan_can_be_made_on_a_live_desk_without_a_reason(
    make_desk: Callable[..., Desk], history: History
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    desk = make_desk('[rollback]\nrepository = "repo"\nconfigs = ["config/*"]\n', mode="live")
    assert rollback.plan_config(desk, PATH, to=at(1)).empty
    assert "dry run" in desk.audit_entries()[-1].payload
