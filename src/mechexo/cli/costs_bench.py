"""`mechexo costs bench`: the speed of costs against other ways, in one run."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from mechexo.cli import render

if TYPE_CHECKING:
    from mechexo.costs.bench.running import BenchReport, Measured

_SIZE = re.compile(r"(\d+(?:\.\d+)?)([kM]?)", re.ASCII)


def bench(
    fills: Annotated[str, typer.Option(help="How many, like 10M or 500k.")] = "10M",
    quotes: Annotated[str, typer.Option(help="How many.")] = "10M",
    days: Annotated[int, typer.Option(min=1, max=2_000, help="Over so many days.")] = 20,
    symbols: Annotated[int, typer.Option(min=1, max=50_000, help="Of so many symbols.")] = 500,
    seed: Annotated[int, typer.Option(help="The same seed makes the same data.")] = 1,
    rounds: Annotated[int, typer.Option(min=1, help="How often each runs; the best counts.")] = 3,
    only: Annotated[
        str, typer.Option(metavar="NAME,NAME", help="Only these contenders. Default: all.")
    ] = "",
    json_: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Make data, and measure mechexo against DuckDB, pandas and the bare reading, in turn.

    Each runs in a process of its own; wall time, CPU time and peak memory are those of the whole
    process. Ratios are against mechexo on the tick store: 2.0 took twice as long.
    """
    from mechexo.clock import SystemClock
    from mechexo.costs.bench.generating import Size
    from mechexo.costs.bench.running import run_bench

    size = Size(_count(fills), _count(quotes), days, symbols, seed)
    names = tuple(name.strip() for name in only.split(",") if name.strip())
    answer = run_bench(size, rounds=rounds, only=names, told=_told)
    _told("")
    if json_:
        return render.json_document("costs_bench", SystemClock().now(), _document(answer))
    return _print(answer)


def _count(text: str) -> int:
    from mechexo.errors import UsageError

    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{text!r} is not a count; write one like 250000, 500k or 10M")
    return int(float(found.group(1)) * {"": 1, "k": 1_000, "M": 1_000_000}[found.group(2)])


def _told(line: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[2K{line[:100]}")
        sys.stderr.flush()


def _base(answer: BenchReport, *, markouts: bool) -> Measured | None:
    return next((m for m in answer.measured if m.contender.markouts is markouts), None)


def _ratio(mine: float | None, base: float | None) -> float | None:
    return None if mine is None or not base else mine / base


def _document(answer: BenchReport) -> dict[str, object]:
    size = answer.size
    contenders = []
    for each in answer.measured:
        base = _base(answer, markouts=each.contender.markouts)
        contenders.append(
            {
                "name": each.contender.name,
                "about": each.contender.about,
                "installed": each.installed,
                "wall_s": each.wall_s,
                "cpu_s": each.cpu_s,
                "peak_mb": each.peak_mb or None,
                "wall_ratio": _ratio(each.wall_s, base.wall_s if base else None),
                "cpu_ratio": _ratio(each.cpu_s, base.cpu_s if base else None),
                "walls_s": each.walls_s,
                "cpus_s": each.cpus_s,
                "priced": None if each.answer is None else each.answer.total.priced,
                "total_ccy": None if each.answer is None else each.answer.total.total_ccy,
                "p95_bps": None if each.answer is None else each.answer.total.p95_bps,
                "differs": each.differs,
                "failed": each.failed,
            }
        )
    return {
        "fills": size.fills,
        "quotes": size.quotes,
        "days": size.days,
        "symbols": size.symbols,
        "seed": size.seed,
        "rounds": answer.rounds,
        "cores": answer.cores,
        "ingest": {
            "rows": answer.rows_stored,
            "wall_s": answer.ingest_s,
            "peak_mb": answer.ingest_peak_mb,
        },
        "contenders": contenders,
    }


def _print(answer: BenchReport) -> None:
    size = answer.size
    render.text(
        f"{size.fills:,} fills, {size.quotes:,} quotes, {size.symbols} symbols, {size.days} days; "
        f"the best of {answer.rounds} on {answer.cores} cores"
    )
    render.text(
        f"The store took {answer.ingest_s:.1f} s and {answer.ingest_peak_mb:.0f} MB to fill"
    )
    cells = [
        _cells(each, _base(answer, markouts=each.contender.markouts)) for each in answer.measured
    ]
    columns = (">wall s", ">CPU s", ">peak MB", ">wall ratio", ">CPU ratio", "answer")
    render.table("Whole processes", ("contender", "what", *columns), cells)


def _cells(each: Measured, base: Measured | None) -> tuple[object, ...]:
    about = (each.contender.name, each.contender.about)
    if not each.installed:
        return (*about, None, None, None, None, None, "not installed")
    if each.failed:
        return (*about, None, None, None, None, None, f"✖ {each.failed}")
    wall = _ratio(each.wall_s, base.wall_s if base else None)
    cpu = _ratio(each.cpu_s, base.cpu_s if base else None)
    said = "" if each.answer is None else "✔ the same"
    if each is base:
        said = "measure"
    return (
        *about,
        f"{each.wall_s:.2f}",
        f"{each.cpu_s:.2f}",
        f"{each.peak_mb:.0f}",
        None if wall is None else f"{wall:.2f}",
        None if cpu is None else f"{cpu:.2f}",
        f"▲ differs: {each.differs}" if each.differs else said,
    )
