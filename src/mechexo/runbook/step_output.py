"""What a step says: made harmless, secrets hidden, bounded whatever the command writes.

The end of it is kept for the record. What is shown while it runs comes in whole lines, so that no
sequence, character or secret is cut in two; a flood is shown in part, and says so.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from mechexo.config.addresses import secrets_of_references
from mechexo.config.secrets import redact
from mechexo.errors import ConfigError
from mechexo.masking import masked
from mechexo.output_tail import Tail, plain_lines
from mechexo.runbook.harmless import harmless

LONGEST_SHOWN_BYTES = 16_384
"""How much is shown at once; of more the newest."""
_CONTEXT_LINES = 100
"""Lines before the new ones that may say what these are: the beginning of a key, a heading."""
_SHORTEST_VALUE = 6
"""A shorter value is as likely an everyday word."""
_REFERENCE = re.compile(r"\$\{(?:env|file):[^}]+\}")


class StepOutput:
    """Receives what a command says, keeps its end and passes on what may be shown."""

    def __init__(
        self, on_output: Callable[[str], None] | None = None, secrets: tuple[str, ...] = ()
    ) -> None:
        self._on_output = on_output
        self._secrets = secrets
        self._tail = Tail()
        self._waiting = bytearray()
        self._left_out_bytes = 0
        self._before: list[str] = []

    def add(self, chunk: bytes) -> None:
        """Takes what the command has just written."""
        self._tail.add(chunk)
        if self._on_output is None:
            return
        self._waiting += chunk
        too_many = len(self._waiting) - LONGEST_SHOWN_BYTES
        if too_many > LONGEST_SHOWN_BYTES:
            # From the beginning of a line on. In one without an end all of it goes.
            end = self._waiting.find(b"\n", too_many) + 1 or len(self._waiting)
            self._left_out_bytes += end
            del self._waiting[:end]

    def pulse(self) -> None:
        """Shows the lines that are whole: half a line may be half a secret."""
        self._show(self._waiting.rfind(b"\n") + 1)

    def close(self) -> None:
        """Shows what is left: the command has ended."""
        self._show(len(self._waiting))

    def text(self) -> str:
        """The end of what it said, harmless to store and to show."""
        return _shown(self._tail.plain(), self._secrets, [])[0].strip("\n")

    def plain(self) -> str:
        """The same with its secrets: to compare, never to keep."""
        return harmless(self._tail.plain())

    def _show(self, size: int) -> None:
        if self._on_output is None:
            return
        told = ""
        if self._left_out_bytes:
            told = f"… {self._left_out_bytes:,} bytes not shown …\n"
            self._left_out_bytes = 0
        if size:
            piece = bytes(self._waiting[:size])
            del self._waiting[:size]
            text, self._before = _shown(plain_lines(piece), self._secrets, self._before)
            told += text
        if told:
            self._on_output(told)


def _shown(text: str, secrets: tuple[str, ...], before: list[str]) -> tuple[str, list[str]]:
    """The text as it may be shown, after the lines before it; and the lines before what follows."""
    lines = redact(harmless(text), secrets).split("\n")
    shown = masked([*before, *lines])[len(before) :]
    return "\n".join(shown), [*before, *lines][-_CONTEXT_LINES:]


def known_secrets(config: Path, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """What a command could say and nobody should read: what the configuration refers to as
    `${env:…}` or `${file:…}`, and variables of the environment that are named like secrets.

    Args:
        config: the mechexo.toml.
        environ: the environment; this process's own unless given.
    """
    found: list[str] = []
    try:
        text = config.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""  # What cannot be read refers to nothing that a command could repeat for it.
    for reference in set(_REFERENCE.findall(text)):
        try:
            found += secrets_of_references(reference, config.parent)
        except ConfigError:
            continue  # Not set here, so that there is nothing to hide.
    for name, value in (os.environ if environ is None else environ).items():
        line = [f"{name}: value"]
        if masked(line) != line and not os.path.exists(value):  # noqa: PTH110
            found.append(value)
    # As wholes, line by line: the pieces of an address are everyday words.
    lines = {line.strip() for secret in found for line in secret.splitlines()}
    forms = {form for line in lines for form in (line, quote(line, safe=""), quote(line))}
    return tuple(sorted(form for form in forms if len(form) >= _SHORTEST_VALUE))
