"""Following an entry: ticks and runs belong to an incident, and are on record whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from mechexo import following
from mechexo.actor import Actor
from mechexo.alerts import operations as alerts
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.errors import NotAllowedError, NotFoundError, UsageError
from mechexo.incidents import operations as incidents
from mechexo.runbook import following as followed_entries
from mechexo.runbook.following_values import StepOutcome
from runbook.followed import entries_of, following_desk, incident_of, steps, write

MakeDesk = Callable[..., Desk]
OTHER = Actor(60_001, "second")
ACCESS = '[access]\nresponder = ["second", "tester"]\nowner_is_admin = false\n'

slow = pytest.mark.slow


def test_following_opens_an_incident_named_like_the_entry_and_stays_with_it(
    make_desk: MakeDesk,
) -> None:
    desk = following_desk(make_desk, ("true", "id=look"))
    opened = following.incident_for(desk, "sample")
    assert (opened.title, opened.severity, opened.runbook) == ("A sample", "SEV2", "sample")
    assert following.incident_for(desk, "sample") == opened
    assert following.incident_for(desk, "disk-full") == opened


def test_of_several_incidents_that_of_the_entry_is_meant_and_else_one_has_to_be_named(
    make_desk: MakeDesk,
) -> None:
    desk = following_desk(make_desk, ("true", "id=look"))
    mine = following.incident_for(desk, "sample")
    other = incidents.open_incident(desk, title="Another", severity="SEV1")
    assert following.incident_for(desk, "sample") == mine
    with pytest.raises(UsageError, match=r"--incident N .*Another"):
        following.incident_for(desk, "disk-full")
    assert following.incident_for(desk, "disk-full", other.id).id == other.id


def test_a_closed_incident_is_not_followed_any_further(make_desk: MakeDesk) -> None:
    desk = following_desk(make_desk, ("true", "id=look"))
    number = incident_of(desk)
    incidents.close(desk, number)
    for attempt in (
        lambda: following.tick(desk, number, "sample", "look"),
        lambda: following.run_step(desk, number, "sample", "look"),
        lambda: following.incident_for(desk, "sample", number),
    ):
        with pytest.raises(UsageError, match="is closed"):
            attempt()


def test_a_tick_is_kept_with_who_and_when_and_survives_a_restart(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = following_desk(make_desk, ("true", "id=look"), ("true", "id=act risk=change"))
    number = incident_of(desk)
    following.tick(desk, number, "sample", "act")
    again = Desk.open(desk.config_path, clock=clock, actor=OTHER)
    look, act = following.progress(again, number, "sample").steps[:2]
    assert (look.ticked, look.ticked_at) == (False, None)
    assert (act.ticked, act.ticked_by, act.ticked_at) == (True, "tester", clock.now())


def test_a_tick_can_be_taken_back_and_both_are_on_record(make_desk: MakeDesk) -> None:
    desk = following_desk(make_desk, ("true", "id=look"))
    number = incident_of(desk)
    for ticked in (True, True, False):
        progress = following.tick(desk, number, "sample", "look", ticked=ticked)
    assert progress.ticked == 0
    assert [each.ticked for _, each in followed_entries.ticks(desk, number)] == [True, False]
    assert entries_of(desk, "runbook.tick") == [("sample/look", "done")] * 2


def test_a_step_without_an_id_is_ticked_by_its_section_and_number(make_desk: MakeDesk) -> None:
    desk = following_desk(make_desk)
    write(desk.root, steps().replace("Words about After.", "1. Write it down."))
    progress = following.tick(desk, incident_of(desk), "sample", "after#1")
    assert [each.step.key for each in progress.steps if each.ticked] == ["after#1"]


def test_a_step_that_is_not_there_is_named_with_what_is(make_desk: MakeDesk) -> None:
    desk = following_desk(make_desk, ("true", "id=look"))
    with pytest.raises(NotFoundError, match=r"no step 'lok'; did you mean look\?"):
        following.tick(desk, incident_of(desk), "sample", "lok")


def test_each_change_by_anybody_changes_the_version(make_desk: MakeDesk) -> None:
    desk = following_desk(make_desk, ("true", "id=look"))
    number = incident_of(desk)
    seen = [following.version(desk, number)]
    following.tick(desk, number, "sample", "look")
    seen.append(following.version(desk, number))
    following.tick(desk, number, "sample", "look", ticked=False)
    seen.append(following.version(desk, number))
    assert len(set(seen)) == 3
    assert following.progress(desk, number, "sample").last_change == seen[-1]


@slow
def test_a_run_is_on_record_with_all_that_is_known_of_it(make_desk: MakeDesk) -> None:
    desk = following_desk(make_desk, ("echo well; mechexo --version", "id=look expect=^mechexo"))
    number, said = incident_of(desk), list[str]()
    before = following.version(desk, number)
    run = following.run_step(desk, number, "sample", "look", on_output=said.append)
    assert (run.outcome, run.exit_code, run.by) == (StepOutcome.OK, 0, "tester")
    assert run.output.startswith("well\nmechexo ")
    assert "".join(said) == run.output + "\n"
    assert following.progress(desk, number, "sample").steps[0].run == run
    assert following.version(desk, number) != before
    assert entries_of(desk, "runbook.step") == [("sample/look", "done"), ("sample/look", "ok")]


@slow
@pytest.mark.parametrize(
    ("command", "attributes", "outcome", "why"),
    [
        ("exit 3", "id=look", StepOutcome.FAILED, "a good run ends with 0"),
        ("exit 2", 'id=look exits="0,2"', StepOutcome.OK, ""),
        ("exit 0", "id=look exits=2", StepOutcome.FAILED, "ends with 2"),
        ("echo bad", "id=look expect=^good", StepOutcome.UNEXPECTED, "does not match"),
        ("sleep 1000", "id=look timeout=1", StepOutcome.TIMED_OUT, "did not end within 1s"),
        ("sleep 1000 & true", "id=look", StepOutcome.OK, "it left running"),
        ("kill -9 $(cut -d' ' -f4 /proc/$$/stat)", "id=look", StepOutcome.UNKNOWN, "nobody knows"),
    ],
)
def test_how_a_run_went(
    make_desk: MakeDesk, command: str, attributes: str, outcome: StepOutcome, why: str
) -> None:
    desk = following_desk(make_desk, (command, attributes))
    run = following.run_step(desk, incident_of(desk), "sample", "look")
    assert run.outcome is outcome
    assert why in run.why


@slow
def test_a_pattern_that_takes_for_ever_ends_as_not_as_expected(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mechexo.runbook.step_expecting.misfit.__kwdefaults__", {"limit_s": 0.5})
    desk = following_desk(make_desk, (f"echo {'a' * 40}b", 'id=look expect="(a+)+$"'))
    run = following.run_step(desk, incident_of(desk), "sample", "look")
    assert run.outcome is StepOutcome.UNEXPECTED
    assert "took more than" in run.why


@slow
def test_reads_stop_at_the_first_that_fails_and_go_on_from_there(make_desk: MakeDesk) -> None:
    desk = following_desk(
        make_desk,
        ("echo 1 >>ran", "id=one"),
        ("echo never >>ran", "id=act risk=change"),
        ("echo 2 >>ran; test -e mended", "id=two"),
        ("echo $NOT_SET >>ran", "id=blocked"),
        ("echo 3 >>ran", "id=three"),
    )
    number = incident_of(desk)
    first = following.run_reads(desk, number, "sample")
    assert [(run.step_id, run.well) for run in first] == [("one", True), ("two", False)]
    (desk.root / "mended").touch()
    rest = following.run_reads(desk, number, "sample", from_step="two")
    assert [(run.step_id, run.well) for run in rest] == [("two", True), ("three", True)]
    assert (desk.root / "ran").read_text().split() == ["1", "2", "2", "3"]
    assert following.reads(desk, "sample")[1][0][0] == "blocked"


def test_a_step_that_is_blocked_runs_nothing(make_desk: MakeDesk) -> None:
    desk = following_desk(make_desk, ("echo $NOT_SET >ran", "id=look"))
    number = incident_of(desk)
    assert "NOT_SET is not set" in following.preview(desk, "sample", "look").blocked
    with pytest.raises(UsageError, match=r"\$NOT_SET is not set"):
        following.run_step(desk, number, "sample", "look")
    assert followed_entries.runs(desk, number) == ()
    assert not (desk.root / "ran").exists()


@slow
def test_an_error_of_whoever_shows_the_output_ends_the_run_on_record(make_desk: MakeDesk) -> None:
    desk = following_desk(make_desk, ("echo hello; sleep 1000", "id=look"))
    number = incident_of(desk)

    def fail(_text: str) -> None:
        raise RuntimeError("no screen")

    with pytest.raises(RuntimeError, match="no screen"):
        following.run_step(desk, number, "sample", "look", on_output=fail)
    (run,) = followed_entries.runs(desk, number)
    assert (run.outcome, run.output) == (StepOutcome.CANCELLED, "hello")
    assert "RuntimeError" in run.why


@slow
def test_a_screen_that_fails_after_the_command_ended_does_not_change_how_it_ended(
    make_desk: MakeDesk,
) -> None:
    # Without a newline it is shown only once the command has ended.
    desk = following_desk(make_desk, ("printf changed", "id=look"))
    number = incident_of(desk)

    def fail(_text: str) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        following.run_step(desk, number, "sample", "look", on_output=fail)
    (run,) = followed_entries.runs(desk, number)
    assert (run.outcome, run.exit_code, run.output) == (StepOutcome.OK, 0, "changed")


def test_an_alert_from_before_the_clock_was_set_back_can_be_followed(
    make_desk: MakeDesk, clock: VirtualClock
) -> None:
    desk = following_desk(make_desk, ("true", "id=look"))
    alert = alerts.raise_alert(desk, key="k", severity="high", name="n", summary="s", labels={})
    clock.advance(-timedelta(hours=1))
    opened = following.open_for(desk, "sample", alert_id=alert.id)
    assert (opened.began_at, opened.alert_id) == (clock.now(), alert.id)


DANGER = ("echo >ran", "id=act risk=danger confirm=typed undo=act")


@slow
def test_a_danger_runs_only_with_its_id_typed(make_desk: MakeDesk) -> None:
    desk = following_desk(make_desk, DANGER)
    number = incident_of(desk)
    for typed in ("", "yes", "Act"):
        with pytest.raises(NotAllowedError, match="--typed act"):
            following.run_step(desk, number, "sample", "act", typed=typed)
    assert not (desk.root / "ran").exists()
    assert following.run_step(desk, number, "sample", "act", typed="act").well


def test_a_responder_may_look_but_change_nothing_and_the_refusal_is_on_record(
    make_desk: MakeDesk,
) -> None:
    desk = following_desk(make_desk, ("echo >ran", "id=act risk=change"), toml=ACCESS)
    number = incident_of(desk)
    assert "needs the role operator" in following.preview(desk, "sample", "act").blocked
    with pytest.raises(NotAllowedError, match="operator"):
        following.run_step(desk, number, "sample", "act")
    assert not (desk.root / "ran").exists()
    assert entries_of(desk, "runbook.step") == [("sample/act", "refused")]


@slow
def test_on_a_live_desk_a_change_needs_a_reason_and_looking_none(make_desk: MakeDesk) -> None:
    desk = following_desk(
        make_desk, ("echo >ran", "id=act risk=change"), ("true", "id=look"), mode="live"
    )
    number = incident_of(desk)
    assert following.preview(desk, "sample", "act").needs_reason
    with pytest.raises(UsageError, match="--reason"):
        following.run_step(desk, number, "sample", "act")
    assert not (desk.root / "ran").exists()
    assert following.run_step(desk, number, "sample", "look").well
    assert following.run_step(desk, number, "sample", "act", reason="it hangs").well


CANARY = "canary-8d21f0b7aa"


@slow
def test_no_secret_is_shown_stored_or_audited(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER_TOKEN", CANARY)
    monkeypatch.setenv("HOOK", f"https://host/{CANARY}")
    command = (
        f"env; echo password={CANARY}; echo 'https://u:{CANARY}@host'; echo \"$(printenv HOOK)\""
        f'; printf "a\\033[1m{CANARY[:6]}"; printf "{CANARY[6:]}\\n"; curl token={CANARY} || true'
    )
    desk = following_desk(make_desk, (command, "id=look"), toml="# ${env:HOOK}\n")
    number, said = incident_of(desk), list[str]()
    run = following.run_step(desk, number, "sample", "look", on_output=said.append)
    assert run.well
    shown = following.preview(desk, "sample", "look").command
    assert CANARY not in "".join(said) + run.output + run.command + shown
    desk.state.close()
    for file in desk.state.path.parent.iterdir():
        assert CANARY.encode() not in file.read_bytes(), file.name


def test_a_preview_says_what_would_run_and_where_and_needs_no_state_file(
    make_desk: MakeDesk,
) -> None:
    desk = following_desk(make_desk, ("echo >ran", "id=look timeout=7 exits=0,1"))
    for file in Path(desk.state.path.parent).glob("*"):
        file.unlink()
    shown = following.preview(Desk.unopened(desk.config_path), "sample", "look", 3)
    assert (shown.command, shown.folder, shown.timeout_s) == ("echo >ran", str(desk.root), 7)
    added = dict(shown.environment)
    assert added["MECHEXO_CONFIG"] == str(desk.config_path)
    assert (added["MECHEXO_INCIDENT"], added["MECHEXO_RUNBOOK_STEP"]) == ("3", "sample/look")
    assert (added["TERM"], added["PAGER"], added["GIT_TERMINAL_PROMPT"]) == ("dumb", "cat", "0")
    assert not (desk.root / "ran").exists()
