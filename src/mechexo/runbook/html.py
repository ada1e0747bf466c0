"""One HTML page that needs nothing else: no network, no scripts, light and dark, printable."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from mechexo.runbook.anchors import headings, markdown, slugs_of

if TYPE_CHECKING:
    from markdown_it.token import Token

    from mechexo.runbook.values import Entry

_ENTRY_LINK = re.compile(r"(?:\.?/?([a-z0-9-]+)\.md)?(?:#(.*))?")

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--quiet:#59636e;--line:#d1d9e0;
--code:#f3f5f7;--link:#0a58ca}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ec;--paper:#14171a;--quiet:#9aa4ae;
--line:#3a4149;--code:#1f2429;--link:#7ab2ff}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:54rem;padding:1.5rem;background:var(--paper);color:var(--ink);
font:16px/1.55 system-ui,sans-serif}
a{color:var(--link)}
h1{line-height:1.2}
h2{margin-top:2rem;border-bottom:1px solid var(--line);padding-bottom:.2rem}
article{margin-top:4rem;border-top:4px solid var(--ink)}
code,pre{font-family:ui-monospace,monospace;font-size:.9em;background:var(--code);border-radius:4px}
code{padding:.1em .3em}
pre{padding:.7rem .9rem;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere}
pre code{padding:0;background:none;font-size:1em}
table{border-collapse:collapse;width:100%;margin:1rem 0}
th,td{border:1px solid var(--line);padding:.4rem .6rem;text-align:left;vertical-align:top}
li{margin:.4rem 0}
.facts{color:var(--quiet)}
@page{size:A4;margin:17mm 16mm;@bottom-right{content:counter(page);font:9pt system-ui,sans-serif}}
@media print{:root{color-scheme:light;--ink:#000;--paper:#fff;--quiet:#444;--line:#888;--code:#fff;
--link:#000}body{max-width:none;padding:0;font-size:10.5pt}nav{break-after:page}
article{break-before:page;margin:0;border:0}nav+article{break-before:auto}
h1,h2,h3{break-after:avoid}pre,tr,li{break-inside:avoid}thead{display:table-header-group}
pre{border:1px solid var(--line);border-left-width:4px;overflow:visible}p{orphans:3;widows:3}
a[href^="http"]::after,a[href^="mailto"]::after{content:" (" attr(href) ")";overflow-wrap:anywhere}}
""".strip()


def as_html(entries: Sequence[Entry], title: str = "Runbook") -> str:
    """All entries as one page. HTML inside entries is shown as the text it is, images as links."""
    render = _Renderer(entries)
    listed = "\n".join(
        f'<li><a href="#{escape(e.id)}">{escape(e.title)}</a> {escape(e.severity)}</li>'
        for e in entries
    )
    articles = "\n".join(_article(entry, render) for entry in entries)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n<nav>\n<ul>\n{listed}\n</ul>\n</nav>\n"
        f"{articles}\n</body>\n</html>\n"
    )


def page_of(text: str, title: str) -> str:
    """Any markdown as one page of the same kind."""
    body = _Renderer(()).text(text, "")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n"
        f"{body}\n</body>\n</html>\n"
    )


def _article(entry: Entry, render: _Renderer) -> str:
    from mechexo.runbook.export import facts, without_title

    return (
        f'<article id="{escape(entry.id)}">\n<h1>{escape(entry.title)}</h1>\n'
        f'<div class="facts">{render.text(facts(entry), entry.id)}</div>\n'
        f"{render.text(without_title(entry), entry.id)}</article>"
    )


class _Renderer:
    """Markdown to HTML: headings become places, links between entries lead to them."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._markdown = markdown()
        self._slugs = {entry.id: slugs_of(entry.body) for entry in entries}

    def text(self, body: str, entry_id: str) -> str:
        tokens = self._markdown.parse(body)
        for heading, slug in headings(tokens):
            heading.attrs["id"] = _place(entry_id, slug)
        for token in tokens:
            for child in token.children or ():
                if child.type == "link_open":
                    self._lead(child, entry_id)
                elif child.type == "image":
                    # Nothing is loaded: an image is told as the link that it is.
                    child.type, child.tag = "text", ""
                    child.content = f"[{child.content}: {child.attrs.get('src', '')}]"
        return str(self._markdown.renderer.render(tokens, self._markdown.options, {}))

    def _lead(self, link: Token, entry_id: str) -> None:
        target = _ENTRY_LINK.fullmatch(str(link.attrs.get("href", "")))
        name = (target[1] or entry_id) if target is not None else ""
        if target is None or name not in self._slugs:
            link.attrs["rel"] = "noopener noreferrer"
            return
        slug = (target[2] or "").lower()
        link.attrs["href"] = f"#{_place(name, slug) if slug in self._slugs[name] else name}"


def _place(entry_id: str, slug: str) -> str:
    return f"{entry_id}--{slug}" if entry_id else slug
