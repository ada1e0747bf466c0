"""The HTML report in a real browser: drawn, quiet, sorted and filtered by hand and by key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from costs.reports_desk import TOML, fill_desk, results_of
from mechexo.costs.report_html import write_report
from support.chromium import chromium, opened

pytestmark = pytest.mark.slow

SYMBOLS = ("ZED", "AAA", "MID", "<script>document.title='taken'</script>")
CHARTS = ["waterfall", "daily", "profile", "distribution", "markouts"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture
def report(make_desk, tmp_path: Path) -> Path:
    desk = make_desk(TOML)
    fill_desk(desk, SYMBOLS, days=7)
    return write_report(str(tmp_path / "costs.html"), desk, results_of(desk))


@pytest.fixture
def page(browser: Any, report: Path) -> Iterator[Any]:
    with opened(browser, report) as found:
        wait_until_drawn(found.page)
        yield found.page
        assert found.said == []


def wait_until_drawn(page: Any) -> None:
    # Not with a predicate: the page's policy lets nobody evaluate a text.
    for name in CHARTS:
        page.locator(f"[data-chart=chart-{name}] svg").wait_for()


def names(page: Any) -> list[str]:
    return [row.inner_text() for row in page.locator("#table-symbol tbody tr:visible th").all()]


def numbers(page: Any, column: int) -> list[float]:
    cells = page.locator(f"#table-symbol tbody tr td:nth-child({column})").all()
    return [float(cell.get_attribute("data-value")) for cell in cells]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_draws_all_charts_without_a_word_and_without_a_request(
    browser: Any, report: Path, scheme: str
) -> None:
    with opened(browser, report, color_scheme=scheme) as found:
        wait_until_drawn(found.page)
        found.page.wait_for_load_state("networkidle")
        drawn = [
            place.get_attribute("data-chart")
            for place in found.page.locator("[data-chart]:has(svg)").all()
        ]
        assert drawn == [f"chart-{name}" for name in CHARTS]
        assert found.said == []
        assert found.requests == [report.as_uri()]


def test_a_name_that_is_a_script_does_not_run(page: Any) -> None:
    assert "taken" not in page.title()
    assert SYMBOLS[-1] in names(page)


def test_pointing_at_a_bar_shows_its_figures_and_runs_nothing(page: Any) -> None:
    bar = page.locator("[data-chart=chart-daily] path[aria-roledescription=bar]").first
    bar.scroll_into_view_if_needed()
    bar.hover()
    tooltip = page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for()
    assert "2026-03-02" in tooltip.inner_text()
    assert "taken" not in page.title()


def test_the_colours_follow_the_system_until_somebody_chooses(browser: Any, report: Path) -> None:
    def background(page: Any) -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    with opened(browser, report, color_scheme="dark") as found:
        page = found.page
        dark = background(page)
        page.get_by_role("button", name="light").click()
        light = background(page)
        assert light != dark
        assert page.get_by_role("button", name="light").get_attribute("aria-pressed") == "true"
        page.get_by_role("button", name="as the system").press("Enter")
        assert background(page) == dark
        page.emulate_media(color_scheme="light")
        assert background(page) == light
        assert found.said == []


def test_a_chart_changes_its_colours_with_the_page(page: Any) -> None:
    label = page.locator("[data-chart=chart-daily] svg text").first
    script = "each => getComputedStyle(each).fill"
    light = label.evaluate(script)
    page.get_by_role("button", name="dark").click()
    assert label.evaluate(script) != light


def test_the_dearest_symbol_by_notional_comes_first(page: Any) -> None:
    notional = numbers(page, 4)
    assert notional == sorted(notional, reverse=True)
    head = page.locator("#table-symbol th", has_text="notional")
    assert head.get_attribute("aria-sort") == "descending"


def test_a_click_on_a_head_sorts_and_another_turns_it_round(page: Any) -> None:
    head = page.locator("#table-symbol thead th", has_text="total")
    button = head.get_by_role("button")
    button.click()
    totals = numbers(page, 8)
    assert (totals, head.get_attribute("aria-sort")) == (sorted(totals, reverse=True), "descending")
    button.click()
    assert (numbers(page, 8), head.get_attribute("aria-sort")) == (sorted(totals), "ascending")
    assert page.locator("#table-symbol th[aria-sort]").count() == 1


def test_sorting_needs_no_mouse(page: Any) -> None:
    page.locator("#filter-symbol").focus()
    # The region that scrolls is reached first, then the head of its first column.
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert names(page) == sorted(SYMBOLS)
    page.keyboard.press("Space")
    assert names(page) == sorted(SYMBOLS, reverse=True)


def test_typing_filters_the_symbols_and_says_how_many_are_left(page: Any) -> None:
    field = page.get_by_label("Filter symbols")
    field.press_sequentially("zE")
    assert names(page) == ["ZED"]
    said = page.locator("#symbols output")
    assert (said.inner_text(), said.get_attribute("aria-live")) == ("1 of 4", "polite")
    field.fill("")
    assert len(names(page)) == 4


def test_what_is_missing_is_sorted_last_either_way(browser: Any, make_desk, tmp_path: Path) -> None:
    import polars as pl

    desk = make_desk(TOML)
    fill_desk(desk, ("AAA", "BBB", "CCC"), days=2)
    quotes = desk.root / "quotes.parquet"
    pl.read_parquet(quotes).filter(pl.col("symbol") != "BBB").write_parquet(quotes)
    path = write_report(str(tmp_path / "costs.html"), desk, results_of(desk))
    with opened(browser, path) as found:
        heads = found.page.locator("#table-symbol thead th")
        heads.filter(has_text="symbol").get_by_role("button").click()
        assert names(found.page) == ["AAA", "BBB", "CCC"]
        button = heads.filter(has_text="p95").get_by_role("button")
        for _ in range(2):
            button.click()
            assert names(found.page)[-1] == "BBB"


def test_it_prints_its_charts_and_not_its_controls(page: Any, tmp_path: Path) -> None:
    page.emulate_media(media="print")
    assert page.locator("[data-chart]:visible svg").count() == 5
    assert page.locator("button:visible, input:visible").count() == 0
    assert page.locator("details:visible").count() == 0
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(255, 255, 255)"
    printed = page.pdf(prefer_css_page_size=True)
    assert printed.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 4


def test_without_scripts_everything_is_there_to_read(browser: Any, report: Path) -> None:
    with opened(browser, report, java_script_enabled=False) as found:
        assert found.page.locator("noscript svg:visible").count() == 5
        assert len(names(found.page)) == 4
        assert found.page.locator("input:visible").count() == 0
        assert found.requests == [report.as_uri()]


@pytest.mark.parametrize("width", [360, 800, 1600])
def test_no_width_of_a_window_needs_sideways_scrolling(
    browser: Any, report: Path, width: int
) -> None:
    with opened(browser, report, viewport={"width": width, "height": 800}) as found:
        wait_until_drawn(found.page)
        wide = found.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width


def test_every_control_and_chart_has_a_name_for_a_screen_reader(page: Any) -> None:
    for control in page.locator("button, input, [role=img], [role=region]").all():
        name = control.evaluate(
            "each => each.getAttribute('aria-label') || each.textContent.trim()"
            " || (each.labels && each.labels[0] && each.labels[0].textContent) || ''"
        )
        assert name


def test_exceptions_are_found_by_any_of_their_words(page: Any) -> None:
    field = page.get_by_label("Filter exceptions")
    field.fill("further than 5 %")
    shown = page.locator("#table-exceptions tbody tr:visible")
    assert shown.count() == 7 * len(SYMBOLS)
    assert {row.locator("td").first.inner_text() for row in shown.all()} == {"suspect"}
