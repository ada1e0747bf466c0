"""An entry as this desk's people read it, the same on every face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from mechexo.runbook.outline import outline
from mechexo.runbook.parse import SHELLS
from mechexo.runbook.variables import fill

if TYPE_CHECKING:
    from mechexo.runbook.values import Entry

_WARNINGS = {"read": "", "change": ": changes the desk", "danger": ": DANGER, think first"}


def as_shown(entry: Entry, variables: Mapping[str, str]) -> Entry:
    """The entry with the desk's values filled in, what is wrong with it on top, and each command
    that can be run headed by its name and risk, which renderers of markdown hide.

    The commands of its steps get the values only; its `source` stays as written.
    """
    body, unset = fill(_headed(entry.body), variables)
    steps = []
    for step in entry.steps:
        command, lacking = fill(step.command, variables)
        text, _ = fill(step.text, variables)
        steps.append(replace(step, command=command, text=text, unset=lacking))
    told = "".join(f"✖ {problem}\n\n" for problem in entry.problems)
    return replace(entry, body=told + body, steps=tuple(steps), unset=unset)


def _headed(body: str) -> str:
    """The body with a remark such as `# halt: changes the desk; undone by resume` in each runnable
    block: a remark of the shell, so that copying the block stays harmless."""
    lines = body.split("\n")
    for fence in reversed(outline(lines).fences):
        attributes = fence.attributes or {}
        if not attributes.get("id") or fence.language not in SHELLS or not fence.closed:
            continue
        opening = lines[fence.line - 1]
        indent = opening[: len(opening) - len(opening.lstrip())]
        risk = _WARNINGS.get(attributes.get("risk", "read"), _WARNINGS["danger"])
        undo = f"; undone by {attributes['undo']}" if attributes.get("undo") else ""
        lines.insert(fence.line, f"{indent}# {attributes['id']}{risk}{undo}")
    return "\n".join(lines)
