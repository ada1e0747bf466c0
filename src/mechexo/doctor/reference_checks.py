"""What the configuration names elsewhere: the runbook's names, the files under suspicion."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from mechexo.config.watching import risk_probes
from mechexo.desk import Desk
from mechexo.doctor.findings import Finding, doubtful, well, wrong
from mechexo.errors import MechexoError


def runbook_variables(desk: Desk) -> Iterator[Finding]:
    """Whether every name that the runbook's entries use is set."""
    from mechexo.runbook import operations

    using = {entry.id: entry.unset for entry in operations.entries(desk) if entry.unset}
    if not using:
        yield well("runbook names", "every name that an entry uses is set")
        return
    names = sorted({name for unset in using.values() for name in unset})
    entries = f"{len(using)} {'entry uses' if len(using) == 1 else 'entries use'}"
    shown = ", ".join(f"${name}" for name in names)
    detail = f"{entries} names without a value, so steps there cannot be pasted: {shown}"
    mend = "set them in [runbook.variables]; mechexo runbook check says where each is used"
    yield doubtful("runbook names", detail, mend)


def suspects(desk: Desk) -> Iterator[Finding]:
    """Whether each `suspect` is a file that git knows."""
    settings = desk.settings
    named = [(f"probes.{name}", probe.suspect) for name, probe in settings.probes.items()]
    named += [(f"flows.{name}", flow.suspect) for name, flow in settings.flows.items()]
    named += [(f"ci.{name}", each.suspect) for name, each in settings.ci.items()]
    named += [(table, probe.suspect) for table, _, probe in risk_probes(settings)]
    named += [
        (f"orchestrators.{name}", each.suspect) for name, each in settings.orchestrators.items()
    ]
    named = [(table, suspect) for table, suspect in named if suspect]
    if not named or not settings.rollback.repository:
        return
    from mechexo.rollback.operations import tracked_files

    try:
        tracked = tracked_files(desk)
    except MechexoError:
        return  # The check of the repository says why.
    lost = False
    for table, suspect in named:
        if suspect not in tracked:
            lost = True
            close = ", ".join(difflib.get_close_matches(suspect, tracked)) or "none is close"
            detail = f"[{table}] suspect = {suspect!r} is no file that git knows"
            yield wrong("suspects", detail, f"write its path in the repository; close: {close}")
    if not lost:
        yield well("suspects", f"named: {len(named)}; git knows each file")


def watched_twice(desk: Desk) -> Iterator[Finding]:
    """Whether a job has both a heartbeat probe and a table of its own: it would page twice."""
    for name, probe in desk.settings.probes.items():
        job = str(probe.options.get("job") or name)
        if probe.kind == "heartbeat" and job in desk.settings.flows:
            detail = f"[probes.{name}] and [flows.{job}] watch the same job: it pages twice"
            yield doubtful("flows", detail, "keep one of the two")
