"""The exported page in a real browser and on paper, and what is said where nothing can print."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mechexo.errors import UnreachableError
from mechexo.runbook import pdf
from mechexo.runbook.display import as_shown
from mechexo.runbook.export import export_entries
from mechexo.runbook.library import read_library
from mechexo.runbook.parse import parse
from support.chromium import chromium, opened

pytestmark = pytest.mark.slow

ENTRIES = read_library().entries
LONG = "x" * 400
EXTRA = parse(
    f"# Extra\n\n## Meaning\n\n[help](https://example.com/help) and [disk](disk-full.md)\n\n"
    f"```sh\necho {LONG}END-OF-LINE\n```\n\n![pixel](https://example.com/pixel.png)\n",
    name="extra.md",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "runbook.html"
    export_entries([*ENTRIES, as_shown(EXTRA, {})], out, "html")
    return out


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if pdf.renderer() is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    out = tmp_path_factory.mktemp("export") / "runbook.pdf"
    export_entries([*ENTRIES, as_shown(EXTRA, {})], out, "pdf")
    return out


def words_of(path: Path) -> str:
    if shutil.which("pdftotext") is None:
        pytest.skip("needs pdftotext: apt-get install poppler-utils")
    done = subprocess.run(
        ["pdftotext", "-layout", str(path), "-"], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_opens_without_a_word_and_asks_for_nothing(
    browser: Any, page: Path, scheme: str
) -> None:
    with opened(browser, page, color_scheme=scheme) as found:
        assert found.page.locator("article").count() == len(ENTRIES) + 1
        assert found.said == []
        assert found.requests == [page.as_uri()]


def test_a_link_to_another_entry_leads_to_it(browser: Any, page: Path) -> None:
    with opened(browser, page) as found:
        found.page.locator("article#extra a", has_text="disk").click()
        assert found.page.url.endswith("#disk-full")


def test_nothing_is_wider_than_a_telephone(browser: Any, page: Path) -> None:
    with opened(browser, page, viewport={"width": 390, "height": 800}) as found:
        wide = found.page.locator("article#extra pre").bounding_box()
        assert wide["x"] + wide["width"] <= 390


def test_on_paper_it_is_black_on_white_whatever_the_scheme(browser: Any, page: Path) -> None:
    with opened(browser, page, color_scheme="dark") as found:
        body = found.page.locator("body")
        # Playwright reads styles without evaluating any text of ours: the page's policy forbids it.
        found.page.emulate_media(media="print")
        from playwright.sync_api import expect

        expect(body).to_have_css("background-color", "rgb(255, 255, 255)")
        expect(body).to_have_css("color", "rgb(0, 0, 0)")


def test_every_entry_begins_on_a_page_of_its_own(printed: Path) -> None:
    pages = ["".join(page.split()) for page in words_of(printed).split("\f")]
    for entry in (*ENTRIES, EXTRA):
        begun = [text for text in pages if text.startswith("".join(entry.title.split()))]
        assert len(begun) == 1, entry.id


def test_a_long_command_is_wrapped_and_the_target_of_a_link_is_shown(printed: Path) -> None:
    text = "".join(words_of(printed).split())
    assert f"{LONG}END-OF-LINE" in text
    assert "help(https://example.com/help)" in text
    assert "disk(" not in text.rpartition("Extra")[2]


def test_the_steps_and_tables_of_every_entry_are_on_paper(printed: Path) -> None:
    text = "".join(words_of(printed).split())
    for entry in ENTRIES:
        for step in entry.steps:
            for line in step.command.split("\n"):
                assert "".join(line.split()) in text, f"{entry.id}: {line}"


def a_renderer(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / "chromium"
    program.write_text(f"#!{sys.executable}\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_without_a_renderer_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnreachableError, match="apt-get install chromium") as caught:
        export_entries(ENTRIES, tmp_path / "out.pdf", "pdf")
    assert caught.value.exit_code == 5
    assert not (tmp_path / "out.pdf").exists()


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("import sys; print('first'); sys.exit('no display')", r"exit 1\): no display"),
        ("pass", "made no PDF"),
        ("import time; time.sleep(600)", "within 1 s"),
    ],
)
def test_a_renderer_that_fails_or_hangs_is_told_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, told: str
) -> None:
    a_renderer(tmp_path, monkeypatch, script)
    limit_s = 1 if "sleep" in script else 60
    with pytest.raises(UnreachableError, match=told):
        pdf.as_pdf("<p>x</p>", limit_s)


def test_a_failed_export_leaves_the_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.pdf"
    out.write_bytes(b"earlier")
    a_renderer(tmp_path, monkeypatch, "raise SystemExit(3)")
    with pytest.raises(UnreachableError):
        export_entries(ENTRIES, out, "pdf")
    assert out.read_bytes() == b"earlier"
