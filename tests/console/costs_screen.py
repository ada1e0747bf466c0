"""Driving the costs screen, and reading its rows."""

from __future__ import annotations

from textual.pilot import Pilot

from console.driving import press, screen_text, settled

SIZES = [(80, 24), (120, 40), (200, 60), (60, 16)]


async def opened(pilot: Pilot[int], *keys: str) -> str:
    """The costs screen, and what it shows after more keys."""
    await settled(pilot, costs=True)
    await press(pilot, "4", *keys)
    await settled(pilot, costs=True)
    return screen_text(pilot)


def row_of(text: str, *words: str) -> str:
    """The first line that begins with these words."""
    found = [
        line.strip() for line in text.splitlines() if line.split()[: len(words)] == list(words)
    ]
    assert found, f"no line begins with {words} on:\n{text}"
    return found[0]


def names(text: str) -> list[str]:
    """What the rows below the row of all are called."""
    lines = text.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("  all "))
    return [line.split()[0] for line in lines[start + 1 : -1] if "│" in line]
