"""A whole entry for tests, and ways to spoil it."""

from __future__ import annotations

from datetime import date

from mechexo.runbook.values import SECTIONS

REVIEWED = date(2026, 3, 1)
HEAD = """---
schema: 1
id: sample
title: A sample
severity: SEV2
owner: operations
backup_owner: engineering
alerts: [sample_alert]
symptoms: [something is odd]
last_reviewed: 2026-03-01
review_every: 180
requires: responder
---
"""


def whole(**sections: str) -> str:
    """An entry without findings; a keyword like `First_60_seconds` replaces a section's text."""
    texts = {name.replace("_", " "): text for name, text in sections.items()}
    parts = [f"## {name}\n\n{texts.get(name, f'Words about {name}.')}\n" for name in SECTIONS]
    return HEAD + "# A sample\n\n" + "\n".join(parts)


def step(command: str, attributes: str = "id=look") -> str:
    """A numbered item with one runnable command."""
    return f"1. Do it.\n\n   ```sh {{{attributes}}}\n   {command}\n   ```"
