"""A unified diff made from our own bytes, with secrets masked and harmless to show. Pure."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from mechexo.masking import masked
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.rollback.worktree import Content

_CONTEXT = 3
# Above this many lines between the first and the last difference, finding the smallest diff takes
# too long; the whole stretch is then shown as replaced, which is as true.
_LONGEST_STRETCH = 4000
_NO_NEWLINE = "\\ No newline at end of file"
_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]"
)


@dataclass(frozen=True, slots=True)
class FileDiff:
    """How one path would change. Counts are lines; both are 0 for a binary file."""

    text: str
    added: int
    removed: int
    binary: bool


def shown_path(path: str) -> str:
    """A path as it can be shown and stored: undecodable bytes and control characters escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return _UNSHOWABLE.sub(_escape, text.replace("\n", "\\n").replace("\t", "\\t"))


def harmless(text: str) -> str:
    """Text as one line that moves no cursor, turns no writing round and can be stored."""
    encodable = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return _UNSHOWABLE.sub(_escape, encodable.replace("\n", "\\n").replace("\t", "\\t"))


def file_diff(path: str, now: Content | None, then: Content | None) -> FileDiff:
    """The diff from what is there now to what would be there after the rollback."""
    name = shown_path(path)
    head = [f"diff --git a/{name} b/{name}"]
    if now is None and then is not None:
        head.append(f"new file mode {then.mode}")
    elif then is None and now is not None:
        head.append(f"deleted file mode {now.mode}")
    elif now is not None and then is not None and now.mode != then.mode:
        head += [f"old mode {now.mode}", f"new mode {then.mode}"]
    old, new = now.data if now else b"", then.data if then else b""
    if old == new:
        return FileDiff("\n".join(head) + "\n", 0, 0, False)
    old_lines, new_lines = _lines(old), _lines(new)
    if old_lines is None or new_lines is None:
        body = [f"Binary content: {_described(now)} -> {_described(then)}"]
        return FileDiff("\n".join([*head, *body]) + "\n", 0, 0, True)
    head.append(f"--- a/{name}" if now else "--- /dev/null")
    head.append(f"+++ b/{name}" if then else "+++ /dev/null")
    body = list(_hunks(old_lines, new_lines))
    return FileDiff(
        "\n".join([*head, *body]) + "\n",
        sum(line.startswith("+") for line in body),
        sum(line.startswith("-") for line in body),
        False,
    )


def _lines(data: bytes) -> list[str] | None:
    """The lines with their newlines; None for what is not text in UTF-8."""
    if b"\0" in data:
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    lines = text.split("\n")
    return [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _hunks(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    shown_old, shown_new = masked(old), masked(new)
    for group in _groups(old, new):
        old_from, old_to = group[0][1], group[-1][2]
        new_from, new_to = group[0][3], group[-1][4]
        yield f"@@ -{_span(old_from, old_to)} +{_span(new_from, new_to)} @@"
        for tag, first_old, last_old, first_new, last_new in group:
            if tag == "equal":
                yield from _marked(" ", shown_old[first_old:last_old])
                continue
            yield from _marked("-", shown_old[first_old:last_old])
            yield from _marked("+", shown_new[first_new:last_new])


_Opcode = tuple[str, int, int, int, int]


def _groups(old: Sequence[str], new: Sequence[str]) -> Iterator[list[_Opcode]]:
    """Differences, near ones together, with up to `_CONTEXT` equal lines on either side.

    Only what lies between the common beginning and the common end is searched.
    """
    shortest = min(len(old), len(new))
    before = next((i for i in range(shortest) if old[i] != new[i]), shortest)
    shortest -= before
    after = next((i for i in range(shortest) if old[-1 - i] != new[-1 - i]), shortest)
    old_end, new_end = len(old) - after, len(new) - after
    group: list[_Opcode] = []
    if before:
        start = max(0, before - _CONTEXT)
        group.append(("equal", start, before, start, before))
    for opcode in _between(old[before:old_end], new[before:new_end], before):
        tag, old_from, old_to, new_from, new_to = opcode
        if tag == "equal" and old_to - old_from > 2 * _CONTEXT:
            first, last = old_from + _CONTEXT, old_to - _CONTEXT
            shift = new_from - old_from
            yield [*group, (tag, old_from, first, new_from, first + shift)]
            group = [(tag, last, old_to, last + shift, new_to)]
        else:
            group.append(opcode)
    if after:
        context = min(after, _CONTEXT)
        group.append(("equal", old_end, old_end + context, new_end, new_end + context))
    yield group


def _between(old: Sequence[str], new: Sequence[str], shift: int) -> Iterator[_Opcode]:
    """How the lines that differ become others; they are `shift` lines down in both texts."""
    if max(len(old), len(new)) > _LONGEST_STRETCH:
        opcodes: list[_Opcode] = [("replace", 0, len(old), 0, len(new))]
    else:
        matcher = SequenceMatcher(None, old, new, autojunk=False)
        opcodes = list(matcher.get_opcodes())
    for tag, a, b, c, d in opcodes:
        yield tag, a + shift, b + shift, c + shift, d + shift


def _marked(mark: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield mark + _UNSHOWABLE.sub(_escape, line.removesuffix("\n"))
        if not line.endswith("\n"):
            yield _NO_NEWLINE


def _escape(match: re.Match[str]) -> str:
    """A carriage return and the like as a visible sign, so that it cannot move the cursor."""
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"\\u{code:04x}"


def _span(first: int, last: int) -> str:
    # As in every unified diff: an empty side is named by the line before it.
    length = last - first
    start = first + 1 if length else first
    return f"{start}" if length == 1 else f"{start},{length}"


def _described(content: Content | None) -> str:
    if content is None:
        return "nothing"
    return f"{len(content.data)} bytes, sha256 {hashlib.sha256(content.data).hexdigest()}"
