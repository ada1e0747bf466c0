"""Which kind of source reads an address: ours by their scheme, and those of other packages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mechexo.config.costs import CostSettings
from mechexo.costs.sources import read_quotes
from mechexo.costs.sources.addresses import parse_address
from mechexo.costs.sources.kinds import BUILT_IN, open_source
from mechexo.costs.sources.looking import fault_of
from mechexo.costs.sources.protocol import Window
from mechexo.errors import ConfigError, MechexoError, UnreachableError

DAY = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = Window(DAY, DAY + timedelta(days=1))
PLUGIN = """
import polars as pl
from mechexo.costs.sources.protocol import RawTable


class Source:
    def __init__(self, text):
        self.text = text

    @classmethod
    def parse(cls, text, setting, root):
        if "bad" in text:
            raise ValueError("no such library")
        return object() if "strange" in text else cls(text)

    def batches(self, window, time_column):
        if "torn" in self.text:
            raise OSError("the library went away")
        frame = pl.DataFrame(
            {"ts": [window.start], "symbol": ["AAA"], "bid": [1.0], "offer": [2.0]}
        )
        yield [RawTable(self.text, frame.lazy())]
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tick_library.py").write_text(PLUGIN)
    info = tmp_path / "tick_library-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tick-library\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[mechexo.cost_sources]\nticks = tick_library:Source\n"
        "sqlite = tick_library:Source\nlost = tick_library:Missing\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))


def refusal(kind: type[MechexoError], text: str) -> str:
    chosen = CostSettings(quotes=text, quote_columns={"ask": "offer"})
    with pytest.raises(kind) as caught:
        read_quotes(chosen, Path("/"), WINDOW)
    return str(caught.value)


@pytest.mark.usefixtures("plugin")
def test_a_kind_of_another_package_is_read_through_the_same_mapping() -> None:
    chosen = CostSettings(quotes="ticks://nyse/quotes", quote_columns={"ask": "offer"})
    read = read_quotes(chosen, Path("/"), WINDOW).frame
    assert read.rows() == [(DAY, "AAA", 1.0, 2.0)]


@pytest.mark.usefixtures("plugin")
def test_a_kind_of_another_package_does_not_take_the_place_of_ours() -> None:
    assert "sqlite:///path?table=NAME" in refusal(ConfigError, "sqlite://nowhere")


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("ticks://bad", ConfigError, "the source 'ticks' of tick-library cannot be opened"),
        ("lost://x", ConfigError, "the source 'lost' of tick-library cannot be opened"),
        ("ticks://strange", ConfigError, "must have batches(window, time_column)"),
        ("ticks://torn", UnreachableError, "failed: OSError: the library went away"),
        ("tics://x", ConfigError, "did you mean ticks"),
    ],
)
def test_what_fails_in_another_package_is_its_failure_in_one_line(
    text: str, kind: type[MechexoError], said: str
) -> None:
    told = refusal(kind, text)
    assert said in told
    assert told.startswith("[costs] quotes: ")
    assert "\n" not in told


def test_every_built_in_scheme_has_its_class(tmp_path: Path) -> None:
    for scheme in BUILT_IN:
        with pytest.raises(ConfigError, match=r"\[costs\] fills"):
            open_source(f"{scheme}://", "fills", tmp_path)


def test_an_address_is_taken_apart_around_its_references(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (
        "postgresql://${env:WHO}:${file:/run/secrets/a?b=c@d}@db.example:5433/main%20db"
        "?sslmode=require&query=SELECT a + b, '50%' AS p FROM f WHERE x LIKE '%&y=?' # note"
    )
    address = parse_address(text, "fills")
    assert (address.scheme, address.user, address.password) == (
        "postgresql", "${env:WHO}", "${file:/run/secrets/a?b=c@d}",
    )  # fmt: skip
    assert (address.host, address.port, address.path) == ("db.example", 5433, "main db")
    assert address.parameters == {"sslmode": "require"}
    assert address.query == "SELECT a + b, '50%' AS p FROM f WHERE x LIKE '%&y=?' # note"
    monkeypatch.setenv("WHO", "me@home")
    assert address.resolved(address.user, Path("/")) == "me@home"


def test_a_question_mark_of_a_glob_begins_no_parameters() -> None:
    address = parse_address("s3://bucket/quotes-?.parquet?aws_region=x", "quotes")
    assert address.path == "quotes-?.parquet"
    assert address.parameters == {"aws_region": "x"}


@pytest.mark.parametrize(
    "text",
    ["postgresql://desk:hunter2@db/main?query=SELECT 1", "postgresql://db/main?password=hunter2",
     "s3://b/*.csv?aws_session_token=hunter2", "postgresql://a:${env:B}hunter2@db/main?query=x"],
)  # fmt: skip
def test_a_secret_in_plain_text_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ConfigError, match="stands in plain text") as caught:
        parse_address(text, "fills")
    assert "hunter2" not in str(caught.value)


def test_an_address_with_a_wrong_port_is_refused() -> None:
    with pytest.raises(ConfigError, match="is no address"):
        parse_address("postgresql://db:port/main?query=SELECT 1", "fills")


def test_a_source_is_judged_without_reading_its_rows(tmp_path: Path) -> None:
    chosen = CostSettings(fills="f.csv", quotes="q.csv", trades="ticks://nyse")
    (tmp_path / "f.csv").write_text("fill_id,ts,symbol,quantity,price\n1,soon,A,torn,\n")
    (tmp_path / "q.csv").write_text("ts,symbol,bid,offer\n")
    assert fault_of("fills", chosen, tmp_path) == ""
    assert "no column 'ask'; it has: ts, symbol" in fault_of("quotes", chosen, tmp_path)
    assert "ticks:// is no kind of source" in fault_of("trades", chosen, tmp_path)
    assert "[costs] rates is not set" in fault_of("rates", chosen, tmp_path)
