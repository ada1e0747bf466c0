"""The end of a command's output, kept so that it is harmless to store and to show."""

from __future__ import annotations

import re
import unicodedata

from mechexo.config.secrets import redact

LONGEST_BYTES = 8192
"""How much of the end is kept."""

LAST_WORDS_LIMIT = 300
"""Characters of the line that stands for a failed run's output."""

_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # colours, cursor movements
    r"|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles, links and other strings
    r"|[ -/]*[0-~])"
)
_REORDERING = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Tail:
    """Collects output and keeps its last bytes."""

    def __init__(self, longest_bytes: int = LONGEST_BYTES) -> None:
        self._longest = longest_bytes
        self._kept = bytearray()
        self._cut = False

    def add(self, chunk: bytes) -> None:
        """Adds what the job has just written."""
        self._kept += chunk
        if len(self._kept) > self._longest:
            self._cut = True
            del self._kept[: -self._longest]

    @property
    def cut(self) -> bool:
        """Whether the beginning is no longer there."""
        return self._cut

    def plain(self) -> str:
        """What is kept as plain lines, secrets not hidden."""
        return plain_lines(bytes(self._kept), cut=self._cut)

    def text(self) -> str:
        """What is kept, as text that moves no cursor, hides nothing and holds no plain secret."""
        return harmless(bytes(self._kept), cut=self._cut)


def harmless(output: bytes, *, cut: bool = False) -> str:
    """Output as plain lines: no escape codes, no control characters, secrets hidden.

    A line that was written over (`\\r`, as progress bars do) shows its last state. `cut` says that
    the beginning is missing, so that a character or a line cut in two is left out.
    """
    return redact(plain_lines(output, cut=cut))


def plain_lines(output: bytes, *, cut: bool = False) -> str:
    """The same before secrets are hidden: for what compares output and keeps none of it."""
    if cut:
        _, newline, rest = output.partition(b"\n")
        # What is left of a word could be the end of a secret that nothing tells any more.
        rest = rest if newline else output.partition(b" ")[2]
        output = rest or output.lstrip(bytes(range(0x80, 0xC0)))
    text = _ESCAPES.sub("", output.decode("utf-8", "replace"))
    lines = (_last_state(line) for line in text.replace("\r\n", "\n").split("\n"))
    return "\n".join(lines)


def last_words(tail: str, flow: str = "") -> str:
    """The last line of a run's output that says something, for one line of text; "" without one.

    Lines of marks only (rules, carets under a line of code) say nothing. A job that begins its
    lines with the flow's own name need not repeat it.
    """
    lines = (" ".join(line.split()) for line in reversed(tail.splitlines()))
    line = next((each for each in lines if any(map(str.isalnum, each))), "")
    line = redact(line.removeprefix(f"{flow}: ") if flow else line)
    return line if len(line) <= LAST_WORDS_LIMIT else line[: LAST_WORDS_LIMIT - 1].rstrip() + "…"


def _last_state(line: str) -> str:
    shown = line.rstrip("\r").rpartition("\r")[2]
    return "".join(each for each in shown if each == "\t" or _is_plain(each))


def _is_plain(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cs") and character not in _REORDERING
