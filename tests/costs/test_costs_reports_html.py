"""The HTML report: right, whole by itself, harmless whatever its data says."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costs.reports_desk import OPEN, TOML, fill_desk, results_of
from mechexo.costs.report_html import report_data, write_report
from mechexo.costs.report_html.data import (
    ReportData,
    parts,
)
from mechexo.costs.report_html.markup import Html, el, json_in_script, number, share
from mechexo.costs.report_html.page import render
from mechexo.desk import Desk
from mechexo.errors import ConfigError

pytestmark = pytest.mark.slow

HOSTILE = (
    "<script>document.title='taken'</script>",
    "</script><img src=x onerror=\"document.title='taken'\">",
    "<!--<script>",
    "\" onmouseover=\"document.title='taken'",
    "a\u2028b&amp;",
)
VOID = {"meta", "input", "br"}


@pytest.fixture
def desk(make_desk) -> Desk:
    desk = make_desk(TOML)
    fill_desk(desk)
    return desk


def data_of(desk: Desk) -> ReportData:
    return report_data(desk, results_of(desk))


class Page(HTMLParser):
    """A page taken apart: that it is well formed, and what it refers to."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self._script: dict[str, str | None] | None = None
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self._open.append(tag)
        self._take(tag, attrs)
        if tag == "script":
            self._script = dict(attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._take(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag == "script":
            self._script = None

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self.scripts.append((self._script, data))
        elif self._open and self._open[-1] != "style":
            self.words.append(data)

    def _take(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, attrs)
        for name, value in attrs:
            self.attributes.append((tag, name, value or ""))
            if name == "id":
                self.ids.append(value or "")

    def values(self, name: str) -> list[str]:
        return [value for _, attribute, value in self.attributes if attribute == name]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_the_page_is_well_formed_and_every_reference_in_it_is_met(desk: Desk) -> None:
    page = Page(render(data_of(desk)))
    assert len(page.ids) == len(set(page.ids))
    for name in ("for", "aria-labelledby", "data-filters", "data-chart"):
        assert page.values(name)
        assert set(page.values(name)) <= set(page.ids)


def test_the_page_asks_nothing_of_anybody(desk: Desk) -> None:
    text = render(data_of(desk))
    page = Page(text)
    loading = {"src", "href", "srcset", "action", "data", "poster", "background", "xlink:href"}
    assert [each for each in page.attributes if each[1] in loading] == []
    styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert len(styles) == 1
    assert not re.search(r"@import|url\(", styles[0])
    assert {tag for tag, _, _ in page.attributes} & {"link", "iframe", "img", "object"} == set()


def test_its_policy_allows_its_own_scripts_and_nothing_else(desk: Desk) -> None:
    page = Page(render(data_of(desk)))
    (policy,) = [value for value in page.values("content") if "default-src" in value]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    allowed = set(re.findall(r"'sha256-([^']+)'", policy))
    own = [source for attributes, source in page.scripts if "type" not in attributes]
    digests = {base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in own}
    assert len(own) == 2
    assert digests == allowed


def test_it_has_every_part_and_says_how_it_came_about(desk: Desk) -> None:
    data = data_of(desk)
    page = Page(render(data))
    sections = {"headline", "daily", "symbols", "hours", "distribution", "markouts"}
    sections |= {"by-strategy", "by-symbol-hour", "exceptions", "coverage", "method"}
    assert sections <= set(page.ids)
    source = data.provenance
    for said in (
        source.quote_rule,
        source.data_digest,
        source.parameters_digest,
        f"mechexo {source.version}",
        "2026-03-02T14:30:00.000000Z",
        "America/New_York",
        "PAPER",
        "slippage would be",
        "add up to its total within",
        "no quote recent enough before it",
    ):
        assert said in page.text


def test_the_coverage_stands_beside_every_aggregate(desk: Desk) -> None:
    text = render(data_of(desk))
    sections = re.split(r"<section", text)[1:]
    for section in sections:
        if not re.search(r'^ id="(exceptions|coverage|method)"', section):
            assert "Coverage of " in section
            assert "notional covered" in section


def test_charts_are_data_and_drawings_at_once(desk: Desk) -> None:
    text = render(data_of(desk))
    page = Page(text)
    specs = [json.loads(source) for attributes, source in page.scripts if "type" in attributes]
    assert len(specs) == 5
    assert all("$schema" not in spec and spec["width"] == "container" for spec in specs)
    drawings = re.findall(r"<noscript>.*?<svg ", text, re.DOTALL)
    assert len(drawings) == 5


def test_rendering_is_a_function_of_the_data_alone(desk: Desk) -> None:
    data = data_of(desk)
    assert render(data) == render(data)


def test_the_figures_are_those_of_the_report(desk: Desk) -> None:
    data = data_of(desk)
    totals = data.report.totals
    page = Page(render(data))
    assert f"{totals.total_bps:.2f} bps total {totals.total_ccy:,.0f} USD" in page.text
    assert f"{totals.fills:,}" in page.text
    steps = sum(part.bps for part in parts(totals))
    assert steps == pytest.approx(totals.total_bps)


@pytest.mark.parametrize("symbol", HOSTILE)
def test_a_name_that_is_markup_is_shown_and_never_run(make_desk, symbol: str) -> None:
    desk = make_desk(TOML)
    fill_desk(desk, (symbol, "AAA"), days=2)
    text = render(replace(data_of(desk), desk=symbol))
    page = Page(text)
    assert " ".join(symbol.split()) in page.text
    own = [source for attributes, source in page.scripts if "type" not in attributes]
    assert len(own) == 2
    specs = [json.loads(source) for attributes, source in page.scripts if "type" in attributes]
    assert len(specs) == 5
    handlers = [each for each in page.attributes if each[1].startswith("on")]
    assert handlers == []


@given(text=st.text())
def test_no_text_gets_out_of_an_element_an_attribute_or_a_script(text: str) -> None:
    page = Page(str(el("p", text, title=text)))
    assert [tag for tag, _, _ in page.attributes] == ["p"]
    written = json_in_script({text: [text]})
    assert not set("<>&\u2028\u2029") & set(written)
    assert json.loads(written) == {text: [text]}


def test_what_is_not_finite_cannot_get_into_a_chart() -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_in_script([float("nan")])


def test_a_period_without_fills_has_a_report_that_says_so(make_desk) -> None:
    desk = make_desk(TOML)
    fill_desk(desk)
    from mechexo.costs.results import compute

    empty = compute(desk, start=OPEN - timedelta(days=90), end=OPEN - timedelta(days=80))
    page = Page(render(report_data(desk, empty)))
    assert "Nothing here is priced." in page.text
    assert "0 of 0 fills are priced" in page.text


def test_fills_that_nobody_could_price_have_a_report_too(make_desk) -> None:
    desk = make_desk(TOML)
    fill_desk(desk)
    quotes = desk.root / "quotes.parquet"
    pl.read_parquet(quotes).with_columns(pl.lit("ZZZ").alias("symbol")).write_parquet(quotes)
    page = Page(render(data_of(desk)))
    assert "Nothing here is priced." in page.text
    assert "– bps total unknown" in page.text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (-0.001, "0.00"), (-1234.5, "−1,234.50"), (0.0, "0.00")],
)
def test_numbers_read_as_people_write_them(value: float | None, text: str) -> None:
    assert number(value) == text


