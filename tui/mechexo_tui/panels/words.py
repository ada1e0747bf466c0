"""What a filter keeps."""

from __future__ import annotations

from collections.abc import Sequence


def fits(text: str, words: str) -> bool:
    """Whether a text has all words of a filter; a leading `!` turns it round."""
    return kept_among([text.lower()], words)[0]


def kept_among(texts: Sequence[str], words: str) -> list[bool]:
    """For each of many texts in lower case, whether the filter keeps it."""
    wanted = words.strip().lower()
    terms = wanted.lstrip("!").split()
    if not terms:
        return [True] * len(texts)
    keeps = not wanted.startswith("!")
    # Plain loops: a call for each of a hundred thousand texts would be felt while typing.
    if len(terms) == 1:
        (term,) = terms
        return [(term in text) is keeps for text in texts]
    return [all(term in text for term in terms) is keeps for text in texts]
