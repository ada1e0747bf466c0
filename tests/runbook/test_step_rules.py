"""What blocks a run, who may run, how it went: the rules, held against a slow second opinion."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo import following
from mechexo.actor import Role
from mechexo.runbook import step_rules
from mechexo.runbook.display import as_shown
from mechexo.runbook.following_values import StepOutcome, StepRun
from mechexo.runbook.parse import parse
from mechexo.runbook.values import Entry, Step
from runbook.entries import whole
from runbook.followed import item

IDS = st.sampled_from(["", "a", "b", "c"])
COMMANDS = st.sampled_from(["", "  ", "true", "ls <host>", "cat $NOT_SET", "echo $HOME"])
RISKS = st.sampled_from(["read", "change", "danger"])
EXPECTS = st.sampled_from(["", "ok", "("])
STEPS = st.lists(
    st.builds(
        Step,
        number=st.just(1),
        text=st.just(""),
        section=st.just("Diagnosis"),
        command=COMMANDS,
        id=IDS,
        risk=RISKS,
        confirm=st.sampled_from(["", "typed"]),
        expect=EXPECTS,
    ),
    max_size=6,
)


def entry_of(steps: list[Step], requires: str = "") -> Entry:
    bare = parse(whole(), name="sample.md")
    entry = Entry(**{name: getattr(bare, name) for name in bare.__slots__} | {"steps": steps})
    return as_shown(
        Entry(
            **{name: getattr(entry, name) for name in entry.__slots__}
            | {"steps": tuple(steps), "requires": requires}
        ),
        {},
    )


@given(STEPS)
def test_a_step_is_blocked_just_when_anything_of_it_is_missing(steps: list[Step]) -> None:
    entry = entry_of(steps)
    for step in entry.steps:
        may = (
            step.id != ""
            and len([each for each in entry.steps if each.id == step.id]) == 1
            and step.command.strip() != ""
            and "NOT_SET" not in step.command
            and "<host>" not in step.command
            and step.expect != "("
        )
        assert (step_rules.blocked(step, entry.steps) == "") is may


@given(STEPS, st.sampled_from(["", "viewer", "responder", "operator", "admin", "root"]))
def test_looking_takes_a_responder_and_a_change_an_operator_or_what_the_entry_asks(
    steps: list[Step], requires: str
) -> None:
    entry = entry_of(steps, requires)
    wanted = {"admin": Role.ADMIN, "root": Role.ADMIN}.get(requires, Role.OPERATOR)
    for step in entry.steps:
        expected = Role.RESPONDER if step.risk == "read" else wanted
        assert step_rules.needed_role(step, entry) is expected


@given(STEPS)
def test_the_reads_are_the_looking_steps_in_the_order_of_the_entry(steps: list[Step]) -> None:
    entry = entry_of(steps)
    reads = step_rules.reads(entry)
    wanted = [s for s in entry.steps if s.id and s.risk == "read" and s.confirm == ""]
    assert list(reads) == wanted
    for step in reads:
        first = next(at for at, each in enumerate(wanted) if each.id == step.id)
        assert list(step_rules.reads(entry, step.id)) == wanted[first:]
    assert step_rules.reads(entry, "nowhere") == ()


@given(
    st.sampled_from(["ended", "timed_out", "cancelled", "not_started", "lost"]),
    st.one_of(st.none(), st.integers(0, 255)),
    st.lists(st.integers(0, 3), min_size=1),
    st.booleans(),
)
def test_a_run_is_ok_only_when_it_ended_by_itself_with_a_good_code_and_as_expected(
    how: str, code: int | None, exits: list[int], expected: bool
) -> None:
    found = step_rules.outcome(how, code, exits, expected=expected)
    assert (found is StepOutcome.OK) is (how == "ended" and code in exits and expected)
    assert found is not StepOutcome.RUNNING
    assert (found is StepOutcome.UNKNOWN) is (how == "lost")


@pytest.mark.parametrize("outcome", StepOutcome)
def test_only_ok_is_well_and_every_outcome_has_a_glyph_and_a_word(outcome: StepOutcome) -> None:
    run = StepRun(1, 1, "a", "b", "", "", "", "", datetime(2026, 3, 2, tzinfo=UTC), outcome=outcome)
    assert run.well is (outcome is StepOutcome.OK)
    glyph, _, word = outcome.word.partition(" ")
    assert (len(glyph), bool(word)) == (1, True)
    assert ("●" in glyph) is run.well


@given(st.lists(st.sampled_from(list(StepOutcome)), min_size=1, max_size=6), st.data())
def test_reads_run_in_order_up_to_the_first_that_is_not_well_and_resume_from_any(
    outcomes: list[StepOutcome], data: st.DataObject
) -> None:
    names = [f"s{number}" for number in range(len(outcomes))]
    text = "\n\n".join(item(n, "true", f"id={name}") for n, name in enumerate(names, 1))
    entry = parse(whole(Diagnosis=text), name="sample.md")
    start = data.draw(st.sampled_from(["", *names]))

    ran: list[str] = []

    def run(_desk: object, _incident: int, _entry: str, step_id: str, **_: object) -> StepRun:
        ran.append(step_id)
        at = datetime(2026, 3, 2, tzinfo=UTC)
        outcome = outcomes[names.index(step_id)]
        return StepRun(1, 1, "sample", step_id, "", "", "", "", at, outcome=outcome)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(following, "run_step", run)
        patch.setattr(following.operations, "entry", lambda *_: entry)
        done = following.run_reads(None, 1, "sample", from_step=start)  # type: ignore[arg-type]

    pairs = list(zip(names, outcomes, strict=True))[names.index(start) if start else 0 :]
    well = list(itertools.takewhile(lambda pair: pair[1] is StepOutcome.OK, pairs))
    assert ran == [name for name, _ in pairs[: len(well) + 1]]
    assert [run.step_id for run in done] == ran
