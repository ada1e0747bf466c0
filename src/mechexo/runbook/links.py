"""Whether the links of an entry lead somewhere, as far as that can be seen without a network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote

from mechexo.runbook.anchors import markdown, slugs_of
from mechexo.runbook.front_matter import read_front_matter

if TYPE_CHECKING:
    from markdown_it.token import Token

    from mechexo.runbook.values import Entry

_ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
_UNDEFINED = re.compile(r"(?<![\w\])])\[[^\[\]]+\]\[([^\[\]]+)\]")
_PLACE_IN_HTML = re.compile(r"""<[^<>]{1,200}?\s(?:id|name)=["']([^"']+)["']""")


def link_problems(entry: Entry, known: Mapping[str, Entry]) -> Iterator[tuple[int, str]]:
    """The line of each link or image that leads nowhere, and why.

    Args:
        entry: of which every link is followed: to a heading, to another entry, to a file beside it.
            Addresses elsewhere are not looked at.
        known: all entries by id.
    """
    lines = entry.source.split("\n")
    head = read_front_matter(lines).lines
    for token in markdown().parse("\n".join(lines[head:])):
        if token.type != "inline" or token.map is None:
            continue
        start, end = (head + number for number in token.map)
        for link, why in _of_block(token, entry, known):
            # A block can be several lines: the one that has the link, if it can be found.
            places = (n for n in range(start, end) if link in unquote(lines[n]))
            yield next(places, start) + 1, why


def _of_block(block: Token, entry: Entry, known: Mapping[str, Entry]) -> Iterator[tuple[str, str]]:
    for token in block.children or ():
        if token.type == "text":
            for label in _UNDEFINED.findall(token.content):
                yield f"[{label}]", f"the link [{label}] is not defined"
            continue
        attribute = {"link_open": "href", "image": "src"}.get(token.type)
        if attribute is None:
            continue
        link = unquote(str(token.attrs.get(attribute, "")))
        why = _why_nowhere(link, entry, known)
        if why:
            yield link, why


def _why_nowhere(link: str, entry: Entry, known: Mapping[str, Entry]) -> str:
    if _ELSEWHERE.match(link):
        return ""
    path, _, anchor = link.partition("#")
    path = path.partition("?")[0]
    target: Entry | None = entry
    if path:
        name = PurePosixPath(path)
        is_entry = name.suffix == ".md" and len(name.parts) == 1 and name.stem in known
        target = known[name.stem] if is_entry else None
        if target is None and not _is_file(path, entry):
            return f"the link to {path} leads nowhere"
    if target is not None and anchor and not _has_place(target, anchor):
        where = f"{target.id} has" if target is not entry else "there is"
        return f"the link to {link} leads nowhere: {where} no heading for #{anchor}"
    return ""


def _is_file(path: str, entry: Entry) -> bool:
    if entry.path is None or path.startswith("/") or "\0" in path:
        return False
    try:
        return (Path(entry.path).parent / path).exists()
    except OSError:
        return False


def _has_place(entry: Entry, anchor: str) -> bool:
    return anchor.lower() in slugs_of(entry.body) or anchor in _PLACE_IN_HTML.findall(entry.source)
