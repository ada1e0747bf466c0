"""What a filter keeps."""

from __future__ import annotations


def fits(text: str, words: str) -> bool:
    """Whether a text has all words of a filter; a leading `!` turns it round."""
    wanted = words.strip().lower()
    terms = wanted.lstrip("!").split()
    if not terms:
        return True
    lower = text.lower()
    return all(term in lower for term in terms) is not wanted.startswith("!")
