"""Reading the made-up files of brokers in `tests/data/broker`, and content made on the spot."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from mechexo.costs.imports.checking import Checked, checked
from mechexo.costs.imports.content import Content
from mechexo.costs.imports.formats import recognised
from mechexo.costs.imports.values import Options, Parsed

SAMPLES = Path(__file__).parents[1] / "data" / "broker"
NEW_YORK = ZoneInfo("America/New_York")


def sample(name: str) -> Content:
    return Content.of(SAMPLES / name)


def content(text: str | bytes, name: str = "file") -> Content:
    return Content(Path(name), text if isinstance(text, bytes) else text.encode())


def understood(
    file: Content, *, forced: str | None = None, **options: object
) -> tuple[str, Parsed, Checked]:
    """The format's name, the rows as they were read, and what of them can be taken."""
    chosen = Options(**options)  # type: ignore[arg-type]
    module = recognised(file, chosen, forced)
    parsed = module.read(file, chosen)
    return module.NAME, parsed, checked(parsed)


def fill(found: Checked, fill_id: str) -> dict[str, object]:
    return found.fills.row(by_predicate=pl.col("fill_id") == fill_id, named=True)


def reasons(found: Checked) -> dict[str, str]:
    return {each.row: each.reason for each in found.rejected}
