"""A unified diff as lines: the sign always stands there, the colour only helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mechexo_tui.widgets.lines import Line


def diff_lines(text: str) -> list[Line]:
    """One line per line of a unified diff."""
    return [((f"  {shown}", _style(shown)),) for shown in text.splitlines()]


def _style(shown: str) -> str:
    if shown.startswith(("+++", "---", "diff ", "index ", "new file", "deleted file")):
        return "bold"
    if shown.startswith("@@"):
        return "hunk"
    return {"+": "added", "-": "removed"}.get(shown[:1], "")
