"""What the line widgets share: the app's palette, and repainting only the cells that changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.geometry import Region
from textual.widget import Widget

from mechexo_tui.widgets.lines import Line, Palette, changed_cells

if TYPE_CHECKING:
    from mechexo_tui.app import MechexoApp


class Painted(Widget):
    """A widget that paints lines with the app's palette."""

    @property
    def console_app(self) -> MechexoApp:
        """The console this widget belongs to."""
        return cast("MechexoApp", self.app)

    @property
    def palette(self) -> Palette:
        """The colours behind the names of styles."""
        return self.console_app.palette

    def repaint_changes(self, y: int, before: Line, after: Line) -> None:
        """Asks for a repaint of the cells of line `y` that differ, and of no others."""
        span = changed_cells(before, after, self.size.width)
        if span is not None:
            self.refresh(Region(span[0], y, span[1] - span[0], 1))
