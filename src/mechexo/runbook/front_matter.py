"""The head of an entry: YAML between two lines of `---`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from datetime import date
from typing import Any

from mechexo.value_classes import dataclass

LARGEST_CHARACTERS = 16_384
KNOWN_KEYS = frozenset(
    {"id", "title", "severity", "owner", "backup_owner", "alerts", "symptoms", "last_reviewed"}
    | {"review_every", "last_drilled", "max_minutes", "requires", "schema", "extends"}
)
# PyYAML needs seconds for a text that only opens brackets.
MOST_BRACKETS = 100
DEEPEST = 5
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
    if text.count("[") + text.count("{") > MOST_BRACKETS:
        head.problems.append("the front matter is nested too deeply")
        return head
    try:
        head.values = _values(text, head.problems)
    except ValueError as error:
        head.problems.append(f"the front matter {error}")
    return head


def _values(text: str, problems: list[str]) -> dict[str, Any]:
    """The keys and their values as texts, lists and mappings, from the parser's events: a tag makes
    no object, and an alias is not taken, so that a few lines cannot stand for gigabytes.

    Raises:
        ValueError: it cannot be read; the text goes on after "the front matter".
    """
    import yaml

    root: list[Any] = []
    stack: list[tuple[Any, list[str]]] = [(root, [])]
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader)):
            if isinstance(event, yaml.AliasEvent):
                raise ValueError(f"may not hold an alias (*{event.anchor})")
            if isinstance(event, yaml.CollectionEndEvent):
                stack.pop()
            elif isinstance(event, yaml.NodeEvent):
                if tag := getattr(event, "tag", None):
                    raise ValueError(f"may not hold a tag ({tag})")
                value = _value(event)
                _put(stack[-1], value, problems)
                if not isinstance(value, str):
                    stack.append((value, []))
                    if len(stack) > DEEPEST:
                        raise ValueError("is nested too deeply")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 2}: " if mark else ""
        raise ValueError(f"is not YAML: {where}{_reason(error)}") from error
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    return _only_mapping(root)


def _value(event: Any) -> Any:
    import yaml

    if isinstance(event, yaml.ScalarEvent):
        return event.value
    return {} if isinstance(event, yaml.MappingStartEvent) else []


def _put(place: tuple[Any, list[str]], value: Any, problems: list[str]) -> None:
    """Puts a value into a list, or takes it as the next key or value of a mapping."""
    holder, key = place
    if isinstance(holder, list):
        holder.append(value)
    elif not key:
        if not isinstance(value, str):
            raise ValueError("has a key that is not plain")
        key.append(value)
    else:
        name = key.pop()
        if name in holder:
            problems.append(f"{name} is there twice")
        holder.setdefault(name, value)


def _only_mapping(documents: list[Any]) -> dict[str, Any]:
    if documents in ([], [""]):
        return {}
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise ValueError("must be `key: value` lines")
    return documents[0]


def _reason(error: Exception) -> str:
    return str(getattr(error, "problem", None) or error).replace("\n", " ")
