"""What a person does on the costs screen, each asked for, done through an operation, and told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mechexo.errors import UsageError
from mechexo_tui.actions import completed
from mechexo_tui.deeds import in_background

if TYPE_CHECKING:
    from mechexo.costs.findings import CostException
    from mechexo.costs.views import Asked, Period
    from mechexo_tui.app import MechexoApp

COMBINES = "+"


def acknowledge(app: MechexoApp, found: CostException, done: Callable[[], None]) -> None:
    """Asks for a note, which may be left out, and says that somebody looked at an exception."""
    kind = found.kind.replace("_", " ")

    def answered(note: str | None) -> None:
        if note is None:
            app.front.say("not acknowledged")
        else:
            in_background(app, lambda: write(note.strip()))

    def write(note: str) -> str:
        from mechexo.costs.inspecting import acknowledge_exception

        (seen,) = acknowledge_exception(app.desk, found.fill_id, [found.kind], note=note)
        app.call_later(done)
        return f"{kind} of {found.fill_id} was looked at by {seen.acknowledged_by}"

    app.front.ask(f"{kind} of {found.fill_id}: ", answered, hint="a note, or just enter")


def export(app: MechexoApp, period: Period, asked: Asked, name: str) -> None:
    """Writes all that is shown into a CSV file beside the state file, and says where."""
    stamp = f"{app.desk.clock.now().astimezone(app.desk.zone):%Y%m%d-%H%M%S}"
    target = app.desk.state.path.parent / "reports" / f"costs-{name}-{stamp}.csv"

    def write() -> str:
        done = app.facts.costs_apart.write(period, asked, target)
        rows = f"{done.rows:,} rows are" if done.rows != 1 else "1 row is"
        return f"{rows} in {done.path}"

    in_background(app, write)


def ask_period(app: MechexoApp, chosen: Callable[[Period], None]) -> None:
    """Asks from when to when."""
    from mechexo.costs.views import moments_of, period_asked

    def judge(text: str) -> str:
        try:
            moments_of(app.desk, period_asked(text))
        except UsageError as error:
            return str(error)
        return ""

    def answered(text: str | None) -> None:
        if text is not None:
            chosen(period_asked(text))

    hint = "2026-03-02 to 2026-03-06; -2d; 2026-03-02 09:30 to 2026-03-02 10:00"
    app.front.ask("costs from ", answered, hint=hint, judge=judge)


def ask_grouping(
    app: MechexoApp, by: tuple[str, ...], chosen: Callable[[tuple[str, ...]], None]
) -> None:
    """Asks for dimensions; tab completes the last one."""
    from mechexo.costs.dimensions import DIMENSIONS, check_dimensions

    tags = app.desk.settings.costs.tags
    words = dict.fromkeys((*DIMENSIONS, *tags), None)

    def parts(text: str) -> tuple[str, ...]:
        names = (part.strip().lower() for part in text.replace(",", COMBINES).split(COMBINES))
        return tuple(name for name in names if name)

    def judge(text: str) -> str:
        try:
            check_dimensions(parts(text), tags)
        except UsageError as error:
            return str(error)
        return "" if parts(text) else "name a dimension, or several with + between; esc leaves"

    def complete(text: str) -> tuple[str, tuple[str, ...]]:
        head, sign, last = text.rpartition(COMBINES)
        sure, fitting = completed(last, words)
        return head + sign + sure, fitting

    def answered(text: str | None) -> None:
        if text is not None:
            chosen(parts(text))

    hint = "tab completes; + combines: symbol+hour"
    app.front.ask("costs by ", answered, text="", hint=f"now {COMBINES.join(by)}; {hint}",
                  complete=complete, judge=judge)  # fmt: skip
