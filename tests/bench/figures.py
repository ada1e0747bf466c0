"""The table that a measurement prints, and the percentiles in it."""

from __future__ import annotations

from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the sorted values lie (linear, type 7)."""
    position = (len(values) - 1) * share
    low = int(position)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (position - low)


class Table:
    """Rows with three percentiles and a remark, printed as they are measured."""

    def __init__(self) -> None:
        print(
            f"{'what':58} {'rate/s':>8} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8}  ratio / target"
        )

    def row(self, what: str, times_s: Sequence[float], note: str = "", rate: str = "") -> None:
        """Times in seconds, in any order."""
        ordered = sorted(times_s)
        shown = [f"{percentile(ordered, share) * 1000:8.2f}" for share in (0.5, 0.95, 0.99)]
        print(f"{what:58} {rate:>8} {' '.join(shown)}  {note}", flush=True)

    def note(self, text: str) -> None:
        """A line of its own."""
        print(text, flush=True)
