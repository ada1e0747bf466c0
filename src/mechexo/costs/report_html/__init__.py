"""The costs report as one self-contained HTML file.

`data` aggregates, `page` renders that to text without looking at anything else, `charts` are the
specifications of its drawings, `embedding` what makes it one file.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mechexo.costs.report_html.data import ReportData
    from mechexo.costs.results import Results
    from mechexo.desk import Desk


def report_data(desk: Desk, results: Results) -> ReportData:
    """What the report shows. The results must be grouped by day, symbol and hour at least."""
    from mechexo.costs.report_html.data import ReportData, distribution
    from mechexo.costs.results import exceptions_of

    return ReportData(
        desk=desk.settings.desk.name,
        mode=desk.settings.desk.mode,
        report=results.report,
        distribution=distribution(results.priced),
        provenance=results.provenance,
        exceptions=exceptions_of(desk, results),
    )


def write_report(target: str, desk: Desk, results: Results) -> Path:
    """Writes the report into one file.

    Raises:
        ConfigError: the extra `report` is not installed.
        UnreachableError: the file cannot be written; what was there before still is.
    """
    return write_data(target, report_data(desk, results))


def write_data(target: str, data: ReportData) -> Path:
    """Writes what the report shows into one file. Raises as `write_report`."""
    from mechexo.costs.export import write_text
    from mechexo.costs.report_html.page import render

    return write_text(target, render(data))
