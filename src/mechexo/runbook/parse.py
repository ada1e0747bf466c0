"""Markdown to an entry. Takes any text: what does not fit is in `problems`, never an exception."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePath

from mechexo.runbook.front_matter import read_front_matter
from mechexo.runbook.harmless import harmless
from mechexo.runbook.outline import Fence, Item, outline
from mechexo.runbook.values import Entry, Step

RISKS = ("read", "change", "danger")
SHELLS = frozenset({"sh", "bash", "shell"})
STEP_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
EXITS = re.compile(r"[0-9]{1,3}(?:,[0-9]{1,3})*")


def parse(text: str, *, name: str, origin: str = "shipped", path: Path | None = None) -> Entry:
    """Reads one entry.

    Args:
        text: the file's text, with or without front matter.
        name: the file's name; its stem is the id when the front matter gives none.
        origin: `shipped`, or the desk's own file.
        path: where it lies, for messages.
    """
    source = harmless(text)
    lines = source.split("\n")
    head = read_front_matter(lines)
    found = outline(lines[head.lines :], head.lines + 1)
    stem = harmless(PurePath(name).stem).strip() or "unnamed"
    steps = told_apart(step for item in found.items for step in _steps(item))
    entry_id = head.text("id") or stem
    return Entry(
        id=entry_id,
        title=head.text("title") or found.title or entry_id,
        severity=head.text("severity"),
        owner=head.text("owner"),
        backup_owner=head.text("backup_owner"),
        alerts=head.texts("alerts"),
        symptoms=head.texts("symptoms"),
        last_reviewed=head.day("last_reviewed"),
        review_every_days=head.number("review_every"),
        max_minutes=head.number("max_minutes"),
        requires=head.text("requires"),
        body="\n".join(lines[head.lines :]).strip("\n"),
        sections=found.sections,
        steps=steps,
        origin=origin,
        path=path,
        last_drilled=head.day("last_drilled"),
        schema=head.number("schema"),
        source=source,
        extends=head.text("extends"),
        # Last: the readings above add to it.
        problems=tuple(head.problems),
    )


def exit_codes(said: str) -> tuple[int, ...] | None:
    """The exit codes that `exits="0,1"` names; None when it is no list of codes from 0 to 255."""
    codes = [int(each) for each in said.split(",")] if EXITS.fullmatch(said) else []
    return tuple(dict.fromkeys(codes)) if codes and max(codes) <= 255 else None


def told_apart(steps: Iterable[Step]) -> tuple[Step, ...]:
    """The steps with a key of their own each, also where two lists of a section count from 1."""
    seen: Counter[str] = Counter()
    told = []
    for step in steps:
        seen[step.key] += 1
        told.append(replace(step, repeat=seen[step.key]))
    return tuple(told)


def _steps(item: Item) -> list[Step]:
    """An item's steps: one for each block of commands, or one without any."""
    text = " ".join(part for part in item.text if part)
    commands = [fence for fence in item.fences if fence.language in SHELLS]
    if not commands:
        return [Step(item.number, text, item.section, line=item.line)]
    return [_step(item, text, fence) for fence in commands]


def _step(item: Item, text: str, fence: Fence) -> Step:
    attributes = fence.attributes or {}
    wanted = attributes.get("id", "")
    runnable = fence.closed and STEP_ID.fullmatch(wanted) is not None
    risk = attributes.get("risk", "read")
    timeout = attributes.get("timeout", "")
    return Step(
        number=item.number,
        text=text,
        section=item.section,
        command="\n".join(fence.content).strip("\n"),
        id=wanted if runnable else "",
        # A risk that we cannot read is the worst one.
        risk=risk if risk in RISKS else "danger",
        confirm=attributes.get("confirm", ""),
        expect=attributes.get("expect", ""),
        timeout_s=int(timeout) if re.fullmatch(r"[0-9]{1,5}", timeout) else None,
        undo=attributes.get("undo", ""),
        line=fence.line,
        # Codes that we cannot read excuse nothing.
        exits=exit_codes(attributes.get("exits", "0")) or (0,),
        background="keep" if attributes.get("background") == "keep" else "end",
    )
