"""Hiding secrets in lines that will be shown and stored. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

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
_LONGEST_LINE = 2000
_MENTION = re.compile(_SECRET_WORDS, re.IGNORECASE)
_PEM_BEGIN = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_PEM_END = re.compile(r"-----END [A-Z ]*PRIVATE KEY-----")
_TRIPLE = re.compile(r"\"{3}|'{3}")


def masked(lines: Sequence[str]) -> list[str]:
    """The same number of lines, with the values of secret keys, private keys and credentials in
    addresses hidden. References such as `${env:NAME}` hold no secret and stay."""
    out: list[str] = []
    inside_pem = False
    inside_triple = ""
    block_indent: int | None = None
    for line in lines:
        body = line.rstrip("\r\n")
        ending = line[len(body) :]
        indent = len(body) - len(body.lstrip())
        if inside_triple:
            if inside_triple in body:
                inside_triple = ""
            out.append(HIDDEN + ending)
            continue
        if inside_pem:
            inside_pem = not _PEM_END.search(body)
            out.append(body[:indent] + HIDDEN + ending)
            continue
        if block_indent is not None:
            closing = body.strip() in ("]", "}", "],", "},")
            listed = indent == block_indent and body.lstrip().startswith("- ")
            if body.strip() and not closing and (indent > block_indent or listed):
                out.append(body[:indent] + HIDDEN + ending)
                continue
            if body.strip():
                block_indent = None
        if len(body) > _LONGEST_LINE:
            # Too long to take apart safely, such as JSON on one line.
            out.append((HIDDEN if _MENTION.search(body) else redact(body)) + ending)
            continue
        if _PEM_BEGIN.search(body):
            inside_pem = not _PEM_END.search(body)
            out.append(body[:indent] + HIDDEN + ending)
            continue
        found = _ASSIGNMENT.search(body)
        if found is None:
            out.append(redact(body) + ending)
            continue
        value = found["value"]
        if _REFERENCE.match(value) or (value and _EMPTY.match(value) and not _BLOCK.match(value)):
            out.append(redact(body) + ending)
            continue
        if _BLOCK.match(value):
            block_indent = indent
            quotes = _TRIPLE.match(value)
            if quotes and quotes[0] not in value[3:]:
                inside_triple = quotes[0]
            shown = value if not quotes else HIDDEN
        else:
            shown = HIDDEN
        out.append(redact(body[: found.start("value")]) + shown + ending)
    return out
