"""A folder with hostile files in it: refused or shown harmless, never obeyed, and nothing hangs."""

from __future__ import annotations

import os
import re
import tracemalloc
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mechexo.desk import Desk
from mechexo.runbook import operations
from mechexo.runbook.folder import LARGEST_BYTES, list_markdown, read_text
from mechexo.runbook.front_matter import read_front_matter
from mechexo.runbook.library import read_folder
from mechexo.runbook.outline import outline
from mechexo.runbook.parse import parse

FOREIGN = Path(__file__).parents[1] / "data" / "runbooks_foreign"


def head(text: str) -> str:
    return f"---\n{text}\n---\n# Title\n\nWhat to do.\n"


def only(folder: Path, name: str = "x") -> str:
    (entry,) = [each for each in read_folder(folder, shipped=False) if each.id == name]
    return "; ".join(entry.problems)


@pytest.mark.slow
def test_of_a_file_of_100_mb_only_the_beginning_is_read(tmp_path: Path) -> None:
    with (tmp_path / "x.md").open("wb") as file:
        file.write(b"# Big\n\n1. Do.\n")
        file.truncate(100_000_000)
    tracemalloc.start()
    (entry,) = read_folder(tmp_path, shipped=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert entry.title == "Big"
    assert f"only the first {LARGEST_BYTES} bytes" in entry.problems[0]
    assert peak < 40 * LARGEST_BYTES


def test_a_character_that_our_own_limit_cuts_is_not_held_against_the_file(tmp_path: Path) -> None:
    (tmp_path / "x.md").write_text("ö" * LARGEST_BYTES)
    _, told = read_text(tmp_path / "x.md")
    assert told == (f"only the first {LARGEST_BYTES} bytes are shown",)
    (tmp_path / "y.md").write_text("a" + "ö" * LARGEST_BYTES)
    assert read_text(tmp_path / "y.md")[1] == told


def test_a_link_that_leads_out_of_the_folder_is_refused_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the password")
    folder = tmp_path / "runbooks"
    folder.mkdir()
    (folder / "x.md").symlink_to(tmp_path / "secret")
    (folder / "y.md").symlink_to("../secret")
    for entry in read_folder(folder, shipped=False):
        assert "leads out of the folder" in entry.problems[0]
        assert "password" not in entry.body + entry.source
    assert len(read_folder(folder, shipped=False)) == 2


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# A\n")
    (tmp_path / "b.md").symlink_to("a.md")
    assert [each.title for each in read_folder(tmp_path, shipped=False)] == ["A", "A"]


def test_a_link_to_a_folder_is_told_and_a_circle_of_them_ends(tmp_path: Path) -> None:
    (tmp_path / "round").symlink_to(tmp_path)
    assert "link to a folder" in only(tmp_path, "round")


def test_a_link_to_itself_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.md").symlink_to("x.md")
    assert "cannot be read" in only(tmp_path)


def test_what_became_a_pipe_since_it_was_listed_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.md")
    with pytest.raises(OSError, match="plain file"):
        read_text(tmp_path / "x.md")


def test_a_device_is_no_entry(tmp_path: Path) -> None:
    (tmp_path / "x.md").symlink_to("/dev/zero")
    assert only(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_an_entry_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "x.md").write_text("# X\n")
    (tmp_path / "x.md").chmod(0)
    assert "Permission denied" in only(tmp_path)


def test_folders_nested_very_deep_are_listed_without_recursion(tmp_path: Path) -> None:
    place = tmp_path
    for _ in range(300):
        place = place / "d"
        place.mkdir()
    (place / "x.md").write_text("# X\n")
    assert [each.path.name for each in list_markdown(tmp_path)] == ["x.md"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", "may not hold an alias"),
        ("a: &a [*a]", "may not hold an alias"),
        ("id: !!python/object/apply:os.system [ls]", "may not hold a tag"),
        ("id: !mine x", "may not hold a tag"),
        ("id: one\nid: two", "id is there twice"),
        ("a: [[[[[[x]]]]]]", "nested too deeply"),
        ("a:\n - - - - - - - x", "nested too deeply"),
        ("? [a]\n: b", "key that is not plain"),
        ("a: {<<: {b: c}, <<: {d: e}}", "there twice"),
    ],
)
def test_a_head_that_plays_tricks_is_told_and_the_text_shows(text: str, told: str) -> None:
    entry = parse(head(text), name="x.md")
    assert any(told in problem for problem in entry.problems)
    assert "What to do." in entry.body


