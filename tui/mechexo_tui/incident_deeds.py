"""What a person does with an incident: notes, who leads, how it stands, postmortem and cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mechexo.errors import MechexoError
from mechexo.incidents.values import SEVERITIES
from mechexo_tui.actions import completed
from mechexo_tui.deeds import as_markdown, in_background
from mechexo_tui.screens.text import TextScreen
from mechexo_tui.widgets.lines import Row

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.incidents.values import Incident
    from mechexo_tui.app import MechexoApp
    from mechexo_tui.screens.base import ConsoleScreen
    from mechexo_tui.screens.incident import IncidentScreen


def open_incident(screen: ConsoleScreen) -> None:
    """Asks what is the matter and how bad it is, and opens an incident."""

    def entitled(title: str | None) -> None:
        if title is None:
            screen.say("no incident was opened")
            return
        _ask_severity(screen, "how bad? ", lambda severity: in_background(
            screen.console_app, lambda: work(title.strip(), severity)
        ))  # fmt: skip

    def work(title: str, severity: str) -> str:
        from mechexo.incidents import operations

        app = screen.console_app
        incident = operations.open_incident(app.desk, title=title, severity=severity, reason=title)
        app.call_later(_show, app, incident)
        return f"incident {incident.id} is open"

    needed = "say in a few words what is the matter; esc leaves"
    screen.ask("new incident: ", entitled, judge=lambda text: "" if text.strip() else needed)


def _show(app: MechexoApp, incident: Incident) -> None:
    from mechexo_tui.screens.incident import IncidentScreen

    app.open_screen(IncidentScreen(incident.id))


def _ask_severity(screen: ConsoleScreen, question: str, then: Callable[[str], None]) -> None:
    words = dict.fromkeys(word.lower() for word in SEVERITIES)

    def answered(text: str | None) -> None:
        if text is None:
            screen.say("left as it was")
        else:
            then(completed(text.lower(), words)[0].upper())

    def judge(text: str) -> str:
        known = text.strip() and completed(text.strip().lower(), words)[0] in words
        return "" if known else f"one of: {', '.join(SEVERITIES)}; esc leaves"

    screen.ask(
        question,
        answered,
        hint="sev1, sev2 or sev3",
        complete=lambda text: completed(text.lower(), words),
        judge=judge,
    )


def ask_note(screen: ConsoleScreen, incident_id: int) -> None:
    """Asks for a note and writes it into the incident's timeline."""

    def answered(text: str | None) -> None:
        if text is None:
            screen.say("no note was written")
        else:
            in_background(screen.console_app, lambda: work(text.strip()))

    def work(text: str) -> str:
        from mechexo.incidents import operations

        operations.note(screen.console_app.desk, incident_id, text)
        return f"noted in incident {incident_id}"

    needed = "a note has words; esc leaves"
    screen.ask("note: ", answered, judge=lambda text: "" if text.strip() else needed)


def note(screen: IncidentScreen) -> None:
    """Writes a note into the timeline."""
    ask_note(screen, screen.incident_id)


def join(screen: IncidentScreen) -> None:
    """Says that one takes part."""

    def work(desk: Desk) -> str:
        from mechexo.incidents import operations

        operations.join(desk, screen.incident_id)
        return f"you take part in incident {screen.incident_id}"

    _do(screen, work)


def lead(screen: IncidentScreen) -> None:
    """Asks who leads."""

    def answered(text: str | None) -> None:
        if text is None:
            screen.say("left as it was")
        else:
            _do(screen, lambda desk: work(desk, text.strip()))

    def work(desk: Desk, name: str) -> str:
        from mechexo.incidents import operations

        operations.set_commander(desk, screen.incident_id, name, reason="said in the console")
        return f"{name or 'nobody'} leads"

    screen.ask("who leads? ", answered, text=screen.console_app.desk.actor.name)


