"""Whether our glyphs can be shown, and the plain ones that stand for them: one rule for all."""

from __future__ import annotations

import sys
from collections.abc import Mapping

PLAIN = {
    "●": "o",
    "▲": "!",
    "✖": "X",
    "✔": "+",
    "·": "-",
    "–": "-",
    "—": "-",
    "…": "~",
    "“": '"',
    "”": '"',
    "’": "'",
    "→": ">",
    "⟨": "<",
    "⟩": ">",
    "•": "*",
    "▌": "|",
    "█": "#",
    "▁": "_",
    "▂": ".",
    "▃": ":",
    "▄": "-",
    "▅": "=",
    "▆": "+",
    "▇": "*",
    "▒": "=",
    "░": ".",
}
"""What stands for each glyph: one character for one, so that columns stay where they are."""

_ACROSS, _DOWN = "─━┄┅┈┉╌╍═╴╶╸╺╼╾", "│┃┆┇┊┋╎╏║╵╷╹╻╽╿"
PLAIN |= {chr(code): "+" for code in range(0x2500, 0x2580)}
PLAIN |= dict.fromkeys(_ACROSS, "-") | dict.fromkeys(_DOWN, "|")

_TABLE = str.maketrans(PLAIN)


def only_ascii(encoding: str | None, environ: Mapping[str, str]) -> bool:
    """Whether a stream of this encoding, or the locale, promises nothing but ASCII.

    In the C locale (also when none is set) Python speaks UTF-8 all the same, and even says so in
    the environment; whoever reads need not.
    """
    chosen = environ.get("PYTHONUTF8") == "1" or "utf8" in sys._xoptions
    return "utf" not in (encoding or "").lower() or (bool(sys.flags.utf8_mode) and not chosen)


def in_ascii(text: str) -> str:
    """The text with plain glyphs; letters that are no glyphs of ours stay."""
    return text.translate(_TABLE)