@pytest.mark.parametrize(
    "text",
    [
        "[" * 16_000,
        "- " * 8_000,
        "? " * 8_000,
        "{a: " * 4_000,
        "a: |\n" + " x\n" * 5_000,
        "&a " * 99,
    ],
)
def test_a_head_of_nothing_but_openings_is_read_to_its_end(text: str) -> None:
    assert parse(head(text), name="x.md").title == "Title"


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        "> " * 20_000 + "deep",
        "\n".join(" " * n + "- x" for n in range(800)),
        "[" * 20_000,
        "*" * 20_000 + "a",
        "```" * 20_000,
        "1. " * 20_000,
        "\x00" * 10_000 + "# After NUL",
        "\x1b]8;;http://x\x07word\x1b]8;;\x07\x1b[2J\x9b31m",
    ],
    ids=["quotes", "bullets", "brackets", "stars", "fences", "items", "nul", "ansi"],
)
def test_a_deep_or_odd_body_is_read_exported_and_obeyed_by_no_terminal(body: str) -> None:
    from mechexo.runbook.html import as_html

    entry = parse(body, name="x.md")
    assert not [step for step in entry.steps if step.id]
    for shown in (entry.body, as_html([entry])):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", shown)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "# a" + " " * 200_000 + "x",
        "# a" + " #" * 100_000 + "x",
        "](a.md#" * 30_000,
        "](#a" * 50_000,
        "\x1b]" * 100_000,
        "```sh {" + "a=b " * 50_000,
        "[a](#b) " + "<a " * 60_000,
        "`a " * 60_000,
        "$A" * 100_000,
        "<!--" * 50_000,
    ],
)
def test_a_line_made_to_take_long_takes_no_longer_than_others(text: str) -> None:
    """Nothing is timed: what takes the square of a line's length would be at it for minutes."""
    from mechexo.runbook.display import as_shown
    from mechexo.runbook.export import as_markdown
    from mechexo.runbook.links import link_problems

    entry = as_shown(parse(text, name="x.md"), {})
    assert as_markdown([entry])
    assert list(link_problems(entry, {"x": entry})) is not None


@given(st.text(st.sampled_from(" \t#ab"), max_size=14))
@example("# a ##  ")
@example("#\t#")
@example("## ##a #")
def test_headings_are_read_as_the_standards_own_reader_does(line: str) -> None:
    from mechexo.runbook.anchors import markdown

    tokens = markdown().parse(line.lstrip("\t"))
    wanted = [
        (int(opening.tag[1:]), inline.content)
        for opening, inline in pairwise(tokens)
        if opening.type == "heading_open"
    ]
    found = outline([line.lstrip("\t")]).headings
    assert [(each.level, each.text) for each in found] == wanted


PLAIN = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20
)


@given(
    title=PLAIN,
    alerts=st.lists(PLAIN, max_size=4, unique=True),
    symptoms=st.lists(PLAIN, min_size=1, max_size=4),
    reviewed=st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    days=st.integers(1, 9_999),
)
def test_front_matter_that_a_yaml_library_writes_is_read_back_as_it_was(
    title: str, alerts: list[str], symptoms: list[str], reviewed: date, days: int
) -> None:
    import yaml

    values = {
        "id": "x",
        "title": title,
        "alerts": alerts,
        "symptoms": symptoms,
        "last_reviewed": reviewed,
        "review_every": days,
    }
    for flow in (None, True, False):
        text = yaml.safe_dump(values, allow_unicode=True, default_flow_style=flow)
        entry = parse(f"---\n{text}---\nBody.\n", name="x.md")
        assert entry.problems == ()
        # What stands for nothing in YAML is nothing here as well.
        assert entry.title == ("x" if title in ("~", "null") else title)
        assert (entry.alerts, entry.symptoms) == (tuple(alerts), tuple(symptoms))
        assert (entry.last_reviewed, entry.review_every_days) == (reviewed, days)


def test_without_the_yaml_library_in_c_the_same_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    import yaml

    lines = head("id: x\nalerts: [a, 'b c']\nsymptoms:\n  - one\n  - two").split("\n")
    quick = read_front_matter(lines).values
    monkeypatch.delattr(yaml, "CBaseLoader", raising=False)
    assert (
        read_front_matter(lines).values
        == quick
        == {
            "id": "x",
            "alerts": ["a", "b c"],
            "symptoms": ["one", "two"],
        }
    )


@pytest.mark.parametrize("path", sorted(FOREIGN.rglob("*.md*")), ids=lambda path: path.name)
def test_a_foreign_entry_is_read_and_none_of_its_commands_can_be_run(path: Path) -> None:
    entry = parse(path.read_text(), name=path.name)
    assert entry.title
    assert not [step for step in entry.steps if step.id]


def test_a_folder_of_foreign_entries_is_listed_searched_and_exported(
    make_desk: Callable[..., Desk], tmp_path: Path
) -> None:
    desk = make_desk(f'[runbook]\nfolder = "{FOREIGN}"\n')
    names = {path.stem for path in FOREIGN.rglob("*.md") if path.name != "README.md"}
    assert names <= {entry.id for entry in operations.entries(desk)}
    assert operations.search(desk, "replica lag")[0].entry.id == "replica-lag"
    for format in ("md", "html", "folder"):
        exported = operations.export(desk, tmp_path / f"all-{format}", format=format)
        assert exported.entries == len(names) + 10
