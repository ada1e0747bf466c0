"""What a person does to alerts, each asked for, done through an operation, told and shown at once.

Each question names the alert; what would be refused is said at the question, which stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from mechexo.errors import UsageError
from mechexo.times import format_duration, parse_duration
from mechexo_tui.actions import completed
from mechexo_tui.deeds import in_background
from mechexo_tui.sources import ALERTED
from mechexo_tui.widgets import format as shown_as

if TYPE_CHECKING:
    from mechexo.alerts.values import Alert, Silence
    from mechexo_tui.app import MechexoApp
    from mechexo_tui.widgets.prompt import Judge

DEFAULT_SILENCE = "1h"
ALL = "all"


def acknowledge(app: MechexoApp, alert: Alert) -> None:
    """Asks for a note, which may be left out, and acknowledges."""

    def answered(note: str | None) -> None:
        if note is None:
            app.front.say("not acknowledged")
        else:
            _do(app, lambda: _acknowledge(app, alert, note.strip()))

    app.front.ask(f"acknowledge {alert.name}: ", answered, hint="a note, or just enter")


def _acknowledge(app: MechexoApp, alert: Alert, note: str) -> str:
    from mechexo.alerts import operations

    done = operations.acknowledge(app.desk, alert.id, note=note)
    app.post_message(app.facts.with_alert(done))
    return f"{alert.name} is acknowledged by {done.acknowledged_by}"


def resolve(app: MechexoApp, alert: Alert) -> None:
    """Asks why, which may be left out on a paper desk, and resolves."""

    def answered(reason: str | None) -> None:
        if reason is None:
            app.front.say("not resolved")
        else:
            _do(app, lambda: _resolve(app, alert, reason.strip()))

    app.front.ask(
        f"resolve {alert.name}, because: ",
        answered,
        hint="the reason" if app.desk.is_live else "the reason, or just enter",
        judge=_reason_where_live(app),
    )


def _resolve(app: MechexoApp, alert: Alert, reason: str) -> str:
    from mechexo.alerts import operations

    done = operations.resolve(app.desk, alert.id, reason=reason)
    app.post_message(app.facts.with_alert(done))
    return f"{alert.name} is resolved; if its source still sees the trouble, it opens anew"


def silence(app: MechexoApp, alert: Alert) -> None:
    """Asks how long and why, then silences this alert, and no other that is called alike."""

    from mechexo.alerts.silencing import silence_end

    def no_length(text: str) -> str:
        try:
            silence_end(app.desk.clock.now(), parse_duration(text or DEFAULT_SILENCE))
        except UsageError as error:
            return str(error)
        return ""

    def for_so_long(text: str | None) -> None:
        if text is None:
            app.front.say("not silenced")
            return
        duration = parse_duration(text or DEFAULT_SILENCE)

        def why(reason: str | None) -> None:
            if reason is None:
                app.front.say("not silenced")
            else:
                _do(app, lambda: _silence(app, alert, duration, reason.strip()))

        app.front.ask(
            f"silence {alert.name} for {format_duration(duration)}, because: ",
            why,
            judge=_needed("a silence needs a reason; esc leaves"),
        )

    app.front.ask(
        f"silence {alert.name} for how long? ",
        for_so_long,
        hint=f"{DEFAULT_SILENCE}; 30m, 2h, 1d",
        judge=no_length,
    )


def _silence(app: MechexoApp, alert: Alert, duration: timedelta, reason: str) -> str:
    from mechexo.alerts import operations

    matchers = {"key": alert.key}
    operations.silence(app.desk, matchers=matchers, duration=duration, reason=reason, exact=True)
    return f"{alert.name} is silenced for {format_duration(duration)}"


def unsilence(app: MechexoApp, alert: Alert) -> None:
    """Ends the silence that covers an alert; of several asks which."""
    from mechexo.alerts.policy import matching

    known = app.facts.overview.silences
    if known.value is None:
        app.front.say(f"not known which silences there are: {known.error or 'reading'}", bad=True)
        return
    covering = matching(alert, known.value, app.desk.clock.now())
    if len(covering) == 1:
        _ask_why_unsilenced(app, alert, covering)
    elif covering:
        _ask_which(app, alert, covering)
    elif alert.silenced_until is not None and alert.silenced_until > app.desk.clock.now():
        until = shown_as.moment(alert.silenced_until, app.look(80))
        text = f"no silence of a person covers {alert.name}: maintenance of the configuration does"
        app.front.say(f"{text}, until {until}", bad=True)
    else:
        app.front.say(f"{alert.name} is not silenced", bad=True)


def _ask_which(app: MechexoApp, alert: Alert, covering: Sequence[Silence]) -> None:
    by_word = {str(each.id): (each,) for each in covering} | {ALL: tuple(covering)}
    said = "; ".join(f"{each.id}: {each.author}, {each.reason}" for each in covering)

    def answered(word: str | None) -> None:
        if word is None:
            app.front.say(f"{alert.name} stays silenced")
        else:
            _ask_why_unsilenced(app, alert, by_word[word.strip().lower()])

    def judge(word: str) -> str:
        known = word.strip().lower() in by_word
        return "" if known else f"one of {', '.join(by_word)}; esc leaves"

    app.front.ask(
        f"end which silence of {alert.name}? ",
        answered,
        hint=f"{ALL}; {said}",
        complete=lambda text: completed(text, by_word),
        judge=judge,
    )


def _ask_why_unsilenced(app: MechexoApp, alert: Alert, ending: Sequence[Silence]) -> None:
    def answered(reason: str | None) -> None:
        if reason is None:
            app.front.say(f"{alert.name} stays silenced")
        else:
            _do(app, lambda: _unsilence(app, ending, reason.strip()))

    which = ", ".join(str(each.id) for each in ending)
    app.front.ask(
        f"end silence {which} ({_reach(app, ending)}), because: ",
        answered,
        hint="the reason" if app.desk.is_live else "the reason, or just enter",
        judge=_reason_where_live(app),
    )


def _reach(app: MechexoApp, ending: Sequence[Silence]) -> str:
    """How many open alerts these silences keep quiet: all of them may page then."""
    from mechexo.alerts.policy import matching

    now, known = app.desk.clock.now(), app.facts.overview.alerts.value or ()
    return shown_as.count(sum(bool(matching(each, ending, now)) for each in known), "alert")


def _unsilence(app: MechexoApp, ending: Sequence[Silence], reason: str) -> str:
    from mechexo.alerts import operations

    for each in ending:
        operations.unsilence(app.desk, each.id, reason=reason)
    which = ", ".join(str(each.id) for each in ending)
    return f"silence {which} is over; what still fires is told now"


def raise_alert(app: MechexoApp) -> None:
    """Asks for key, severity, name and summary, and on a live desk for the reason; then raises."""
    from mechexo.alerts.values import SEVERITIES

    severities = dict.fromkeys(SEVERITIES)

    def severity(text: str) -> str:
        return completed(text, severities)[0]

    def known_severity(text: str) -> str:
        known = text.strip() and severity(text) in severities
        return "" if known else f"one of {', '.join(SEVERITIES)}; esc leaves"

    open_keys = {each.key: each for each in app.facts.overview.alerts.value or ()}
    answers: dict[str, str] = {}

    def asked(name: str, then: Callable[[], None]) -> Callable[[str | None], None]:
        def answered(text: str | None) -> None:
            if text is None:
                app.front.say("nothing is raised")
            else:
                answers[name] = text.strip()
                then()

        return answered

    def ask_severity() -> None:
        same = open_keys.get(answers["key"])
        merges = f"counts with the open alert {same.id}; " if same else ""
        app.front.ask(
            f"raise {answers['key']}, severity: ",
            asked("severity", ask_name),
            hint=f"{merges}{', '.join(SEVERITIES)}; tab completes",
            complete=lambda text: completed(text, severities),
            judge=known_severity,
        )

    def ask_name() -> None:
        answers["severity"] = severity(answers["severity"])
        app.front.ask(
            f"raise {answers['severity']} {answers['key']}, name: ",
            asked("name", ask_summary),
            hint="what kind of trouble, like feed_stale",
            judge=_needed("an alert needs a name; esc leaves"),
        )

    def ask_summary() -> None:
        app.front.ask(
            f"raise {answers['severity']} {answers['name']}, summary: ",
            asked("summary", ask_reason if app.desk.is_live else do),
            hint="what is the matter, in a sentence",
            judge=_needed("say in a sentence what is the matter; esc leaves"),
        )

    def ask_reason() -> None:
        app.front.ask(
            f"raise {answers['severity']} {answers['name']}, because: ",
            asked("reason", do),
            hint="the reason",
            judge=_reason_where_live(app),
        )

    def do() -> None:
        _do(app, lambda: _raise(app, answers))

    app.front.ask(
        "raise an alert with the key: ",
        asked("key", ask_severity),
        hint="what identifies the trouble; equal keys are one alert",
        judge=_needed("an alert needs a key, so that it is counted once; esc leaves"),
    )


def _raise(app: MechexoApp, answers: Mapping[str, str]) -> str:
    from mechexo.alerts import operations

    alert = operations.raise_alert(app.desk, labels={}, **answers)
    app.call_later(app.front.choose_row, f"alert:{alert.id}")
    seen = "" if alert.count == 1 else f", seen {alert.count} times"
    return f"alert {alert.id}: {alert.severity} {alert.name}{seen}"


def _needed(wrong: str) -> Judge:
    return lambda text: "" if text.strip() else wrong


def _reason_where_live(app: MechexoApp) -> Judge:
    """A live desk takes nothing without a reason; esc leaves as ever."""
    return _needed("a live desk needs a reason; esc leaves") if app.desk.is_live else lambda _: ""


def _do(app: MechexoApp, work: Callable[[], str]) -> None:
    """Does it in a thread, and reads the alerts there and then: what a person did shows at once,
    not when the file is next looked at."""

    def done() -> str:
        said = work()
        app.post_message(app.facts.read(ALERTED))
        return said

    in_background(app, done)


TO_ALERTS: Mapping[str, Callable[[MechexoApp, Alert], None]] = {
    "acknowledge": acknowledge,
    "resolve": resolve,
    "silence": silence,
    "unsilence": unsilence,
}
"""What is done to a chosen alert, by the action's id."""
