"""Diffs in the console: taken apart by what their lines are, not by how they look."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mechexo.rollback.diffing import file_diff
from mechexo.rollback.worktree import Content
from mechexo_tui.widgets.diff import DiffLine, diff_lines, paired, parts, side_by_side
from mechexo_tui.widgets.lines import text_of, width_of

LINES = st.sampled_from(
    [
        "a",
        "b",
        "",
        "-- x",
        "++ y",
        "--- a/f",
        "+++ b/f",
        "@@ -1 +1 @@",
        "diff --git a/f b/f",
        "\\ n",
    ]
)
TEXTS = st.builds(
    lambda lines, end: "\n".join(lines) + ("\n" if end and lines else ""),
    st.lists(LINES, max_size=12),
    st.booleans(),
)


def content(text: str) -> Content:
    return Content("100644", text.encode(), 0o644)


def lines_of(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n") if text else []


@given(old=TEXTS, new=TEXTS)
def test_no_content_of_a_file_is_taken_for_a_head_or_a_sign(old: str, new: str) -> None:
    made = file_diff("f", content(old), content(new))
    (part,) = parts(made.text)
    assert [each.text for each in part] == lines_of(made.text)
    kinds = [each.kind for each in part]
    assert kinds.count("+") == made.added
    assert kinds.count("-") == made.removed
    assert sum(each.kind == "=" for each in part) == (1 if old == new else 3)
    assert all(each.text.startswith("@@ -") for each in part if each.kind == "@")


@given(texts=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4))
def test_each_file_is_a_part(texts: list[tuple[str, str]]) -> None:
    made = [file_diff(f"f{at}", content(old), content(new)) for at, (old, new) in enumerate(texts)]
    found = parts("".join(each.text for each in made))
    assert len(found) == len(texts)
    assert [part[0].text for part in found] == [
        f"diff --git a/f{at} b/f{at}" for at in range(len(texts))
    ]


@given(old=TEXTS, new=TEXTS)
def test_the_left_side_is_what_was_and_the_right_side_what_comes(old: str, new: str) -> None:
    (part,) = parts(file_diff("f", content(old), content(new)).text)
    pairs = paired(part)
    body = [(left, right) for left, right in pairs if not _head(left)]
    left_side = [left.text[1:] for left, _ in body if left and left.text[:1] != "\\"]
    right_side = [right.text[1:] for _, right in body if right and right.text[:1] != "\\"]
    kept = [each for each in part if each.kind in ("+", "-", " ") and each.text[:1] != "\\"]
    assert left_side == [each.text[1:] for each in kept if each.kind != "+"]
    assert right_side == [each.text[1:] for each in kept if each.kind != "-"]
    assert sum(_head(left) for left, _ in pairs) == sum(each.kind in "=@" for each in part)


def _head(each: DiffLine | None) -> bool:
    return each is not None and each.kind in "=@"


@given(old=TEXTS, new=TEXTS, width=st.integers(80, 200))
def test_side_by_side_fits_the_width(old: str, new: str, width: int) -> None:
    (part,) = parts(file_diff("f", content(old), content(new)).text)
    for pair in paired(part):
        assert width_of(text_of(side_by_side(pair, width, "│"))) <= width


def test_the_sign_stands_there_without_colour() -> None:
    shown = diff_lines(file_diff("f", content("a\n"), content("b\n")).text)
    assert [text_of(line) for line in shown][-2:] == ["  -a", "  +b"]
    assert [line[0][1] for line in shown][-2:] == ["removed", "added"]


def test_a_binary_file_is_a_part_of_its_own() -> None:
    binary = Content("100644", b"\0\1", 0o644)
    texts = file_diff("b", binary, None).text + file_diff("f", content("a\n"), None).text
    first, second = parts(texts)
    assert "Binary content" in first[-1].text
    assert second[0].text == "diff --git a/f b/f"


def test_no_diff_has_no_parts() -> None:
    assert parts("") == ()
