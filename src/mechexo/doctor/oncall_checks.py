"""Whether an alert would reach somebody: the findings of `mechexo oncall lint`."""

from __future__ import annotations

from collections.abc import Iterator

from mechexo.desk import Desk
from mechexo.doctor.findings import Finding, doubtful, well, wrong


def reaching(desk: Desk) -> Iterator[Finding]:
    """What keeps alerts from reaching people: levels, severities, schedules, calendars.

    The channels' addresses are a check of their own, and so is that there are any.
    """
    from mechexo.alerts.lint import lint

    if not desk.settings.channels:
        return
    findings = lint(desk, addresses=False)
    for found in findings:
        where = f"[{found.table}]" + (f" {found.key}" if found.key else "")
        judged = wrong if found.severe else doubtful
        yield judged("on call", f"{where}: {found.what}", found.do)
    if not findings:
        yield well("on call", "every level reaches somebody, and no schedule has a gap")
