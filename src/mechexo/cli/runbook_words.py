"""What `runbook check` found, in lines for people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from mechexo.cli.words import counted
from mechexo.runbook.values import Finding

FINDING, REMARK, WELL = "✖", "▲", "●"


def check_lines(findings: Sequence[Finding], entries: int) -> Iterator[str]:
    """Each finding with its file and line, each remark once with all its places, and the answer."""
    against = [finding for finding in findings if finding.level == "error"]
    remarks = [finding for finding in findings if finding.level != "error"]
    yield from (f"{FINDING} {finding}" for finding in against)
    places: defaultdict[str, dict[str, list[int]]] = defaultdict(dict)
    for remark in remarks:
        places[remark.message].setdefault(PurePath(remark.path).stem, []).append(remark.line)
    for message, files in places.items():
        where = ", ".join(f"{name}:{lines[0]}" for name, lines in files.items())
        yield f"{REMARK} {message} ({where})"
    also = f"; {counted(len(places), 'remark')}" if places else ""
    held = counted(entries, "entry", "entries")
    if against:
        yield f"{FINDING} {counted(len(against), 'finding')} in {held}{also}"
    else:
        yield f"{WELL} no findings in {held}{also}"
