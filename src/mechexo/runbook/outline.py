"""The skeleton of a markdown text: headings, fences, the items of ordered lists.

A line scanner after CommonMark's rules, not a renderer: it has to be quick, to know line numbers,
and to take any text at all without an exception.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field

from mechexo.value_classes import dataclass

_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t](.*))?")
_FENCE = re.compile(r"([ \t]*)(`{3,}|~{3,})[ \t]*(.*)")
_ITEM = re.compile(r"( {0,3})(\d{1,9})([.)])([ \t]+|$)(.*)")
_BULLET = re.compile(r"[ \t]*[-*+](?:[ \t]|$)")
_ATTRIBUTES = re.compile(r"([^\s{]*)[ \t]*\{(.*)\}")
_ATTRIBUTE = re.compile(r"""[ \t]*([a-z_]+)=("(?:[^"\\]|\\.)*"|[^\s"]+)(?=[ \t]|$)""")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading and the line it is on (from 1)."""

    level: int
    text: str
    line: int


@dataclass(slots=True)
class Fence:
    """A fenced block. `attributes` are None when the braces of its info string are malformed."""

    line: int
    language: str
    attributes: Mapping[str, str] | None
    content: list[str] = field(default_factory=list)
    closed: bool = False
    of_item: bool = False
    """Whether it is the block of an ordered-list item: only there can it be a step's command."""


@dataclass(slots=True)
class Item:
    """An item of an ordered list at the outer level, as numbered when rendered."""

    number: int
    line: int
    section: str
    text: list[str] = field(default_factory=list)
    fences: list[Fence] = field(default_factory=list)


@dataclass(slots=True)
class Outline:
    """What the scan found, in the order of the text."""

    headings: list[Heading] = field(default_factory=list)
    fences: list[Fence] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    content_lines: list[int] = field(default_factory=list)
    """The numbers of the lines that hold anything but headings."""

    @property
    def title(self) -> str:
        """The first heading of the first level; empty without one."""
        return next((each.text for each in self.headings if each.level == 1), "")

    @property
    def sections(self) -> tuple[str, ...]:
        """The headings of the second level."""
        return tuple(each.text for each in self.headings if each.level == 2)


def outline(lines: Sequence[str], first_line: int = 1) -> Outline:
    """Scans the lines of a markdown text; the first one is number `first_line` of its file."""
    scan = _Scan()
    for number, line in enumerate(lines, first_line):
        scan.take(number, line)
    return scan.found


class _Scan:
    def __init__(self) -> None:
        self.found = Outline()
        self._fence: Fence | None = None
        self._mark = ""
        self._indent = 0
        self._item: Item | None = None
        self._column = 0
        self._section = ""
        self._after_blank = True
        self._listed = False
        self._in_comment = False

    def take(self, number: int, line: str) -> None:
        if self._fence is not None:
            self._take_in_fence(line)
        elif self._in_comment or line.lstrip().startswith("<!--"):
            # What a reader cannot see must not become a step.
            self._in_comment = "-->" not in line
        elif not line.strip():
            self._after_blank = True
        else:
            if not self._take_heading(number, line):
                self.found.content_lines.append(number)
                self._take_content(number, line)
            self._after_blank = False

    def _take_in_fence(self, line: str) -> None:
        assert self._fence is not None
        closing = line.strip()
        if closing.startswith(self._mark) and not closing.strip(self._mark[0]):
            self._fence.closed = True
            self._fence = None
            return
        spaces = len(line) - len(line.lstrip(" "))
        self._fence.content.append(line[min(spaces, self._indent) :])

    def _take_heading(self, number: int, line: str) -> bool:
        match = _HEADING.fullmatch(line)
        if match is None:
            return False
        heading = Heading(len(match[1]), _without_closing(match[2] or ""), number)
        self.found.headings.append(heading)
        self._item, self._listed = None, False
        if heading.level <= 2:
            self._section = heading.text if heading.level == 2 else ""
        return True

    def _take_content(self, number: int, line: str) -> None:
        indent = len(line) - len(line.lstrip(" \t"))
        item = _ITEM.fullmatch(line)
        if item is not None:
            self._open_item(number, item)
            line = " " * self._column + item[5]
            if not item[5]:
                return
            indent = self._column
        elif self._item is not None and indent < self._column and self._after_blank:
            self._item = None
        if _BULLET.match(line) or self._item is not None:
            self._listed = True
        elif self._after_blank and indent == 0:
            self._listed = False
        if not self._open_fence(number, line, indent) and self._item is not None:
            self._item.text.append(line.strip())

    def _open_item(self, number: int, match: re.Match[str]) -> None:
        wanted = int(match[2])
        shown = self._item.number + 1 if self._item is not None else wanted
        self._item = Item(shown, number, self._section)
        self.found.items.append(self._item)
        gap = len(match[4]) if 1 <= len(match[4]) <= 4 else 1
        self._column = len(match[1]) + len(match[2]) + len(match[3]) + gap

    def _open_fence(self, number: int, line: str, indent: int) -> bool:
        match = _FENCE.fullmatch(line)
        if match is None or ("`" in match[2] and "`" in match[3]):
            return False
        if indent >= 4 and not self._listed:
            return False
        language, attributes = read_info(match[3].strip())
        fence = Fence(number, language, attributes)
        self.found.fences.append(fence)
        if self._item is not None and indent < self._column:
            self._item = None
        if self._item is not None and indent < self._column + 4:
            fence.of_item = True
            self._item.fences.append(fence)
        self._fence, self._mark, self._indent = fence, match[2], indent
        return True


def _without_closing(text: str) -> str:
    """A heading's text less the row of `#` that may close it."""
    text = text.strip()
    rest = text.rstrip("#")
    return rest.rstrip() if rest == "" or rest[-1] in " \t" else text


def read_info(info: str) -> tuple[str, Mapping[str, str] | None]:
    """Reads an info string like `sh {id=look risk=read expect="a b"}`.

    Returns:
        The language, and the attributes: empty without braces, None when they are malformed.
    """
    match = _ATTRIBUTES.fullmatch(info)
    if match is None:
        words = info.split()
        malformed = "{" in info
        return (words[0] if words else ""), (None if malformed else {})
    attributes: dict[str, str] = {}
    rest = match[2].strip()
    while rest:
        found = _ATTRIBUTE.match(rest)
        if found is None or found[1] in attributes:
            return match[1], None
        value = found[2]
        quoted = value.startswith('"')
        attributes[found[1]] = value[1:-1].replace('\\"', '"') if quoted else value
        rest = rest[found.end() :].strip()
    return match[1], attributes
