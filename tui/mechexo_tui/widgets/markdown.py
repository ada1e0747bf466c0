"""Markdown rendered once to lines, for our own line view."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mechexo_tui.widgets.lines import Line


def markdown_lines(text: str, width: int, *, ascii_only: bool = False) -> list[Line]:
    """The lines of a markdown text in `width` cells; code is set apart, not coloured by syntax."""
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.markdown import CodeBlock, Heading, Markdown
    from rich.padding import Padding
    from rich.text import Text

    class PlainCode(CodeBlock):
        """Code as it is: syntax colouring would cost more than all the rest."""

        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            yield Padding(Text(str(self.text).rstrip(), style="bold cyan"), (0, 0, 0, 4))

    class LeftHeading(Heading):
        """Headings on the left, without boxes."""

        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            shown = self.text.copy()
            shown.justify = "left"
            shown.stylize("bold" if self.tag != "h1" else "bold underline")
            yield shown

    class PlainMarkdown(Markdown):
        elements = Markdown.elements | {
            "fence": PlainCode,
            "code_block": PlainCode,
            "heading_open": LeftHeading,
        }

    console = Console(
        width=max(20, width),
        color_system="standard",
        force_terminal=True,
        legacy_windows=False,
        emoji=False,
        safe_box=ascii_only,
    )
    rendered = console.render_lines(
        PlainMarkdown(text, hyperlinks=False, inline_code_theme=None), pad=False
    )
    return [
        (
            (" ", ""),
            *(
                (segment.text, str(segment.style) if segment.style else "")
                for segment in segments
                if segment.text and not segment.control
            ),
        )
        for segments in rendered
    ]
