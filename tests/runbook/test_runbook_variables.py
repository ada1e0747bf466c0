"""The desk's own names in entries."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mechexo.runbook.display import as_shown
from mechexo.runbook.parse import parse
from mechexo.runbook.variables import fill


def test_a_set_name_becomes_its_value() -> None:
    assert fill("run $HALT and ${HALT}!", {"HALT": "halt --all"}) == (
        "run halt --all and halt --all!",
        (),
    )


def test_a_name_that_is_not_set_is_visible_and_never_empty() -> None:
    text, unset = fill("rm -rf $FOLDER/x", {})
    assert text == "rm -rf ⟨FOLDER is not set in [runbook.variables]⟩/x"
    assert unset == ("FOLDER",)


def test_an_empty_value_counts_as_not_set() -> None:
    assert fill("$A", {"A": " "})[1] == ("A",)


def test_what_the_shell_or_the_text_itself_sets_is_left_alone() -> None:
    text = 'N=1; echo $N $HOME $(date) $1 $? $$ \\$PRICE; for F in a; do echo "$F"; done'
    assert fill(text, {}) == (text, ())


def test_a_value_cannot_add_a_line_or_a_control_sequence() -> None:
    assert fill("$A", {"A": "one\n```\n\x1b[31mtwo"})[0] == "one ``` two"


def test_a_step_knows_what_its_command_lacks() -> None:
    entry = as_shown(
        parse("1. Do.\n\n   ```sh {id=a}\n   $A $B\n   ```\n", name="x.md"), {"A": "a"}
    )
    assert entry.steps[0].unset == ("B",)
    assert entry.unset == ("B",)
    assert entry.steps[0].command.startswith("a ⟨B")


@given(st.text(max_size=60), st.dictionaries(st.sampled_from("ABC"), st.text(max_size=5)))
def test_filling_never_raises_and_names_only_what_stands_in_the_text(
    text: str, values: dict[str, str]
) -> None:
    assert all(name in text for name in fill(text, values)[1])


def test_a_runnable_block_is_headed_by_its_name_and_risk() -> None:
    text = (
        "1. Stop.\n\n   ```sh {id=stop risk=danger undo=start}\n   $A now\n   ```\n"
        "2. Look.\n\n   ```sh {id=look}\n   ls\n   ```\n\n```sh\nplain\n```\n"
    )
    shown = as_shown(parse(text, name="x.md"), {"A": "halt"})
    assert "   # stop: DANGER, think first; undone by start\n   halt now\n" in shown.body
    assert "   # look\n   ls\n" in shown.body
    assert "```sh\nplain\n```" in shown.body
    assert [step.command for step in shown.steps] == ["halt now", "ls"]


def test_what_is_wrong_with_an_entry_stands_on_top_of_it() -> None:
    shown = as_shown(parse("---\nalerts: [\n---\nWhat to do.\n", name="x.md"), {})
    assert shown.body.startswith("✖ the front matter is not YAML")
    assert shown.body.endswith("What to do.")
