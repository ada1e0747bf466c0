"""One HTML page that needs nothing else: no network, no scripts, light and dark, printable."""

from __future__ import annotations

import re
from collections.abc import MutableMapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

    from mechexo.runbook.values import Entry

_ENTRY_LINK = re.compile(r"\.?/?([a-z0-9-]+)\.md(?:#.*)?")

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
@media print{body{max-width:none;padding:0;font-size:11pt}nav{page-break-after:always}
article{page-break-before:always;margin:0}pre,tr,li{page-break-inside:avoid}a{color:inherit}}
""".strip()


def as_html(entries: Sequence[Entry], title: str = "Runbook") -> str:
    """All entries as one page. HTML inside entries is shown as the text it is, images as links."""
    render = _renderer({entry.id for entry in entries})
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
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n"
        f"{_renderer(set()).render(text)}\n</body>\n</html>\n"
    )


def _article(entry: Entry, render: MarkdownIt) -> str:
    from mechexo.runbook.export import facts, without_title

    return (
        f'<article id="{escape(entry.id)}">\n<h1>{escape(entry.title)}</h1>\n'
        f'<div class="facts">{render.render(facts(entry))}</div>\n'
        f"{render.render(without_title(entry))}</article>"
    )


def _renderer(known: set[str]) -> MarkdownIt:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token

    class Renderer(RendererHTML):
        def image(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
            token = tokens[index]
            return f"[{escape(token.content)}: {escape(str(token.attrs.get('src', '')))}]"

        def link_open(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
            token = tokens[index]
            entry = _ENTRY_LINK.fullmatch(str(token.attrs.get("href", "")))
            if entry is not None and entry[1] in known:
                token.attrs["href"] = f"#{entry[1]}"
            else:
                token.attrs["rel"] = "noopener noreferrer"
            return self.renderToken(tokens, index, options, env)

    options: MutableMapping[str, Any] = {"html": False, "linkify": False, "typographer": False}
    markdown = MarkdownIt("commonmark", options, renderer_cls=Renderer)
    return markdown.enable(["table", "strikethrough"])
