"""Whether an alert would reach somebody: the findings of `mechexo oncall lint`, and deliveries."""

from __future__ import annotations

from collections.abc import Iterator

from mechexo import channel_words
from mechexo.desk import Desk
from mechexo.doctor.findings import Finding, doubtful, well, wrong
from mechexo.health.values import Status


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


def proven(desk: Desk) -> Iterator[Finding]:
    """When each channel last delivered anything."""
    from mechexo.alerts.reading import last_failures, last_proven

    now, failures = desk.clock.now(), last_failures(desk)
    for name, proven_at in last_proven(desk).items():
        status, said = channel_words.verdict(name, proven_at, now, failures.get(name))
        if status is Status.OK:
            yield well("delivery", f"[channels.{name}] {said}")
        else:
            # It may work all the same: nothing says that it does not.
            what = said.partition("; ")[0]
            yield doubtful(
                "delivery", f"[channels.{name}] {what}", f"mechexo oncall drill {name} tries it"
            )
