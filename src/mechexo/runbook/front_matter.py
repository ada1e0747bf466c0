"""The head of an entry: YAML between two lines of `---`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

LARGEST_CHARACTERS = 16_384
KNOWN_KEYS = frozenset(
    {"id", "title", "severity", "owner", "backup_owner", "alerts", "symptoms", "last_reviewed"}
    | {"review_every", "last_drilled", "max_minutes", "requires", "schema"}
)
# PyYAML needs seconds for a text that only opens brackets.
MOST_BRACKETS = 100
_DEEP_LIST = re.compile(r"(?:-[ \t]+){20}")
_NOTHING = ("", "~", "null")


@dataclass(slots=True)
class FrontMatter:
    """The keys of the head as text, and what was wrong with it."""

    values: dict[str, Any] = field(default_factory=dict)
    lines: int = 0
    """How many lines of the file it takes, both fences included; 0 when there is none."""
    problems: list[str] = field(default_factory=list)

    def text(self, key: str) -> str:
        """A plain value; empty when missing."""
        value = self.values.get(key, "")
        if isinstance(value, str):
            return "" if value in _NOTHING else value.strip()
        self.problems.append(f"{key} must be one plain value")
        return ""

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of plain values; one plain value counts as a list of one."""
        value = self.values.get(key, "")
        if isinstance(value, str):
            return () if value in _NOTHING else (value.strip(),)
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return tuple(each.strip() for each in value)
        self.problems.append(f"{key} must be a list of plain values")
        return ()

    def number(self, key: str) -> int | None:
        """A whole number from 1; None when missing."""
        text = self.text(key)
        if text.isascii() and text.isdigit() and 0 < len(text) <= 9 and int(text) > 0:
            return int(text)
        if text:
            self.problems.append(f"{key}: {text!r} is not a whole number from 1")
        return None

    def day(self, key: str) -> date | None:
        """A date like 2026-03-08; None when missing."""
        text = self.text(key)
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            self.problems.append(f"{key}: {text!r} is not a date like 2026-03-08")
            return None


def read_front_matter(lines: Sequence[str]) -> FrontMatter:
    """Reads the head of a file's lines. Never raises: what is wrong is in `problems`."""
    if not lines or lines[0].rstrip() != "---":
        return FrontMatter()
    ends = (n for n, line in enumerate(lines[1:], 1) if line.rstrip() in ("---", "..."))
    end = next(ends, None)
    if end is None:
        return FrontMatter(problems=["the front matter is never closed with ---"])
    head = FrontMatter(lines=end + 1)
    text = "\n".join(lines[1:end])
    if len(text) > LARGEST_CHARACTERS:
        head.problems.append(f"the front matter is longer than {LARGEST_CHARACTERS} characters")
        return head
    if text.count("[") + text.count("{") > MOST_BRACKETS or _DEEP_LIST.search(text):
        head.problems.append("the front matter is nested too deeply")
        return head
    import yaml

    try:
        # The base loader makes text, lists and mappings of everything: no types to trip over.
        document = yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 2}: " if mark else ""
        head.problems.append(f"the front matter is not YAML: {where}{_reason(error)}")
        return head
    except RecursionError:
        head.problems.append("the front matter is nested too deeply")
        return head
    if isinstance(document, dict):
        head.values = {str(key): value for key, value in document.items()}
    elif document not in (None, ""):
        head.problems.append("the front matter must be `key: value` lines")
    return head


def _reason(error: Exception) -> str:
    return str(getattr(error, "problem", None) or error).replace("\n", " ")
