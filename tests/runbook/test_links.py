"""Links of an entry are followed without a network: to headings, to entries, to files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.runbook.links import link_problems
from mechexo.runbook.parse import parse
from mechexo.runbook.values import Entry

OTHER = parse("# Other\n\n## Roll back / undo\n\n## Same\n\n## Same\n", name="other.md")


def problems(body: str, folder: Path = Path("nowhere")) -> list[tuple[int, str]]:
    entry = parse(f"---\nid: x\n---\n{body}", name="x.md", path=folder / "x.md")
    return list(link_problems(entry, {"x": entry, "other": OTHER}))


@pytest.mark.parametrize(
    "body",
    [
        "[a](other.md) [b](./other.md) [c](x.md)",
        "[a](other.md#roll-back--undo) [b](other.md#same-1)",
        "# Here, at *last* `now`\n\n[a](#here-at-last-now) [b](#Here-At-Last-Now)",
        "Setext\n------\n\n[a](#setext)",
        '<a id="spot"></a>\n\n[a](#spot)',
        "[a](https://example.com/x.md#y) [b](mailto:a@example.com) [c](//example.com/x)",
        "[a][there]\n\n[there]: other.md",
        "`[a](nowhere.md)`\n\n```text\n[a](nowhere.md)\n```",
        "an array[1][2] and [a] [b]",
        "[a](#)",
    ],
)
def test_links_that_lead_somewhere(body: str) -> None:
    assert problems(body) == []


@pytest.mark.parametrize(
    ("body", "line", "told"),
    [
        ("[a](gone.md)", 4, "gone.md leads nowhere"),
        ("text\n[a](gone.md#x)\nmore", 5, "gone.md leads nowhere"),
        ("[a](other.md#gone)", 4, "other has no heading for #gone"),
        ("[a](other.md#same-2)", 4, "#same-2"),
        ("\n\n[a](#gone)", 6, "there is no heading for #gone"),
        ("![a](gone.png)", 4, "gone.png leads nowhere"),
        ("[a][there]\n\n[there]: gone.md", 4, "gone.md leads nowhere"),
        ("see [a][missing]", 4, "[missing] is not defined"),
        ("[a](/etc/passwd)", 4, "/etc/passwd leads nowhere"),
        ("[a](<with space.md>)", 4, "with space.md leads nowhere"),
        ("- one\n- [a](gone.md)", 5, "gone.md"),
        ("| a |\n| --- |\n| [a](gone.md) |", 6, "gone.md"),
    ],
)
def test_a_link_that_leads_nowhere_is_told_with_its_line(body: str, line: int, told: str) -> None:
    ((number, message),) = problems(body)
    assert number == line
    assert told in message


def test_a_file_beside_the_entry_is_found_on_the_disk(tmp_path: Path) -> None:
    (tmp_path / "plan b.png").write_bytes(b"")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "notes.md").write_text("# Notes\n")
    assert problems("![a](plan%20b.png?raw=1) [b](more/notes.md#any)", tmp_path) == []


PIECES = st.sampled_from(["[", "]", "(", ")", "#", "!", "a.md", ": ", "\n", "`", "%00", "%zz", " "])


@given(st.lists(st.one_of(PIECES, st.text(max_size=5)), max_size=30).map("".join))
def test_any_text_at_all_has_links_that_can_be_looked_at(body: str) -> None:
    entry: Entry = parse(body, name="x.md", path=Path("x.md"))
    for line, message in link_problems(entry, {"x": entry}):
        assert 1 <= line <= len(entry.source.split("\n"))
        assert message
