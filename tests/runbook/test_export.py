"""The runbook on paper: the same bytes each time, needing nothing else, never half-written."""

from __future__ import annotations

import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mechexo.desk import Desk
from mechexo.errors import UnreachableError, UsageError
from mechexo.runbook import operations
from mechexo.runbook.display import as_shown
from mechexo.runbook.export import as_markdown, export_entries
from mechexo.runbook.html import as_html
from mechexo.runbook.library import read_library
from mechexo.runbook.parse import parse
from mechexo.runbook.values import Entry

ENTRIES = read_library().entries
HOSTILE = """---
title: "<img src=x onerror=alert(1)>"
alerts: ["a`<script>"]
---
<script>alert(1)</script> <b onclick=x>bold</b>

![pixel](https://example.com/pixel.png) [go](javascript:alert(1)) [disk](disk-full.md)

```sh {id=a risk=danger}
echo "</code><script>alert(2)</script>"
```
"""


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]


def written(out: Path, format: str, entries: tuple[Entry, ...] = ENTRIES) -> dict[str, bytes]:
    export_entries(entries, out, format)
    files = sorted(out.rglob("*")) if out.is_dir() else [out]
    return {path.name: path.read_bytes() for path in files}


@pytest.mark.parametrize("format", ["md", "html", "folder"])
def test_the_same_entries_give_the_same_bytes(tmp_path: Path, format: str) -> None:
    first = written(tmp_path / "first", format)
    again = written(tmp_path / "first", format)
    elsewhere = written(tmp_path / "second", format)
    assert first == again
    assert list(first.values()) == list(elsewhere.values())


def test_the_page_needs_no_network_and_runs_nothing() -> None:
    page = Page(as_html(ENTRIES))
    assert not page.tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
    assert not [name for name, _ in page.attributes if name == "src" or name.startswith("on")]
    assert "url(" not in as_html(ENTRIES)
    assert "@import" not in as_html(ENTRIES)


def test_html_in_an_entry_is_shown_as_the_text_it_is() -> None:
    page = Page(as_html([parse(HOSTILE, name="hostile.md")]))
    assert not page.tags & {"script", "img", "b"}
    assert not [value for name, value in page.attributes if "javascript" in value]
    assert "&lt;script&gt;alert(1)" in as_html([parse(HOSTILE, name="hostile.md")])


def test_every_link_inside_the_page_leads_somewhere() -> None:
    page = Page(as_html(ENTRIES))
    inside = {value[1:] for name, value in page.attributes if name == "href" and value[:1] == "#"}
    assert inside <= set(page.ids)
    assert not [value for name, value in page.attributes if name == "href" and ".md" in value]
    assert len(page.ids) == len(set(page.ids))


def test_links_to_headings_lead_to_those_of_their_entry() -> None:
    first = parse("## Meaning\n\n[a](#meaning) [b](second.md#roll-back--undo)\n", name="first.md")
    second = parse("## Roll back / undo\n\n[c](first.md) [d](#gone)\n", name="second.md")
    page = Page(as_html([first, second]))
    links = [value for name, value in page.attributes if name == "href"]
    inside = ["#first--meaning", "#second--roll-back--undo", "#first", "#second"]
    assert links == ["#first", "#second", *inside]
    assert {"first--meaning", "second--roll-back--undo"} <= set(page.ids)
    assert "[a](#first) [b](#second)" in as_markdown([first, second])


def test_a_dangerous_command_is_marked_on_the_page() -> None:
    assert "# stop: DANGER, think first; undone by start" in as_html(ENTRIES)


def test_the_page_is_made_for_light_dark_and_paper() -> None:
    page = as_html(ENTRIES)
    assert "prefers-color-scheme:dark" in page
    assert "@media print" in page


def test_the_one_markdown_holds_every_entry_once(tmp_path: Path) -> None:
    text = written(tmp_path / "all.md", "md")["all.md"].decode()
    for entry in ENTRIES:
        assert text.count(f'<a id="{entry.id}"></a>') == 1
        assert text.count(f"# {entry.title}\n") == 1
    assert "](disk-full.md)" not in text


def test_the_checksums_of_the_folder_hold(tmp_path: Path) -> None:
    written(tmp_path / "out", "folder")
    checked = subprocess.run(
        ["sha256sum", "-c", "--strict", "SHA256SUMS"],
        cwd=tmp_path / "out",
        capture_output=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_a_second_export_takes_away_what_is_no_longer_there(tmp_path: Path) -> None:
    written(tmp_path / "out", "folder")
    files = written(tmp_path / "out", "folder", ENTRIES[:1])
    assert sorted(files) == ["SHA256SUMS", f"{ENTRIES[0].id}.md", "index.html", "index.md"]


def test_an_export_never_touches_a_folder_with_other_things(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="other than an exported runbook"):
        export_entries(ENTRIES, tmp_path, "folder")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["mine.txt"]


def test_an_entrys_id_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    entry = parse("---\nid: ../../escape\n---\n", name="x.md")
    files = written(tmp_path / "out", "folder", (entry,))
    assert "escape.md" in " ".join(files)
    assert not (tmp_path.parent / "escape.md").exists()


@pytest.mark.parametrize(
    ("out", "format", "told"),
    [
        ("x", "docx", "one of md, html, pdf, folder"),
        ("no/where", "md", "no folder"),
        (".", "md", "folder"),
    ],
)
def test_bad_targets_are_refused(tmp_path: Path, out: str, format: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        export_entries(ENTRIES, tmp_path / out, format)


def test_a_folder_that_cannot_be_written_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="cannot be written"):
        export_entries(ENTRIES, Path("/proc/runbook.md"), "md")


def test_a_broken_entry_is_in_the_export_and_says_so() -> None:
    page = as_html([as_shown(parse("---\nalerts: [\n---\nWhat to do.\n", name="x.md"), {})])
    assert "✖ the front matter is not YAML" in page
    assert "What to do." in page


def test_the_operation_exports_what_the_desk_reads(desk: Desk, tmp_path: Path) -> None:
    exported = operations.export(desk, tmp_path / "all.html", format="html")
    assert exported.entries == 10
    assert exported.files[0][0] == "all.html"
