"""Hiding secrets in lines that will be shown and stored. Pure."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Sequence

from mechexo.config.secrets import HIDDEN, redact

_SECRET_WORDS = (
    r"pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|signing[_-]?key|encryption[_-]?key|credentials?|auth|authorization|bearer|dsn"
    r"|connection[_-]?string|webhook(?:[_-]?url)?"
)
# A key that is, or has as one of its words, a word for a secret; then what separates it from its
# value. The value may follow on the same line, or as an indented block.
_ASSIGNMENT = re.compile(
    rf"""(?ix)
    (?P<key> (?<![\w.-]) [\"']? [\w.-]* (?:{_SECRET_WORDS})s? (?:[_.-][\w.-]*)? [\"']? )
    (?P<between> \s* (?:=>|:=|[:=]) \s* )
    (?P<value> .* )
    """
)
_REFERENCE = re.compile(r"^[\"']?\$\{[^}]+\}[\"']?[\s,;}\]]*(?:\#.*)?$")
_EMPTY = re.compile(r"^(?:[\"']{2}|null|none|~|true|false)?[\s,;}\]]*(?:\#.*)?$", re.IGNORECASE)
_BLOCK = re.compile(r"^(?:[|>][+-]?\d?|[\[{]|\"{3}.*|'{3}.*|&\w+|!\S+)?\s*(?:\#.*)?$")
# What `/etc/passwd: Permission denied` has behind its colon is no secret.
_SAID_BY_THE_SYSTEM = frozenset(map(os.strerror, errno.errorcode))
_LONGEST_LINE = 2000
_MENTION = re.compile(_SECRET_WORDS, re.IGNORECASE)
# Without one of these a line neither holds nor begins anything to hide: a word for a secret, a key
# block, an address that may have a password, a token of our own.
_TELLING_WORDS = rf"{_SECRET_WORDS}|-----begin|://|mechexo_"
_TELLING = re.compile(_TELLING_WORDS, re.IGNORECASE)
_TELLING_IN_LOWER_CASE = re.compile(_TELLING_WORDS)
_PEM_BEGIN = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_PEM_END = re.compile(r"-----END [A-Z ]*PRIVATE KEY-----")
_SECTION = re.compile(r"^\s*\[{1,2}[^\[\]=]+\]{1,2}\s*(?:[#;].*)?$")
_ANY_ASSIGNMENT = re.compile(r"^\s*(?P<key>[\w.\"'-]+)\s*[:=]\s*(?P<value>.*)")
_CLOSING = re.compile(r"^\s*[\]}]+,?\s*$")
_TRIPLE = re.compile(r"\"{3}|'{3}")
# An entry of name and value, such as of an environment: the name says what the value is.
_NAME = re.compile(
    rf"""(?ix)
    (?<![\w.-]) [\"']? (?:name|key) [\"']? \s* [:=] \s*
    [\"']? [\w.-]* (?:{_SECRET_WORDS})s? (?:[_.-][\w.-]*)? [\"']? \s* (?:[,}}\#].*)? $
    """
)
_VALUE = re.compile(r"(?<![\w.-])[\"']?value[\"']?\s*[:=]\s*", re.IGNORECASE)
_ENTRY_LINES = 4
"""So many lines from its name, either way, the value of an entry is looked for."""


def masked(lines: Sequence[str]) -> list[str]:
    """The same number of lines, with the values of secret keys, private keys and credentials in
    addresses hidden. References such as `${env:NAME}` hold no secret and stay.

    What belongs to a secret key is hidden to its end: an indented block, a list, a text in triple
    quotes, and all values below a heading such as `[credentials]`. So is the value of an entry
    whose name says that it is a secret.
    """
    # Most lines have nothing to hide, and a plan looks at both sides of each file.
    telling = [_tells(line) for line in lines]
    if not any(telling):
        return list(lines)
    masker, values = _Masker(), _named_values(lines, telling)
    shown = []
    for number, (line, tells) in enumerate(zip(lines, telling, strict=True)):
        if not tells and number not in values and masker.at_rest:
            shown.append(line)
            continue
        body = line.rstrip("\r\n")
        shown.append(masker.line(body, value_at=values.get(number)) + line[len(body) :])
    return shown


def _tells(line: str) -> bool:
    """Whether anything in a line makes it worth a look. Searching lower case is eight times as
    fast, but for other letters than ASCII it is not the same."""
    if line.isascii():
        return _TELLING_IN_LOWER_CASE.search(line.lower()) is not None
    return _TELLING.search(line) is not None


def _named_values(lines: Sequence[str], telling: Sequence[bool]) -> dict[int, int]:
    """Where a secret stands that only the name in the same entry tells: column by line number."""
    found = {}
    for number, (line, tells) in enumerate(zip(lines, telling, strict=True)):
        if not tells or len(line) > _LONGEST_LINE:
            continue
        if (name := _NAME.search(line)) is None:
            continue
        if same := _VALUE.search(line):
            found[number] = same.end()
        column = name.start()
        for near in _same_entry(lines, number, column):
            value = _VALUE.search(lines[near][:_LONGEST_LINE])
            if value is not None and value.start() == column:
                found[near] = value.end()
    return found


def _same_entry(lines: Sequence[str], number: int, column: int) -> Iterator[int]:
    """The lines near by whose keys belong to the same entry as one at this line and column."""

    def begins(at: int) -> bool:
        return lines[at][:column].strip() == "-"

    def outside(at: int) -> bool:
        before = lines[at][:column].strip()
        return bool(before) and before != "-"

    for at in range(number + 1, min(len(lines), number + _ENTRY_LINES)):
        if begins(at) or outside(at):
            break
        yield at
    for at in range(number, max(-1, number - _ENTRY_LINES), -1):
        if at < number and outside(at):
            break
        if at < number:
            yield at
        if begins(at):
            break


class _Masker:
    """Remembers, from line to line, what the next line may be a part of."""

    def __init__(self) -> None:
        self._until: re.Pattern[str] | None = None
        self._block_indent: int | None = None
        self._may_list = False
        self._secret_section = False

    @property
    def at_rest(self) -> bool:
        """Whether no line before makes the next one a secret."""
        return self._until is None and self._block_indent is None and not self._secret_section

    def line(self, body: str, *, value_at: int | None = None) -> str:
        """One line without its ending, as it may be shown; from `value_at` on it is a secret."""
        indent = body[: len(body) - len(body.lstrip())]
        if self._until is not None:
            if self._until.search(body):
                self._until = None
            return indent + HIDDEN
        if self._in_block(body, len(indent)):
            return indent + HIDDEN
        if len(body) > _LONGEST_LINE:
            # Too long to take apart safely, such as JSON on one line.
            return HIDDEN if _MENTION.search(body) else redact(body)
        if _PEM_BEGIN.search(body):
            self._until = None if _PEM_END.search(body) else _PEM_END
            return indent + HIDDEN
        if _SECTION.match(body):
            self._secret_section = bool(_MENTION.search(body))
            return body
        if value_at is not None:
            return redact(body[:value_at]) + self._value(body[value_at:], len(indent))
        found = _ASSIGNMENT.search(body)
        if found is None and self._secret_section:
            found = _ANY_ASSIGNMENT.search(body)
        if found is None:
            return redact(body)
        return redact(body[: found.start("value")]) + self._value(
            found["value"], found.start("key")
        )

    def _in_block(self, body: str, indent: int) -> bool:
        """Whether a line belongs to the value of the secret key above it."""
        if self._block_indent is None or not body.strip():
            return False
        listed = self._may_list and indent == self._block_indent and body.lstrip().startswith("- ")
        if (indent > self._block_indent or listed) and not _CLOSING.match(body):
            return True
        self._block_indent = None
        return False

    def _value(self, value: str, column: int) -> str:
        """What may be shown of a value on the line of its secret key, which stands at `column`."""
        if value.strip() in _SAID_BY_THE_SYSTEM:
            return value
        block = bool(_BLOCK.match(value))
        if _REFERENCE.match(value) or (_EMPTY.match(value) and not block):
            return value
        # Also after a value that seems whole: a plain text may go on below, further in.
        self._block_indent, self._may_list = column, block
        if not block:
            return HIDDEN
        quotes = _TRIPLE.match(value)
        if quotes is None:
            return value
        if quotes[0] not in value[3:]:
            self._until = re.compile(re.escape(quotes[0]))
        return HIDDEN
