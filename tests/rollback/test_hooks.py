"""Git hooks that tell the ledger: git itself is driven, and never disturbed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mechexo.actor import Actor
from mechexo.desk import Desk
from mechexo.errors import ConflictError, NotAllowedError, UsageError
from mechexo.rollback import hooks, ledger
from rollback.histories import History, at

pytestmark = pytest.mark.slow

PATH = "config/risk.yaml"
CONFIG = '[rollback]\nrepository = "repo"\nconfigs = ["config/**"]\n'


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk(CONFIG)


@pytest.fixture
def begun(desk: Desk, history: History) -> History:
    history.commit({PATH: "a\n"}, at(1))
    return history


def told(desk: Desk, history: History) -> list[tuple[str, str]]:
    """The commits of the ledger with their branches."""
    return [
        (row.oid, row.ref.removeprefix("refs/heads/"))
        for row in ledger.read(desk.state, str(history.root))
    ]


def put(history: History, name: str, text: str, *, mode: int = 0o755) -> Path:
    place = history.root / ".git" / "hooks" / name
    place.parent.mkdir(exist_ok=True)
    place.write_text(text)
    place.chmod(mode)
    return place


def hook_files(history: History) -> dict[str, bytes]:
    folder = history.root / ".git" / "hooks"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.suffix != ".sample"}


def test_the_ledger_begins_with_what_is_checked_out(desk: Desk, begun: History) -> None:
    done = hooks.install(desk)
    assert [each.what for each in done] == ["made"] * 4
    assert told(desk, begun) == [(begun.head(), "main")]


def test_commits_merges_and_checkouts_reach_the_ledger_by_themselves(
    desk: Desk, begun: History
) -> None:
    first = begun.head()
    hooks.install(desk)
    begun.git("switch", "--quiet", "-c", "side")
    on_side = begun.commit({"config/other.yaml": "s\n"}, at(2))
    begun.git("switch", "--quiet", "main")
    begun.git("merge", "--quiet", "--no-ff", "-m", "merge", "side", when=at(3))
    assert told(desk, begun) == [
        (first, "main"),
        (first, "side"),
        (on_side, "side"),
        (first, "main"),
        (begun.head(), "main"),
    ]


def test_a_rebase_is_told_once_it_is_done_and_an_amended_commit_as_one(
    desk: Desk, begun: History
) -> None:
    begun.git("switch", "--quiet", "-c", "side")
    for number in range(3):
        begun.commit({f"config/{number}": "s\n"}, at(2, number))
    begun.git("switch", "--quiet", "main")
    begun.commit({PATH: "b\n"}, at(3))
    begun.git("switch", "--quiet", "side")
    hooks.install(desk)
    before = told(desk, begun)
    begun.git("rebase", "--quiet", "main", when=at(4))
    rebased = begun.head()
    begun.git("commit", "--quiet", "--amend", "-m", "better", when=at(5))
    assert told(desk, begun)[len(before) :] == [(rebased, "side"), (begun.head(), "side")]


def test_a_file_that_is_checked_out_alone_is_no_move(desk: Desk, begun: History) -> None:
    hooks.install(desk)
    begun.write(PATH, "edited\n")
    begun.git("checkout", "--quiet", "--", PATH)
    assert len(told(desk, begun)) == 1


def test_a_hook_that_was_there_runs_first_with_its_own_arguments_input_and_exit_code(
    desk: Desk, begun: History, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    theirs = f'#!/bin/sh\necho "${{0##*/}} $#" >>{seen}\ncat >>{seen}\nexit 3\n'
    put(begun, "post-checkout", theirs)
    put(begun, "post-rewrite", theirs)
    done = {each.path.name: each for each in hooks.install(desk)}
    assert done["post-checkout"].before is not None
    assert done["post-commit"].before is None
    old = begun.head()
    begun.git("commit", "--quiet", "--amend", "-m", "better", when=at(2))
    assert f"{old} {begun.head()}" in seen.read_text()
    assert told(desk, begun)[-1] == (begun.head(), "main")
    # When post-checkout says no, so does git switch: as it was before we came.
    with pytest.raises(subprocess.CalledProcessError):
        begun.git("switch", "--quiet", "-c", "side")
    assert told(desk, begun)[-1] == (begun.head(), "side")


def test_a_hook_that_git_would_not_have_run_is_not_run_by_ours(
    desk: Desk, begun: History, tmp_path: Path
) -> None:
    put(begun, "post-commit", f"#!/bin/sh\ntouch {tmp_path}/ran\n", mode=0o644)
    hooks.install(desk)
    begun.commit({PATH: "b\n"}, at(2))
    assert not (tmp_path / "ran").exists()
    assert told(desk, begun)[-1] == (begun.head(), "main")


@pytest.mark.parametrize("trouble", ["no configuration", "a state file that is none"])
def test_git_goes_on_when_mechexo_cannot_and_hears_why_in_one_line(
    desk: Desk, begun: History, trouble: str
) -> None:
    hooks.install(desk)
    if trouble == "no configuration":
        desk.config_path.unlink()
    else:
        desk.state.close()
        for beside in desk.state.path.parent.glob("*.sqlite*"):
            beside.unlink()
        desk.state.path.write_text("no database at all\n" * 500)
    begun.write(PATH, "b\n")
    done = subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=b@c", "commit", "-qam", "b"],
        cwd=begun.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert begun.git("log", "-1", "--format=%s") == "b"
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "mechexo" in done.stderr


def test_hooks_are_silent_when_there_is_nothing_to_say(desk: Desk, begun: History) -> None:
    hooks.install(desk)
    done = subprocess.run(
        ["git", "switch", "-qc", "side"],
        cwd=begun.root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert len(told(desk, begun)) == 2


def test_installing_again_changes_nothing_and_a_moved_desk_renews(
    make_desk: Callable[..., Desk], desk: Desk, begun: History, tmp_path: Path
) -> None:
    put(begun, "post-merge", "#!/bin/sh\n")
    hooks.install(desk)
    before = hook_files(begun)
    assert [each.what for each in hooks.install(desk)] == ["kept"] * 4
    assert hook_files(begun) == before
    moved = tmp_path / "it's moved"
    (tmp_path / "desk").rename(moved)
    desk.state.close()
    again = Desk.open(moved / "mechexo.toml", clock=desk.clock, actor=desk.actor)
    assert [each.what for each in hooks.install(again)] == ["renewed"] * 4
    there = History(moved / "repo")
    there.commit({PATH: "b\n"}, at(2))
    assert told(again, there)[-1] == (there.head(), "main")


def test_what_was_there_before_is_back_when_the_hooks_are_taken_away(
    desk: Desk, begun: History
) -> None:
    put(begun, "post-commit", "#!/bin/sh\nexit 0\n", mode=0o750)
    put(begun, "pre-commit", "#!/bin/sh\nexit 0\n")
    link = begun.root / ".git" / "hooks" / "post-merge"
    link.symlink_to("pre-commit")
    before = hook_files(begun)
    hooks.install(desk)
    assert hook_files(begun) != before
    done = {each.path.name: each.what for each in hooks.remove(desk)}
    assert done["post-commit"] == "removed"
    assert hook_files(begun) == before
    assert link.is_symlink()
    assert (begun.root / ".git" / "hooks" / "post-commit").stat().st_mode & 0o777 == 0o750
    assert {each.what for each in hooks.remove(desk)} == {"not there"}


def test_a_hook_of_ours_that_somebody_edited_is_left_to_them(desk: Desk, begun: History) -> None:
    hooks.install(desk)
    ours = begun.root / ".git" / "hooks" / "post-merge"
    ours.write_text(ours.read_text() + "echo mine\n")
    before = hook_files(begun)
    for act in (hooks.install, hooks.remove):
        with pytest.raises(ConflictError, match="was edited"):
            act(desk)
    assert hook_files(begun) == before


def test_a_kept_hook_is_never_written_over(desk: Desk, begun: History) -> None:
    put(begun, "post-merge", "#!/bin/sh\n# new\n")
    put(begun, "post-merge.before-mechexo", "#!/bin/sh\n# old\n")
    before = hook_files(begun)
    with pytest.raises(ConflictError, match="is there already"):
        hooks.install(desk)
    assert hook_files(begun) == before


def test_shared_hooks_of_a_core_hooks_path_are_refused(
    desk: Desk, begun: History, tmp_path: Path
) -> None:
    begun.git("config", "core.hooksPath", str(tmp_path / "shared"))
    with pytest.raises(UsageError, match=r"core\.hooksPath is set to .*shared \(local\)"):
        hooks.install(desk)
    assert not (tmp_path / "shared").exists()


def test_shared_hooks_of_the_user_s_own_configuration_are_refused_too(
    desk: Desk, begun: History
) -> None:
    Path(os.environ["HOME"], ".gitconfig").write_text("[core]\n\thooksPath = /srv/hooks\n")
    with pytest.raises(UsageError, match=r"/srv/hooks \(global\)"):
        hooks.install(desk)


def test_only_an_admin_changes_hooks(desk: Desk, begun: History) -> None:
    before = hook_files(begun)
    with pytest.raises(NotAllowedError, match="admin"):
        hooks.install(desk.acting_as(Actor(desk.actor.uid + 1, "guest")))
    assert hook_files(begun) == before


def test_a_linked_worktree_shares_its_hooks_and_tells_only_of_itself(
    make_desk: Callable[..., Desk], history: History, tmp_path: Path
) -> None:
    history.commit({PATH: "a\n"}, at(1))
    history.git("worktree", "add", "--quiet", "-b", "live", str(tmp_path / "live"))
    desk = make_desk(CONFIG.replace('"repo"', f'"{tmp_path / "live"}"'))
    hooks.install(desk)
    live = History(tmp_path / "live")
    history.commit({PATH: "not deployed\n"}, at(2))
    moved = live.commit({PATH: "deployed\n"}, at(3))
    assert [oid for oid, _ in told(desk, live)][1:] == [moved]
