"""HTML that is escaped unless it was made here, and numbers as people read them."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from typing import Any

MISSING = "–"
"""Shown where there is no value: never a zero."""

_EMPTY = frozenset({"meta", "input", "rect", "line", "br"})
_IN_SCRIPT = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}


class Html(str):
    """Markup: put into a page as it is. Every other text is escaped on its way there."""

    __slots__ = ()


Child = str | None | Iterable["Child"]


def el(name: str, /, *children: Child, **attributes: str | bool | None) -> Html:
    """An element. Attributes that are None or False are left out, True ones have no value; `_` in
    a name is `-`, and one at the end is dropped (`class_`, `for_`)."""
    said = "".join(
        f" {key.rstrip('_').replace('_', '-')}"
        + ("" if value is True else f'="{html.escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _EMPTY:
        return Html(f"<{name}{said}>" if name in ("meta", "input", "br") else f"<{name}{said}/>")
    return Html(f"<{name}{said}>{join(children)}</{name}>")


def join(children: Iterable[Child]) -> Html:
    """Children one after the other, each escaped unless it is markup."""
    found: list[str] = []
    for child in children:
        if child is None:
            continue
        if isinstance(child, Html):
            found.append(child)
        elif isinstance(child, str):
            found.append(html.escape(child))
        else:
            found.append(join(child))
    return Html("".join(found))


def json_in_script(value: Any) -> Html:
    """JSON that can stand inside a script element whatever its texts are."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign, written in _IN_SCRIPT.items():
        text = text.replace(sign, written)
    return Html(text)


def number(value: float | None, digits: int = 2) -> str:
    """A number with thousands separators and a real minus sign; a dash where there is none."""
    if value is None:
        return MISSING
    text = f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = text.removeprefix("-")
    return text.replace("-", "−")


def share(value: float | None) -> str:
    """A share of one, in percent. What is not all is never rounded to all, nor some to none."""
    if value is None:
        return MISSING
    text = f"{value:.1%}"
    if text == "100.0%" and value < 1:
        return "over 99.9%"
    if text == "0.0%" and value > 0:
        return "under 0.1%"
    return text
