"""`mechexo flows` on an orchestrator, as scripts and people rely on it."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import subprocess
from collections.abc import Callable
from io import StringIO

import pytest

from mechexo.desk import Desk
from mechexo.flows.orchestrators import looking
from mechexo.watch import tick
from support.fake_prefect import PASSWORD, FakePrefect
from support.orchestrated_desk import FAILED, FAILED_BEFORE, NOBODY, table
from support.program import command, environment, mechexo, one_line

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch, prefect: FakePrefect
) -> Desk:
    monkeypatch.setenv("PREFECT_PASSWORD", PASSWORD)
    # The command line has the real clock.
    prefect.move_to_now()
    return make_desk(table(prefect))


def test_deployments_are_a_document(desk: Desk) -> None:
    done = mechexo("flows", "deployments", "--source", "prefect", "--json", config=desk.config_path)
    said = json.loads(done.stdout)
    assert said["schema"] == "mechexo.flows_deployments/1"
    [recon] = [
        each for each in said["deployments"] if each["deployment"]["name"] == "recon-nightly/prod"
    ]
    assert "late" in {each["trouble"] for each in recon["troubles"]}
    assert recon["p95_s"] is None


def test_deployments_are_a_table_with_what_is_wrong_in_words(desk: Desk) -> None:
    done = mechexo("flows", "deployments", "--source", "prefect", config=desk.config_path)
    assert done.returncode == 0
    assert "▲ failing: quote-ingest/prod: the last 2 runs failed: " in done.stdout
    assert PASSWORD not in done.stdout + done.stderr


def test_runs_are_csv_with_empty_fields_for_what_is_missing(desk: Desk) -> None:
    done = mechexo("flows", "runs", "--source", "prefect", "--csv", config=desk.config_path)
    rows = list(csv.DictReader(StringIO(done.stdout)))
    late = [row for row in rows if row["phase"] == "late"]
    assert late
    assert {(row["started_at"], row["duration_s"]) for row in late} == {("", "")}


def test_runs_of_our_own_jobs_are_listed_as_before(desk: Desk) -> None:
    mechexo("flows", "exec", "bars", "--", "true", config=desk.config_path)
    done = mechexo("flows", "runs", "--json", config=desk.config_path)
    assert [each["flow"] for each in json.loads(done.stdout)["runs"]] == ["bars"]


def test_a_log_can_be_read(desk: Desk) -> None:
    done = mechexo("flows", "log", FAILED_BEFORE, "--source", "prefect", config=desk.config_path)
    assert "no quotes for 2025-01-03" in done.stdout


def test_an_action_that_nobody_confirmed_is_not_done(desk: Desk, prefect: FakePrefect) -> None:
    done = mechexo("flows", "retry", FAILED, "--source", "prefect", config=desk.config_path)
    assert done.returncode == 3
    one_line(done, "which is Failed: not confirmed; add --yes")
    assert prefect.asked_for("set_state") == []


def typed(desk: Desk, word: str) -> subprocess.CompletedProcess[str]:
    """A pause of the flow, with a person at the terminal who types this when asked."""
    ours, theirs = pty.openpty()
    os.write(ours, f"{word}\n".encode())
    try:
        return subprocess.run(
            command("flows", "pause", "tca", "--source", "prefect", config=desk.config_path),
            stdin=theirs,
            capture_output=True,
            text=True,
            check=False,
            env=environment(),
            timeout=60,
        )
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_person_confirms_by_typing_the_targets_name(desk: Desk, prefect: FakePrefect) -> None:
    done = typed(desk, "tca-daily/prod")
    assert done.returncode == 0
    assert "pause of tca-daily/prod on prefect, which is active." in done.stderr
    assert len(prefect.asked_for("pause_deployment")) == 1


@pytest.mark.parametrize("word", ["", "y", "yes", "tca-daily"])
def test_another_word_confirms_nothing(desk: Desk, prefect: FakePrefect, word: str) -> None:
    assert typed(desk, word).returncode == 3
    assert prefect.asked_for("pause_deployment") == []


def test_a_confirmed_action_is_done(desk: Desk, prefect: FakePrefect) -> None:
    done = mechexo(
        *("flows", "run-now", "tca", "--source", "prefect", "--yes", "--json"),
        config=desk.config_path,
    )
    said = json.loads(done.stdout)
    assert prefect.run(said["accepted"]["run_id"])["state_name"] == "Scheduled"


def test_pause_and_resume_have_their_words(desk: Desk) -> None:
    for verb, state in (("pause", "paused"), ("resume", "active")):
        done = mechexo(
            *("flows", verb, "tca-daily/prod", "--source", "prefect", "--yes"),
            config=desk.config_path,
        )
        assert done.stdout.strip().endswith(f"it is {state} now")


@pytest.mark.parametrize(("how", "code"), [("401", 4), ("500", 5), ("html", 5)])
def test_exit_codes_tell_a_refusal_from_an_unknown_outcome(
    desk: Desk, prefect: FakePrefect, how: str, code: int
) -> None:
    prefect.failing["create_flow_run"] = how
    done = mechexo(
        *("flows", "run-now", "tca", "--source", "prefect", "--yes"), config=desk.config_path
    )
    assert done.returncode == code
    one_line(done, "mechexo: orchestrator prefect: ")


def ticked(desk: Desk, prefect: FakePrefect) -> None:
    """The tick has learnt how its flows are; then the server goes."""
    tick(Desk.open(desk.config_path))
    prefect.leave()


def test_while_it_is_away_the_deployments_are_those_the_tick_saw_last_and_it_is_said(
    desk: Desk, prefect: FakePrefect
) -> None:
    ticked(desk, prefect)
    done = mechexo("flows", "deployments", "--source", "prefect", config=desk.config_path)
    assert done.returncode == 5
    assert re.search(r"Deployments of prefect \(as of \d+m?s, not reachable\)", done.stdout)
    assert "▲ failing: quote-ingest/prod: the last 2 runs failed: " in done.stdout
    one_line(done, "connection refused")
    one_line(done, "shown is what the tick learnt last, as of ")


def test_as_a_document_old_deployments_say_that_they_are_and_when_they_were_so(
    desk: Desk, prefect: FakePrefect
) -> None:
    words = ("flows", "deployments", "--source", "prefect", "--json")
    fresh = json.loads(mechexo(*words, config=desk.config_path).stdout)
    assert (fresh["is_current"], fresh["why"]) == (True, "")
    ticked(desk, prefect)
    done = mechexo(*words, config=desk.config_path)
    old = json.loads(done.stdout)
    assert (done.returncode, old["is_current"]) == (5, False)
    assert "connection refused" in old["why"]
    assert [each["deployment"]["name"] for each in old["deployments"]] == [
        each["deployment"]["name"] for each in fresh["deployments"]
    ]


def test_while_it_is_away_the_runs_are_those_the_tick_saw_last(
    desk: Desk, prefect: FakePrefect
) -> None:
    ticked(desk, prefect)
    done = mechexo(
        *("flows", "runs", "--source", "prefect", "--flow", "tca", "--json"),
        config=desk.config_path,
    )
    said = json.loads(done.stdout)
    assert (done.returncode, said["is_current"]) == (5, False)
    assert {each["deployment"] for each in said["runs"]} == {"tca-daily/prod"}


@pytest.mark.parametrize(
    "words",
    [
        ("log", NOBODY),
        ("log", "no-uuid"),
        ("retry", NOBODY, "--yes"),
        ("pause", "nothing/prod", "--yes"),
    ],
)
def test_a_run_or_deployment_that_is_not_there_is_exit_2(
    desk: Desk, words: tuple[str, ...]
) -> None:
    done = mechexo("flows", *words, "--source", "prefect", config=desk.config_path)
    assert done.returncode == 2
    one_line(done, words[1])


def test_an_address_that_is_not_that_of_the_api_is_exit_5(desk: Desk, prefect: FakePrefect) -> None:
    prefect.failing["deployments/filter"] = "404"
    done = mechexo("flows", "deployments", "--source", "prefect", config=desk.config_path)
    assert done.returncode == 5
    one_line(done, "is url that of its API?")


@pytest.fixture
def redeployed(desk: Desk, prefect: FakePrefect) -> Desk:
    """A desk whose ticks saw a deployment be deployed anew."""
    looking.look(desk, deadline_s=60.0, force=True)
    prefect.deployments[0].update(version="1.1.0", parameters={"n": 7})
    looking.look(Desk.open(desk.config_path), deadline_s=60.0, force=True)
    return desk


def test_versions_are_listed_newest_first_with_what_changed(redeployed: Desk) -> None:
    words = ("flows", "versions", "tca", "--source", "prefect")
    said = json.loads(mechexo(*words, "--json", config=redeployed.config_path).stdout)
    assert said["schema"] == "mechexo.flows_versions/1"
    assert [(each["number"], each["told"], each["changed"]) for each in said["versions"]] == [
        (2, "1.1.0", ["parameters", "version"]),
        (1, "1.0.0", None),
    ]
    shown = mechexo(*words, config=redeployed.config_path).stdout
    assert "Versions of tca-daily/prod on prefect, newest first" in shown


def test_a_redeploy_is_a_dry_run_with_a_diff_unless_it_is_confirmed(
    redeployed: Desk, prefect: FakePrefect
) -> None:
    words = ("flows", "redeploy", "tca", "--source", "prefect", "--to", "1")
    dry = mechexo(*words, config=redeployed.config_path)
    assert dry.returncode == 0
    assert "Dry run: tca-daily/prod on prefect back to version 1 (1.0.0), seen first" in dry.stdout
    assert '-    "n": 7' in dry.stdout
    assert '+    "n": 3' in dry.stdout
    assert prefect.deployments[0]["version"] == "1.1.0"
    done = mechexo(*words, "--yes", config=redeployed.config_path)
    assert "is version 1 again, and was read back so: parameters, version" in done.stdout
    assert prefect.deployments[0]["version"] == "1.0.0"
    again = mechexo(*words, "--yes", config=redeployed.config_path)
    assert (again.returncode, again.stdout) == (0, "tca-daily/prod is version 1 already.\n")


def test_a_redeploy_is_a_document(redeployed: Desk) -> None:
    words = ("flows", "redeploy", "tca", "--source", "prefect", "--to", "1", "--json")
    dry = json.loads(mechexo(*words, config=redeployed.config_path).stdout)
    done = json.loads(mechexo(*words, "--yes", config=redeployed.config_path).stdout)
    assert dry["schema"] == "mechexo.flows_redeploy/1"
    assert (dry["done"], done["done"]) == (False, True)
    assert dry["plan"] == done["plan"]
    assert dry["plan"]["changed"] == ["parameters", "version"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ((), "say which version"),
        (("--to", "9"), "kept: 2, 1"),
        (("--as-of", "2026-11-23"), "a date without a time is not a moment"),
        (("--as-of", "2020-01-01T00:00"), "the oldest that is kept was seen first"),
    ],
)
def test_a_version_that_is_not_there_is_exit_2(
    redeployed: Desk, more: tuple[str, ...], words: str
) -> None:
    done = mechexo(
        *("flows", "redeploy", "tca", "--source", "prefect", *more), config=redeployed.config_path
    )
    assert done.returncode == 2
    one_line(done, words)


def test_an_orchestrator_that_is_not_there_is_one_line_and_exit_5(
    desk: Desk, prefect: FakePrefect
) -> None:
    prefect.leave()
    done = mechexo("flows", "deployments", "--source", "prefect", config=desk.config_path)
    assert done.returncode == 5
    one_line(done, "connection refused")
    assert done.stdout == ""
