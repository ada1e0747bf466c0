"""Reading entries: what a step is, what is never one, and that no text at all breaks it."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mechexo.runbook.front_matter import read_front_matter
from mechexo.runbook.harmless import harmless
from mechexo.runbook.outline import read_info
from mechexo.runbook.parse import parse
from mechexo.runbook.values import Entry

ODDITIES = st.sampled_from(
    (
        *("---\n", "```", "~~~", "```sh {id=a risk=danger}\n", "\n", "1. ", "   ", "## ", "<!--"),
        *("-->", "\x1b]8;;http://x\x07", "\x1b[31m", "\x9b", "{", "}", '"', "alerts: [a", "\t- "),
        *("&a [*a]", "id: ", "schema: ", "!!timestamp ", "last_reviewed: 2026-13-99\n", "\u202e"),
        "\ud800",
    )
)
FOREIGN = st.lists(st.one_of(ODDITIES, st.text(max_size=20)), max_size=40).map("".join)


def read(text: str) -> Entry:
    return parse(text, name="sample.md")


@given(FOREIGN)
@example("---\n" + "[" * 16_000 + "\n---\n")
@example("---\n" + "- " * 8_000 + "\n---\n")
@example("---\n!!int ''\n---\n")
@example("---\n? [a]\n: b\n---\n")
def test_any_text_at_all_is_read_without_an_exception(text: str) -> None:
    entry = read(text)
    assert entry.id
    assert entry.title


@given(FOREIGN)
def test_nothing_that_a_terminal_would_obey_comes_out(text: str) -> None:
    entry = read(text)
    shown = [entry.body, entry.source, entry.title, entry.id, *entry.alerts, *entry.sections]
    shown += [step.command + step.text + step.section for step in entry.steps]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", "".join(shown))


@given(FOREIGN)
def test_reading_what_was_read_changes_nothing(text: str) -> None:
    assert read(read(text).source) == read(text)


@given(FOREIGN)
def test_only_a_closed_fence_with_an_id_in_a_numbered_item_can_be_run(text: str) -> None:
    for step in read(text).steps:
        if step.id:
            assert f"id={step.id}" in text or f'id="{step.id}"' in text
            assert step.line > 0


def test_a_step_carries_all_that_its_info_string_says() -> None:
    text = (
        "## Mitigation\n\n1. First.\n2. Stop it\n   now.\n\n"
        "   ```sh {id=stop risk=danger confirm=typed "
        'expect="now \\"off\\"" timeout=30 undo=start}\n'
        "   stop it\n     indented\n   ```\n"
    )
    first, second = read(text).steps
    assert (first.number, first.text, first.command, first.id) == (1, "First.", "", "")
    assert (second.number, second.text) == (2, "Stop it now.")
    assert second.section == "Mitigation"
    assert second.command == "stop it\n  indented"
    assert (second.id, second.risk, second.confirm) == ("stop", "danger", "typed")
    assert (second.expect, second.timeout_s, second.undo) == ('now "off"', 30, "start")
    assert second.line == 7


@pytest.mark.parametrize(
    "fence",
    [
        "```sh\n   rm x\n   ```",
        "```console {id=a}\n   rm x\n   ```",
        "```text {id=a}\n   rm x\n   ```",
        "```sh {id=a\n   rm x\n   ```",
        "```sh {id=a id=b}\n   rm x\n   ```",
        "```sh {id=../a}\n   rm x\n   ```",
        "```sh {id=a}\n   rm x",
    ],
    ids=["no id", "console", "text", "open brace", "two ids", "odd id", "never closed"],
)
def test_what_is_not_plainly_a_step_has_no_id(fence: str) -> None:
    assert [step.id for step in read(f"1. Do.\n\n   {fence}\n").steps] == [""]


@pytest.mark.parametrize(
    "text",
    [
        "```sh {id=a}\nrm x\n```\n",
        "- bullet\n\n  ```sh {id=a}\n  rm x\n  ```\n",
        "<!--\n1. Hidden.\n\n   ```sh {id=a}\n   rm x\n   ```\n-->\n",
        "Text:\n\n    1. Code.\n\n       ```sh {id=a}\n       rm x\n       ```\n",
        "1. Item.\n\nText at the margin.\n\n   ```sh {id=a}\n   rm x\n   ```\n",
    ],
    ids=["outside a list", "in a bullet", "in a comment", "in indented code", "after the item"],
)
def test_a_command_outside_a_numbered_item_is_no_step(text: str) -> None:
    assert not [step for step in read(text).steps if step.id]


def test_a_risk_that_cannot_be_read_counts_as_danger() -> None:
    (step,) = read("1. Do.\n\n   ```sh {id=a risk=none}\n   true\n   ```\n").steps
    assert step.risk == "danger"


def test_the_exit_codes_of_a_good_run_are_read_and_zero_without_them() -> None:
    def exits(attribute: str) -> tuple[int, ...]:
        (step,) = read(f"1. Do.\n\n   ```sh {{id=a{attribute}}}\n   true\n   ```\n").steps
        return step.exits

    assert exits("") == (0,)
    assert exits(' exits="0,1"') == (0, 1)
    assert exits(" exits=0,1,2") == (0, 1, 2)


@pytest.mark.parametrize("said", ["256", "-1", "0,,1", "any", "0 1", ""])
def test_exit_codes_that_cannot_be_read_excuse_no_failure(said: str) -> None:
    (step,) = read(f'1. Do.\n\n   ```sh {{id=a exits="{said}"}}\n   true\n   ```\n').steps
    assert step.exits == (0,)


def test_a_step_is_known_by_its_id_or_by_its_section_and_number() -> None:
    text = "## First 60 seconds\n\n1. Do.\n\n   ```sh {id=stop}\n   true\n   ```\n\n2. Phone.\n"
    assert [step.key for step in read(text).steps] == ["stop", "first-60-seconds#2"]


@given(FOREIGN)
@example("## A\n\n1. x\n\nWords.\n\n1. y\n\n## A\n\n1. z\n")
def test_no_two_steps_of_an_entry_have_one_key(text: str) -> None:
    keys = [step.key for step in read(text).steps]
    assert len(set(keys)) == len(keys)


def test_without_front_matter_the_heading_is_the_title_and_the_file_name_the_id() -> None:
    entry = parse("# Node not ready\n\n## Meaning\n\nWords.\n", name="node-not-ready.md")
    assert (entry.id, entry.title, entry.sections) == (
        "node-not-ready",
        "Node not ready",
        ("Meaning",),
    )
    assert entry.problems == ()


def test_front_matter_is_read_into_the_entry() -> None:
    entry = read(
        "---\nid: x\nalerts: one\nsymptoms: [a b, c]\nlast_reviewed: 2026-03-01\n"
        "review_every: 90\nmax_minutes: 15\n---\nBody\n"
    )
    assert entry.alerts == ("one",)
    assert entry.symptoms == ("a b", "c")
    assert (entry.last_reviewed, entry.review_every_days) == (date(2026, 3, 1), 90)
    assert entry.body == "Body"


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ("a: [b", "is not YAML"),
        ("just words", "`key: value`"),
        ("last_reviewed: yesterday", "is not a date"),
        ("review_every: soon", "whole number"),
        ("alerts: {a: b}", "alerts must be a list"),
        ("x: " + "y" * 17_000, "longer than"),
    ],
)
def test_a_broken_head_is_told_and_the_text_is_shown_all_the_same(head: str, told: str) -> None:
    entry = read(f"---\n{head}\n---\n# Title\n\nWhat to do.\n")
    assert any(told in problem for problem in entry.problems)
    assert "What to do." in entry.body


def test_a_head_that_is_never_closed_is_told() -> None:
    assert read_front_matter(["---", "id: x"]).problems


def test_the_words_of_a_terminal_link_stay_and_its_address_goes() -> None:
    linked = "see \x1b]8;;https://example.com\x1b\\the page\x1b]8;;\x1b\\ \x1b[1;31mnow\x1b[0m"
    assert harmless(linked) == "see the page now"


def test_an_unfinished_sequence_does_not_swallow_what_follows() -> None:
    assert "first\nsecond" in harmless("\x1b]0;first\nsecond")


@pytest.mark.parametrize(
    ("info", "read_as"),
    [
        ("sh", ("sh", {})),
        ("", ("", {})),
        ("sh {}", ("sh", {})),
        ("sh {id=a}", ("sh", {"id": "a"})),
        ('sh {expect="a} b" id=c}', ("sh", {"expect": "a} b", "id": "c"})),
        ("sh {id}", ("sh", None)),
        ("sh {id=a", ("sh", None)),
    ],
)
def test_info_strings(info: str, read_as: tuple[str, dict[str, str] | None]) -> None:
    assert read_info(info) == read_as
