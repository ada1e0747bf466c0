"""What a person does with the steps of an entry: ticks, runs, notes. Nothing is run unasked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mechexo.errors import MechexoError
from mechexo.incidents.values import SEVERITIES
from mechexo_tui.deeds import STEP, in_background
from mechexo_tui.screens.step import StepScreen

if TYPE_CHECKING:
    from mechexo.alerts.values import Alert
    from mechexo.desk import Desk
    from mechexo.incidents.values import Incident
    from mechexo.runbook.following_values import Preview, StepRun, StepState
    from mechexo.runbook.values import Entry
    from mechexo_tui.screens.base import ConsoleScreen
    from mechexo_tui.screens.entry import EntryScreen


def open_step(screen: EntryScreen, state: StepState) -> None:
    """Shows a step with what it would run."""
    screen.console_app.open_screen(StepScreen(screen, state.step.key))


def incident_of(
    desk: Desk, entry_id: str, known: int | None, alert_id: int | None
) -> Incident | None:
    """The incident that an entry is followed for: the one that was chosen; else the alert's; else
    the newest of this entry that goes on; else the only one that goes on. None opens nothing."""
    from mechexo.incidents import operations

    if known is not None:
        return operations.get(desk, known)
    going_on = operations.list_incidents(desk)
    of_alert = [each for each in going_on if alert_id is not None and each.alert_id == alert_id]
    of_entry = [each for each in going_on if each.runbook == entry_id]
    fitting = of_alert or of_entry or (going_on if len(going_on) == 1 else ())
    return max(fitting, key=lambda each: each.id, default=None)


def with_incident(
    front: ConsoleScreen, screen: EntryScreen, then: Callable[[Incident], None]
) -> None:
    """Goes on with the incident of an entry; without one asks which, or for what to open one."""
    entry, app = screen.entry, screen.console_app
    if entry is None:
        front.say("there is no entry here", bad=True)
        return
    if screen.incident is not None:
        then(screen.incident)
        return
    alert = app.facts.alert(screen.chosen_alert)
    severity = entry.severity if entry.severity in SEVERITIES else SEVERITIES[-1]
    going_on = [each for each in app.facts.overview.incidents.value or () if not each.is_closed]
    others = ", ".join(str(each.id) for each in going_on)

    def answered(text: str | None) -> None:
        if text is None:
            front.say("nothing was done: ticks and runs belong to an incident")
            return
        in_background(app, lambda: chosen(text.strip()))

    def chosen(text: str) -> None:
        from mechexo.incidents import operations

        if text.isdecimal():
            incident = operations.get(app.desk, int(text))
        else:
            incident = _opened(app.desk, entry, text, severity, alert)
        app.call_later(_go_on, screen, incident, then)

    front.ask(
        f"open a {severity} incident: ",
        answered,
        text=alert.summary if alert else entry.title,
        hint=f"or the number of one that goes on: {others}" if others else "enter opens it",
        judge=lambda text: "" if text.strip() else "a title, or the number of one; esc leaves",
    )


def _opened(desk: Desk, entry: Entry, title: str, severity: str, alert: Alert | None) -> Incident:
    from mechexo import incident_alerts
    from mechexo.incidents import operations

    why = "its runbook entry is followed"
    if alert is None:
        return operations.open_incident(
            desk, title=title, severity=severity, runbook=entry.id, reason=why
        )
    return incident_alerts.open_for_alert(
        desk, alert.id, title=title, severity=severity, runbook=entry.id, reason=why
    )


def _go_on(screen: EntryScreen, incident: Incident, then: Callable[[Incident], None]) -> None:
    screen.incident = incident
    front = screen.console_app.front
    if isinstance(front, StepScreen):
        front.look_ahead()  # What a run is told of its incident is another thing now.
    front.say(f"incident {incident.id} is open")
    then(incident)


def tick(screen: EntryScreen) -> None:
    """Ticks the chosen step, or takes the tick back."""
    if screen.chosen is not None:
        _tick(screen, screen, screen.chosen.step.key)


def tick_here(front: StepScreen) -> None:
    """Ticks the step that is shown, or takes the tick back."""
    _tick(front, front.entry_screen, front.key)


def _tick(front: ConsoleScreen, screen: EntryScreen, key: str) -> None:
    def go_on(incident: Incident) -> None:
        in_background(screen.console_app, lambda: work(incident))

    def work(incident: Incident) -> None:
        from mechexo import following

        assert screen.entry is not None
        before = next(each for each in screen.states if each.step.key == key)
        app = screen.console_app
        progress = following.tick(
            app.desk, incident.id, screen.entry.id, key, ticked=not before.ticked
        )
        app.call_later(screen.updated, progress.steps)
        app.call_later(front.show_now)

    with_incident(front, screen, go_on)


def run_here(front: StepScreen) -> None:
    """Runs the step that is shown, as soon as it was asked for as its risk demands."""
    preview = front.preview
    if preview is None:
        front.say("what it would do is not known yet", bad=True)
    elif preview.blocked:
        front.say(f"cannot be run: {preview.blocked}", bad=True)
    else:
        with_incident(
            front, front.entry_screen, lambda incident: _confirm(front, preview, incident)
        )


def _confirm(front: StepScreen, preview: Preview, incident: Incident) -> None:
    def confirmed(text: str | None) -> None:
        if text is None:
            front.say("nothing was run")
        elif preview.needs_reason:
            _ask_why(front, preview, incident, text.strip())
        else:
            _run(front, preview, incident, text.strip(), "")

    if preview.confirm == "typed":
        wrong = f"type {preview.step_id} to run it; esc leaves"
        front.ask(
            f"{preview.risk.upper()}: type {preview.step_id} to run it: ",
            confirmed,
            judge=lambda text: "" if text.strip() == preview.step_id else wrong,
        )
    else:
        does = {"read": "it only reads", "change": "it changes the desk"}.get(
            preview.risk, "danger"
        )
        front.ask(f"run {preview.step_id} ({does})? ", confirmed, hint="enter runs it, esc leaves")


def _ask_why(front: StepScreen, preview: Preview, incident: Incident, typed: str) -> None:
    def answered(reason: str | None) -> None:
        if reason is None:
            front.say("nothing was run")
        else:
            _run(front, preview, incident, typed, reason.strip())

    wrong = "a live desk needs a reason; esc leaves"
    front.ask("because: ", answered, judge=lambda text: "" if text.strip() else wrong)


def _run(front: StepScreen, preview: Preview, incident: Incident, typed: str, reason: str) -> None:
    app = front.console_app
    cancel = front.begin()
    live = front.live

    def work() -> None:
        from mechexo import following

        run: StepRun | None = None
        trouble = ""
        try:
            run = following.run_step(
                app.desk,
                incident.id,
                preview.entry_id,
                preview.step_id,
                typed=typed if preview.confirm == "typed" else "",
                reason=reason,
                on_output=live.add,
                cancel=cancel,
            )
        except (MechexoError, OSError) as error:
            trouble = str(error)
        finally:
            app.running_steps.discard(cancel)
        app.call_later(_ended, front, preview, run, trouble)

    in_background(app, work, failed=lambda text: front.ended(None, text), name=STEP)


def _ended(front: StepScreen, preview: Preview, run: StepRun | None, trouble: str) -> None:
    front.ended(run, trouble)
    app = front.console_app
    if app.front is not front:
        # Whoever went elsewhere meanwhile hears of it there.
        how = trouble or (run.outcome.word if run else "")
        app.front.say(f"{preview.step_id}: {how}", bad=run is None or not run.well)


def cancel_here(front: StepScreen) -> None:
    """Ends the run under way, with all that it started."""
    if front.cancel is not None:
        front.cancel.set()
        front.say("ending it")


def run_reads(screen: EntryScreen) -> None:
    """Runs the steps that only read, from the chosen one on, until one is not well."""
    entry, chosen = screen.entry, screen.chosen
    if entry is None or chosen is None:
        return
    at = screen.states.index(chosen)
    ahead = [each.step for each in screen.states[at:] if each.step.id and each.step.risk == "read"]
    if not ahead:
        screen.say("no step from here on only reads", bad=True)
        return

    def go_on(incident: Incident) -> None:
        names = ", ".join(step.id for step in ahead)

        def confirmed(text: str | None) -> None:
            if text is None:
                screen.say("nothing was run")
            else:
                in_background(screen.console_app, lambda: work(incident), name=STEP)

        screen.ask(f"run {names}? ", confirmed, hint="enter runs them in turn, esc leaves")

    def work(incident: Incident) -> str:
        from mechexo import following

        app, cancel = screen.console_app, threading.Event()
        app.running_steps.add(cancel)
        try:
            runs = following.run_reads(
                app.desk, incident.id, entry.id, from_step=ahead[0].id, cancel=cancel
            )
        finally:
            app.running_steps.discard(cancel)
        last = runs[-1] if runs else None
        if last is None:
            return "nothing was to be run"
        if last.well:
            return f"{len(runs)} read steps ran well"
        return f"stopped at {last.step_id}: {last.outcome.word}; enter on it shows why"

    with_incident(screen, screen, go_on)


def add_note(screen: EntryScreen) -> None:
    """Writes a note into the incident's timeline."""
    from mechexo_tui.incident_deeds import ask_note

    with_incident(screen, screen, lambda incident: ask_note(screen, incident.id))


def show_incident(screen: EntryScreen) -> None:
    """Shows the incident that the entry is followed for."""
    from mechexo_tui.screens.incident import IncidentScreen

    def go_on(incident: Incident) -> None:
        screen.console_app.open_screen(IncidentScreen(incident.id))

    with_incident(screen, screen, go_on)


TO_ENTRIES: Mapping[str, Callable[[EntryScreen], None]] = {
    "tick": tick,
    "run-reads": run_reads,
    "note": add_note,
    "incident": show_incident,
}
"""What is done on the screen of an entry, by the action's id."""

TO_STEPS: Mapping[str, Callable[[StepScreen], None]] = {
    "tick": tick_here,
    "run-step": run_here,
    "end-step": cancel_here,
}
"""What is done on the screen of a step, by the action's id."""
