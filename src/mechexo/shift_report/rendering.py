"""A shift report as markdown, as one HTML page, and in the words a message has room for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from mechexo.markdown_text import cell, table
from mechexo.shift_report.values import Block, Items, Line, Part, ShiftReport
from mechexo.times import in_zone, stamps_in_zone

_INSIDE_A_WORD = re.compile(r"(?<=[A-Za-z0-9])\\_(?=[A-Za-z0-9])")
MESSAGE_LIMIT = 6_000
"""Characters of a message: every channel takes so much."""


def markdown(report: ShiftReport) -> str:
    """The report as markdown; foreign text in it stays text."""
    start, end = (
        moment.astimezone(ZoneInfo(report.zone)).strftime("%Y-%m-%d %H:%M")
        for moment in (report.start, report.end)
    )
    lines = [
        f"# Shift report: {cell(report.desk)} ({report.mode})",
        "",
        f"{start} to {end} ({report.zone}), since {_said(report.since)}, "
        f"written for {cell(report.author)}.",
    ]
    for part in report.parts:
        lines += _part(part, "##")
    return stamps_in_zone("\n".join(lines) + "\n", ZoneInfo(report.zone))


def html(report: ShiftReport) -> str:
    """The same as one page that needs nothing else: no network, light and dark, prints well."""
    from mechexo.runbook.html import page_of

    return page_of(markdown(report), f"Shift report: {report.desk}")


def message(report: ShiftReport) -> str:
    """The beginning of each part, for a channel, and where the whole is."""
    start, end = (in_zone(each, ZoneInfo(report.zone)) for each in (report.start, report.end))
    words = [f"Shift report of {report.desk} ({report.mode}), {start} to {end}."]
    for part in (each for whole in report.parts for each in (whole.parts or (whole,))):
        if part.unreadable:
            words.append(f"{part.title}: not readable, {part.unreadable}.")
            continue
        said = _beginning(part)
        if said and not said.startswith("None"):
            words.append(f"{part.title}: {said}")
    last = "The whole: mechexo report shift"
    text = " ".join(words)
    room = MESSAGE_LIMIT - len(last) - 3
    return f"{text if len(text) <= room else text[:room] + '…'} {last}"


def _beginning(part: Part) -> str:
    """What lines and lists say; rows of tables are for the whole report."""
    texts = []
    for block in part.blocks:
        if isinstance(block, Line):
            texts.append(f"{block.strong}{block.text}")
        elif isinstance(block, Items):
            texts.append("; ".join(block.texts) + ".")
        elif block.rows and not texts:
            texts.append(f"{len(block.rows)}.")
    return " ".join(" ".join(texts).split())


def _part(part: Part, marks: str) -> Iterator[str]:
    yield from ("", f"{marks} {part.title}")
    if part.unreadable:
        yield from ("", f"Not readable: {_said(part.unreadable)}")
    for block in part.blocks:
        yield ""
        yield from _block(block)
    for own in part.parts:
        yield from _part(own, f"{marks}#")


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Line):
        strong = f"**{_said(block.strong)}**" if block.strong else ""
        space = " " if strong and block.text.startswith(" ") else ""
        yield f"{strong}{space}{_said(block.text)}"
    elif isinstance(block, Items):
        yield from (f"- {cell(text)}" for text in block.texts)
    else:
        yield from table(block.columns, block.rows)


def _said(text: str) -> str:
    """As `cell`; a low line inside a word marks nothing, and stays as it is."""
    return _INSIDE_A_WORD.sub("_", cell(text))
