"""A desk's own entry that says `extends: shipped`: its sections in place of the shipped ones."""

from __future__ import annotations

from dataclasses import replace

from mechexo.runbook.outline import outline
from mechexo.runbook.parse import told_apart
from mechexo.runbook.values import SECTIONS, Entry

SHIPPED = "shipped"


def extended(own: Entry, below: Entry) -> Entry:
    """The shipped entry with what the desk's own one says instead.

    A section of the own entry takes the place of the shipped one of that name; one that the
    shipped entry does not have comes in the order of `SECTIONS`, or last. Keys of the front matter
    that the own entry leaves out stay; its alerts and symptoms come on top. `source` is the own
    file. The line of a step is that of the file it comes from.
    """
    mine, theirs = _by_section(own.body), _by_section(below.body)
    names = _ordered([name for name in theirs if name], [name for name in mine if name])
    opening = mine[""] if _says_something(mine[""]) else theirs[""]
    texts = [opening, *(mine.get(name) or theirs[name] for name in names)]
    steps = [
        step for step in (own if _says_something(mine[""]) else below).steps if not step.section
    ]
    for name in names:
        steps += [step for step in (own if name in mine else below).steps if step.section == name]
    return replace(
        own,
        # Without a title of its own the name of the file stands for one.
        title=own.title if own.title != own.id else below.title,
        severity=own.severity or below.severity,
        owner=own.owner or below.owner,
        backup_owner=own.backup_owner or below.backup_owner,
        alerts=tuple(dict.fromkeys((*below.alerts, *own.alerts))),
        symptoms=tuple(dict.fromkeys((*below.symptoms, *own.symptoms))),
        last_reviewed=own.last_reviewed or below.last_reviewed,
        review_every_days=own.review_every_days or below.review_every_days,
        max_minutes=own.max_minutes or below.max_minutes,
        requires=own.requires or below.requires,
        last_drilled=own.last_drilled or below.last_drilled,
        schema=own.schema or below.schema,
        body="\n\n".join(text.strip("\n") for text in texts if text.strip()),
        sections=tuple(names),
        steps=told_apart(replace(step, repeat=1) for step in steps),
    )


def _by_section(body: str) -> dict[str, str]:
    """The text of each section with its heading; what stands before the first one under ``. Two
    sections of one name are one."""
    lines = body.split("\n")
    found = [("", 1)] + [(h.text, h.line) for h in outline(lines).headings if h.level == 2]
    ends = [line for _, line in found[1:]] + [len(lines) + 1]
    texts: dict[str, str] = {}
    for (name, start), end in zip(found, ends, strict=True):
        text = "\n".join(lines[start - 1 : end - 1])
        texts[name] = f"{texts[name]}\n{text}" if name in texts else text
    return texts


def _says_something(opening: str) -> bool:
    return bool(outline(opening.split("\n")).content_lines)


def _ordered(names: list[str], more: list[str]) -> list[str]:
    """The names of the sections, those that are new among them at their place."""
    for name in more:
        if name in names:
            continue
        place = len(names)
        if name in SECTIONS:
            later = SECTIONS[SECTIONS.index(name) + 1 :]
            place = next((i for i, each in enumerate(names) if each in later), place)
        names.insert(place, name)
    return names
