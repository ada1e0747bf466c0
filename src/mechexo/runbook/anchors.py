"""Headings as the places that a link can lead to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_NOT_IN_A_SLUG = re.compile(r"[^\w\- ]")


def markdown() -> MarkdownIt:
    """The reader of markdown that exports and checks share: HTML inside is text."""
    from markdown_it import MarkdownIt

    options = {"html": False, "linkify": False, "typographer": False}
    return MarkdownIt("commonmark", options).enable(["table", "strikethrough"])


def headings(tokens: Sequence[Token]) -> Iterator[tuple[Token, str]]:
    """Each heading's opening token with its slug, as GitHub makes them: `Roll back / undo` is
    `roll-back--undo`; the second of one name ends in `-1`."""
    seen: Counter[str] = Counter()
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            words = "".join(each.content for each in inline.children or ())
            slug = _NOT_IN_A_SLUG.sub("", words.strip().lower()).replace(" ", "-")
            yield opening, f"{slug}-{seen[slug]}" if seen[slug] else slug
            seen[slug] += 1


@lru_cache(maxsize=256)
def slugs_of(body: str) -> frozenset[str]:
    """The slugs of a markdown text's headings."""
    return frozenset(slug for _, slug in headings(markdown().parse(body)))
