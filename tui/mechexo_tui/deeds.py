"""What a person does in the console, each asked for, done through an operation, and told."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mechexo.errors import MechexoError, UsageError
from mechexo.state.store import LOCK_WAIT_S
from mechexo.times import stamps_in_zone
from mechexo_tui.panels.plan import Undoing, plan_lines
from mechexo_tui.screens.dry_run import DryRunScreen
from mechexo_tui.screens.entry import EntryScreen
from mechexo_tui.screens.text import TextScreen
from mechexo_tui.terminal import clipboard_sequence
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.format import ASCII
from mechexo_tui.widgets.lines import Row, rows_of, wrapped

if TYPE_CHECKING:
    from mechexo.alerts.values import Alert
    from mechexo.runbook.values import Entry, Found
    from mechexo_tui.app import MechexoApp

NEAR_ENOUGH = 0.4
"""From this score on a runbook entry is worth pointing at when none is for an alert."""


ROLLBACK = "rollback"
"""The name of the thread that carries a rollback out."""

STEP = "step"
"""The name of a thread that runs steps of a runbook entry."""


def open_runbook(app: MechexoApp, alert: Alert) -> None:
    """Opens the entry of an alert, which stays in sight above it; without one opens the list, at
    the nearest entry."""
    screen = EntryScreen(f"runbook > {alert.name}", alert=alert.id)
    app.open_screen(screen)

    def read() -> None:
        from mechexo.runbook import operations

        entry = operations.match(app.desk, alert.name, alert.runbook)
        if entry is None:
            found = operations.search(app.desk, f"{alert.name} {alert.summary}")
            near = found[0] if found and found[0].score >= NEAR_ENOUGH else None
            app.call_later(_list_instead, app, screen, alert, near)
        else:
            app.call_later(screen.become, entry)

    in_background(app, read, failed=screen.say_instead)


def open_entry(app: MechexoApp, entry: Entry) -> None:
    """Opens a runbook entry."""
    app.open_screen(EntryScreen(f"runbook > {entry.id}", entry))


def _list_instead(app: MechexoApp, screen: EntryScreen, alert: Alert, near: Found | None) -> None:
    if app.screen is screen:
        app.go_back()
    page = app.front.title_id
    app.perform("show-runbook")
    app.came_from = page
    app.front.filter("")
    none = f"no runbook entry is for {alert.name}"
    if near is None:
        app.front.say(f"{none}; here are all, / searches", bad=True)
        return
    app.front.choose_row(f"entry:{near.entry.id}")
    app.front.say(f"{none}; the nearest is {near.entry.id} ({near.why})", bad=True)


def show_changes(app: MechexoApp, alert: Alert | None) -> None:
    """Shows what changed around an alert, or until now."""
    from mechexo_tui.screens.changes import ChangesScreen

    app.open_screen(ChangesScreen(alert))


def show_rollback(app: MechexoApp, alert: Alert | None) -> None:
    """Shows the dry run of the rollback that would most likely help. Applies nothing."""

    def find() -> Undoing | None:
        from mechexo import what_changed

        suspect, gaps = what_changed.suspect(app.desk, alert)
        return Undoing(suspect.happening, suspect.why, gaps) if suspect else None

    _show_plan(app, alert, find)


def show_rollback_of(app: MechexoApp, alert: Alert | None, undoing: Undoing) -> None:
    """Shows the dry run of the rollback of one change. Applies nothing."""
    _show_plan(app, alert, lambda: undoing)


def _show_plan(app: MechexoApp, alert: Alert | None, find: Callable[[], Undoing | None]) -> None:
    name = alert.name if alert else "now"
    planning = [Row((("  planning", "dim"),))]
    about = alert.id if alert else None
    screen = DryRunScreen("diff", f"rollback > {name}", planning, alert=about)
    app.open_screen(screen)

    def plan() -> None:
        from mechexo.rollback import operations

        undoing = find()
        remedy = undoing.change.remedy if undoing else None
        if undoing is None or remedy is None:
            text = (
                "No watched file changed in the 48 hours before this started, so there is "
                "nothing to roll back. w shows everything else that happened around it."
            )
            app.call_later(screen.become, _trouble(text))
            return
        made = operations.plan_remedy(app.desk, remedy)
        app.call_later(
            screen.planned, made, lambda width: rows_of(plan_lines(made, undoing, app.look(width)))
        )

    in_background(app, plan, failed=lambda text: screen.become(_trouble(f"? UNKNOWN  {text}")))


ABOUT: Mapping[str, Callable[..., None]] = {
    "rollback": show_rollback,
    "changes": show_changes,
}
"""What can be shown of an alert, and of now where none is chosen."""


def show_report(app: MechexoApp) -> None:
    """Shows the shift report, and writes it beside the state file."""
    screen = TextScreen("tail", "shift report", [Row((("  collecting", "dim"),))])
    app.open_screen(screen)

    def write() -> str:
        from mechexo.files import write_whole
        from mechexo.shift_report import collect, markdown

        text = markdown(collect(app.desk, rotation=True))
        app.call_later(screen.become, as_markdown(app, text))
        folder = app.desk.state.path.parent / "reports"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"shift-{app.desk.clock.now().astimezone(app.desk.zone):%Y%m%d-%H%M%S}.md"
        write_whole(path, text.encode(), mode=0o600)
        return f"the shift report is in {path}"

    def failed(text: str) -> None:
        if screen.is_waiting:
            screen.become(_trouble(f"? UNKNOWN  {text}"))
        app.front.say(text, bad=True)

    in_background(app, write, failed=failed)


def as_markdown(app: MechexoApp, text: str) -> Callable[[int], list[Row]]:
    """A markdown text as rows for any width."""
    from mechexo_tui.widgets.markdown import markdown_lines

    ascii_only = app.glyphs is ASCII
    return lambda width: rows_of(markdown_lines(text, width - 2, ascii_only=ascii_only))


def copy(app: MechexoApp) -> None:
    """Sends the chosen row to the terminal's clipboard, and shows it too."""
    text = app.front.copied
    try:
        app.write_to_terminal(clipboard_sequence(text, os.environ))
    except UsageError as error:
        app.front.say(str(error), bad=True)
        return
    first, *more = text.splitlines() or [""]
    lines = f" (and {shown_as.count(len(more), 'line')} more)" if more else ""
    app.front.say(f"offered to the terminal's clipboard: {first}{lines}")


