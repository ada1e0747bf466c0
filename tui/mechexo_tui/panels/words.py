"""What a filter keeps."""

from __future__ import annotations

from collections.abc import Callable


def fits(text: str, words: str) -> bool:
    """Whether a text has all words of a filter; a leading `!` turns it round."""
    return kept_by(words)(text.lower())


def kept_by(words: str) -> Callable[[str], bool]:
    """The filter for many texts in lower case."""
    wanted = words.strip().lower()
    terms = wanted.lstrip("!").split()
    if not terms:
        return lambda text: True
    keeps = not wanted.startswith("!")
    if len(terms) == 1:
        return lambda text: (terms[0] in text) is keeps
    return lambda text: all(term in text for term in terms) is keeps
