"""The plots: whether the Prometheus of each answers, and takes its query."""

from __future__ import annotations

from collections.abc import Iterator

from mechexo.desk import Desk
from mechexo.doctor.findings import Finding, doubtful, well, wrong
from mechexo.errors import MechexoError


def plots(desk: Desk) -> Iterator[Finding]:
    """Runs the query of each `[resources.plots.NAME]` once, and keeps nothing."""
    from mechexo.resources.plot_operations import identity
    from mechexo.resources.plot_source import PlotSource
    from mechexo.resources.plots import from_text

    settings = desk.settings
    for name, table in settings.resources.plots.items():
        check = f"plot {name}"
        source = PlotSource(name, settings.resources, settings.prometheus, desk.root).source
        try:
            answer = source.try_out(desk.clock.now())
        except MechexoError as error:
            yield wrong(check, str(error), f"see [resources.plots.{name}] in {desk.config_path}")
            continue
        look = from_text(identity(table, settings.prometheus, settings.resources), answer.value)
        count = len(look.series) + look.left_out if look else 0
        if not count:
            yield doubtful(check, "the query found no series", "look whether it is spelt right")
        elif look and look.left_out:
            said = f"the query found {count} series; {look.left_out} are not shown"
            yield doubtful(check, said, "aggregate in the query")
        else:
            yield well(check, f"the query found {count} series")