def severity(screen: IncidentScreen) -> None:
    """Asks how bad it is."""

    def work(desk: Desk, wanted: str) -> str:
        from mechexo.incidents import operations

        operations.set_severity(desk, screen.incident_id, wanted, reason="said in the console")
        return f"incident {screen.incident_id} is {wanted}"

    _ask_severity(screen, "severity: ", lambda wanted: _do(screen, lambda desk: work(desk, wanted)))


def mitigated(screen: IncidentScreen) -> None:
    """Says that it does no more harm."""
    _stand(screen, "mitigated", "it does no more harm, because: ")


def reopen(screen: IncidentScreen) -> None:
    """Says that it is open again."""
    _stand(screen, "open", "open again, because: ")


def close(screen: IncidentScreen) -> None:
    """Says that it is over."""
    _stand(screen, "closed", "over, because: ")


def _stand(screen: IncidentScreen, status: str, question: str) -> None:
    def answered(text: str | None) -> None:
        if text is None:
            screen.say("left as it was")
        else:
            _do(screen, lambda desk: work(desk, text.strip()))

    def work(desk: Desk, text: str) -> str:
        from mechexo import incident_alerts
        from mechexo.incidents import operations
        from mechexo.incidents.values import IncidentStatus

        if status == "closed":
            _, still_open = incident_alerts.close(desk, screen.incident_id, text=text)
            if still_open:
                names = ", ".join(f"{each.id} {each.name}" for each in still_open)
                return f"incident {screen.incident_id} is closed; still open: {names}"
        else:
            operations.set_status(desk, screen.incident_id, IncidentStatus(status), text=text)
        return f"incident {screen.incident_id} is {status}"

    needed = "a few words for those who read it later; esc leaves"
    screen.ask(question, answered, judge=lambda text: "" if text.strip() else needed)


def postmortem(screen: IncidentScreen) -> None:
    """Shows the postmortem, and writes it beside the state file."""

    apart = screen.console_app.facts.costs_apart

    def make(desk: Desk) -> str:
        from mechexo.files import write_whole
        from mechexo.incident_postmortem import postmortem

        cost: tuple[str, ...] | None
        try:
            cost = apart.incident_lines(screen.incident_id)
        except MechexoError as error:
            cost = (f"Cost: not known: {error}",)
        text = postmortem(desk, screen.incident_id, cost=cost)
        folder = desk.state.path.parent / "reports"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"postmortem-{screen.incident_id}.md"
        write_whole(path, text.encode(), mode=0o600)
        screen.console_app.call_later(screen.console_app.front.say, f"written: {path}")
        return text

    _read(screen, "postmortem", make)


def cost(screen: IncidentScreen) -> None:
    """Shows what the incident cost against a matched baseline, worked out in the process apart."""
    apart = screen.console_app.facts.costs_apart
    _read(screen, "cost", lambda _: apart.incident(screen.incident_id))


def _read(screen: IncidentScreen, what: str, make: Callable[[Desk], str]) -> None:
    """Opens a text that is made in a thread."""
    app = screen.console_app
    waiting = [Row(((f"  working out the {what}", "dim"),))]
    text = TextScreen("tail", f"{screen.crumbs} > {what}", waiting)
    app.open_screen(text)

    def work() -> None:
        made = make(app.desk)
        app.call_later(text.become, as_markdown(app, made))

    def failed(said: str) -> None:
        text.become([Row(((f"  ? UNKNOWN  {said}", ""),))])

    in_background(app, work, failed=failed)


def _do(screen: IncidentScreen, work: Callable[[Desk], str]) -> None:
    app = screen.console_app
    in_background(app, lambda: work(app.desk))


TO_INCIDENTS: Mapping[str, Callable[[IncidentScreen], None]] = {
    "note": note,
    "join": join,
    "lead": lead,
    "severity": severity,
    "mitigated": mitigated,
    "reopen": reopen,
    "close": close,
    "postmortem": postmortem,
    "cost": cost,
}
"""What is done about an incident, by the action's id."""
