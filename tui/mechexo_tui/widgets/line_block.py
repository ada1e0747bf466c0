"""A few lines of text that are as tall as they are many: headers, cards, the line at the foot."""

from __future__ import annotations

from collections.abc import Sequence

from textual.geometry import Size
from textual.strip import Strip

from mechexo_tui.widgets.lines import BLANK, Line, text_of
from mechexo_tui.widgets.painted import Painted


class LineBlock(Painted):
    """Shows lines; showing the same lines again paints nothing."""

    DEFAULT_CSS = """
    LineBlock { height: auto; width: 1fr; }
    """

    def __init__(self, lines: Sequence[Line] = (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: tuple[Line, ...] = tuple(lines)

    @property
    def text(self) -> str:
        """What is shown, without styles."""
        return "\n".join(text_of(shown) for shown in self._lines)

    def show(self, lines: Sequence[Line]) -> None:
        """Shows `lines` in place of what is shown now."""
        before, self._lines = self._lines, tuple(lines)
        if before == self._lines:
            return
        if len(before) != len(self._lines):
            self.refresh(layout=True)
            return
        for y, (old, new) in enumerate(zip(before, self._lines, strict=True)):
            self.repaint_changes(y, old, new)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many rows as there are lines."""
        return len(self._lines)

    def render_line(self, y: int) -> Strip:
        """Paints one line."""
        shown = self._lines[y] if y < len(self._lines) else BLANK
        return self.palette.strip(shown, self.size.width)
