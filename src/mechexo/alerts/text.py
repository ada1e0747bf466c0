"""Making text from outside harmless, and hiding the secrets in it, once, before it is stored."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping

from mechexo.alerts.values import SEVERITIES, Observation
from mechexo.config import redact
from mechexo.errors import UsageError

SUMMARY_LIMIT = 10_000
FIELD_LIMIT = 500
"""Characters of a name, source, runbook id, label or key."""

_ESCAPE_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-_]?|\x9b[0-?]*[ -/]*[@-~]"
)
_DROPPED = frozenset({"Cc", "Cs", "Co", "Cn"})
# Invisible marks that turn the direction of the text that follows: a way to show other words.
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean(text: str, limit: int = SUMMARY_LIMIT) -> str:
    """One line of at most `limit` characters that is safe to store, show and send.

    Escape sequences, control characters, lone surrogates and direction marks are dropped; runs
    of white space become one space; what looks like a secret is hidden. Cleaning twice is
    cleaning once.
    """
    # Nearly all text is like this: then nothing is dropped and no space is moved.
    if not (text.isascii() and text.isprintable() and "  " not in text and text == text.strip()):
        text = _harmless(text)
    line = redact(text)
    return line if len(line) <= limit else _cut(line, limit)


def _harmless(text: str) -> str:
    plain = _ESCAPE_SEQUENCE.sub("", text)
    kept = "".join(
        " " if character.isspace() else character
        for character in plain
        if character.isspace()
        or (unicodedata.category(character) not in _DROPPED and character not in _DIRECTION)
    )
    return " ".join(kept.split())


def _cut(line: str, limit: int) -> str:
    cut = line[: limit - 1].rstrip()
    # A cut inside `key=***` would look like a secret again.
    while redact(f"{cut}…") != f"{cut}…":
        cut = cut.rpartition("=")[0]
    return f"{cut}…"


def clean_pairs(pairs: Mapping[str, str]) -> dict[str, str]:
    """Labels, or what a silence matches: each name and value clean, and the value hidden when
    the name says that it is a secret."""
    cleaned = {}
    for raw_name, raw_value in pairs.items():
        name, value = clean(raw_name, FIELD_LIMIT), clean(raw_value, FIELD_LIMIT)
        shown = redact(f"{name}={value}")
        cleaned[name] = value if shown == f"{name}={value}" else shown.removeprefix(f"{name}=")
    return cleaned


def clean_key(key: str) -> str:
    """A key that is safe like `clean` text and still different from every other key.

    A key that cleaning would change gets a digest of its original, so that no two merge.
    """
    cleaned = clean(key, FIELD_LIMIT)
    if cleaned == key:
        return key
    digest = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:24]
    return f"{cleaned[: FIELD_LIMIT - 25]}#{digest}"


def clean_observation(observation: Observation) -> Observation:
    """The observation with all its text made harmless.

    Raises:
        UsageError: it has no key or name, or a severity that does not exist.
    """
    if observation.severity not in SEVERITIES:
        raise UsageError(
            f"{observation.severity!r} is not a severity; use one of: {', '.join(SEVERITIES)}"
        )
    name = clean(observation.name, FIELD_LIMIT)
    if not observation.key.strip() or not name:
        raise UsageError("an alert needs a key and a name")
    # Not `replace`, which takes three times as long.
    return Observation(
        key=clean_key(observation.key),
        firing=observation.firing,
        severity=observation.severity,
        name=name,
        summary=clean(observation.summary),
        source=clean(observation.source, FIELD_LIMIT),
        labels=clean_pairs(observation.labels),
        runbook=clean(observation.runbook, FIELD_LIMIT),
        observed_at=observation.observed_at,
        began_at=observation.began_at,
    )