def show_help(app: MechexoApp) -> None:
    """Shows what can be done on the screen in front."""
    from mechexo_tui.screens.help import help_lines

    situation = app.front.situation
    app.open_screen(TextScreen("help", "help", lambda width: rows_of(help_lines(situation, width))))


def show_reasons(app: MechexoApp) -> None:
    """Shows every reason why the desk is not ok."""
    status = app.facts.overview.status.value
    reasons = status.reasons if status else ()

    def rows(width: int) -> list[Row]:
        shown = [Row(((" Why ops_ok does not hold", "title"),)), Row(())]
        for number, reason in enumerate(reasons, 1):
            for place, text in enumerate(wrapped(stamps_in_zone(reason, app.desk.zone), width - 8)):
                shown.append(Row(((f"  {'' if place else number:>2}  ", "dim"), (text, ""))))
        return shown if reasons else [Row((("  ops_ok holds", ""),))]

    app.open_screen(TextScreen("tail", "reasons", rows))


def in_background(
    app: MechexoApp,
    work: Callable[[], str | None],
    *,
    failed: Callable[[str], None] | None = None,
    name: str = "deed",
) -> None:
    """Does `work` in a thread and says what came of it. The change to the state file itself
    makes the screens read it again.

    Not a worker of Textual: leaving the console cancels those, also before they began, and what
    a person confirmed must be done.
    """

    def complain(text: str) -> None:
        app.front.say(stamps_in_zone(text, app.desk.zone), bad=True)

    def told() -> None:
        try:
            said = work()
        except MechexoError as error:
            app.call_later(failed or complain, str(error))
        except OSError as error:
            app.call_later(failed or complain, f"{error.filename}: {error.strerror}")
        except Exception as error:  # noqa: BLE001 - a defect here must not take the console down
            text = f"a defect in mechexo: {type(error).__name__}: {error}"
            app.call_later(failed or complain, text)
        else:
            if said:
                app.call_later(lambda: app.front.say(said))
        finally:
            app.under_way.discard(threading.current_thread())

    thread = threading.Thread(target=told, name=name, daemon=True)
    app.under_way.add(thread)
    thread.start()


def leave(app: MechexoApp) -> None:
    """Leaves the console; while a rollback or a step is under way asks before."""
    running = {thread.name for thread in app.under_way}
    if ROLLBACK in running:
        said, hint = "a rollback is under way", "the next tick finishes it or puts it back"
    elif STEP in running:
        said, hint = "a step is running", "the step is ended with all that it started"
    else:
        app.exit()
        return

    def answered(text: str | None) -> None:
        if text is not None:
            app.exit()

    app.front.ask(f"{said}; leave? ", answered, hint=f"enter leaves: {hint}; esc stays")


def finish(app: MechexoApp) -> None:
    """Ends the steps that run, and waits for what was begun, as long as a write may wait for its
    turn."""
    for cancel in tuple(app.running_steps):
        cancel.set()
    deadline = time.monotonic() + LOCK_WAIT_S + 1.0
    for thread in tuple(app.under_way):
        thread.join(max(0.0, deadline - time.monotonic()))


def _trouble(text: str) -> Callable[[int], list[Row]]:
    return lambda width: [Row(((f"  {shown}", ""),)) for shown in wrapped(text, width - 4)]