def test_a_share_that_is_not_all_is_never_rounded_to_all() -> None:
    shares = [share(value) for value in (1.0, 0.99999, 0.5, 0.00001, 0.0, None)]
    assert shares == ["100.0%", "over 99.9%", "50.0%", "under 0.1%", "0.0%", "–"]


def test_markup_is_the_only_text_that_is_not_escaped() -> None:
    assert el("b", "<i>", Html("<i></i>")) == "<b>&lt;i&gt;<i></i></b>"


def test_without_its_extra_the_report_says_what_to_install(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(ConfigError, match=r'pip install "mechexo\[report\]"'):
        write_report(str(tmp_path / "costs.html"), desk, results_of(desk))
    assert not (tmp_path / "costs.html").exists()


@pytest.mark.slow
def test_a_million_fills_make_no_larger_a_file_than_their_groups(make_desk) -> None:
    desk = make_desk(TOML)
    count, names = 1_000_000, [f"S{n:04}" for n in range(2000)]
    numbers = pl.DataFrame({"n": pl.int_range(count, eager=True)})
    at = pl.lit(OPEN).dt.cast_time_unit("us") + pl.duration(milliseconds=pl.col("n") * 20)
    symbol = pl.col("n") % len(names)
    numbers.select(
        fill_id=pl.format("f{}", "n"),
        ts=at,
        symbol=pl.format("S{}", symbol.cast(pl.String).str.zfill(4)),
        side=pl.when(pl.col("n") % 3 == 0).then(pl.lit("sell")).otherwise(pl.lit("buy")),
        quantity=pl.lit(100.0),
        price=100 + (pl.col("n") % 17) / 100 - 0.08,
        commission=pl.lit(0.3),
    ).write_parquet(desk.root / "fills.parquet")
    moments = pl.DataFrame({"m": pl.int_range(340, eager=True)})
    before = pl.duration(minutes=pl.col("m")) - pl.duration(seconds=1)
    moments.join(pl.DataFrame({"symbol": names}), how="cross").select(
        ts=pl.lit(OPEN).dt.cast_time_unit("us") + before,
        symbol="symbol",
        bid=pl.lit(99.99),
        ask=pl.lit(100.01),
    ).write_parquet(desk.root / "quotes.parquet")
    data = data_of(desk)
    assert data.report.totals.priced == count
    assert len(render(data)) < 5_000_000
