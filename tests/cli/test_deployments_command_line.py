"""`mechexo flows deployed` and `mechexo init --hooks`, as scripts rely on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollback.histories import History, at
from support.program import document, mechexo, one_line

pytestmark = pytest.mark.slow

PATH = "config/risk.yaml"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    place = tmp_path / "mechexo.toml"
    place.write_text(
        '[desk]\nname = "test"\nzone = "America/New_York"\n'
        '[rollback]\nrepository = "repo"\nconfigs = ["config/*"]\n'
        '[rollback.flows.reweight]\npaths = ["config/*"]\n'
    )
    return place


@pytest.fixture
def history(tmp_path: Path) -> History:
    made = History.begin(tmp_path / "repo")
    made.commit({PATH: "a\n"}, at(1))
    return made


def test_a_deployment_is_answered_with_the_commit_and_the_desk_s_time(
    config: Path, history: History
) -> None:
    done = mechexo("flows", "deployed", "reweight", config=config)
    assert done.returncode == 0
    assert done.stdout.startswith(f"reweight runs {history.head()[:12]} since ")
    assert done.stdout.rstrip().endswith(("EST", "EDT"))


def test_a_deployment_as_one_document(config: Path, history: History) -> None:
    done = mechexo("flows", "deployed", "reweight", "--json", config=config)
    body = document(done)
    assert body["deployment"]["oid"] == history.head()
    assert body["deployment"]["how"] == "command"
    assert body["released"] is False


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "known: reweight"),
        ([], "name the flow"),
        (["reweight", "--hook"], "name the flow"),
        (["reweight", "--commit", "HEAD"], "no commit id"),
        (["reweight", "--commit", "f" * 40], "never deployed here"),
    ],
)
def test_what_cannot_be_recorded_is_a_usage_error_in_one_line(
    config: Path, history: History, words: list[str], said: str
) -> None:
    done = mechexo("flows", "deployed", *words, config=config)
    assert done.returncode == 2
    one_line(done, said)


def test_hooks_come_and_go_and_the_desk_s_files_stay_as_they_are(
    config: Path, history: History, tmp_path: Path
) -> None:
    before = config.read_bytes()
    done = mechexo("init", tmp_path, "--hooks")
    assert done.returncode == 0
    assert f"made: {tmp_path}/repo/.git/hooks/post-commit" in done.stdout
    assert not (tmp_path / "runbooks").exists()
    gone = document(mechexo("init", tmp_path, "--no-hooks", "--json"))
    assert [each["what"] for each in gone["hooks"]] == ["removed"] * 4
    assert not (tmp_path / "repo" / ".git" / "hooks" / "post-commit").exists()
    assert config.read_bytes() == before


def test_hooks_want_a_desk_and_its_repository(tmp_path: Path) -> None:
    done = mechexo("init", tmp_path, "--hooks")
    assert done.returncode == 2
    one_line(done, "mechexo.toml")
    assert list(tmp_path.glob("*.toml")) == []
    (tmp_path / "mechexo.toml").write_text('[desk]\nname = "test"\n')
    done = mechexo("init", tmp_path, "--hooks")
    assert done.returncode == 2
    one_line(done, "[rollback] repository")
