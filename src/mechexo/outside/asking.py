"""Asking many systems outside at once, each in a thread of its own, within one deadline.

The threads are daemons that only put their answer into a queue nobody reads after the deadline: one
that hangs holds up neither the others nor the end of the program. A source whose last question
still hangs is not asked again meanwhile.
"""

from __future__ import annotations

import threading
import time
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue

from mechexo.clock import Clock
from mechexo.config.secrets import redact
from mechexo.errors import MechexoError
from mechexo.outside import records
from mechexo.outside.breaker import (
    Breaker,
    Patience,
    Standing,
    after_failure,
    after_hold,
    after_success,
    closed_until,
    standing,
)
from mechexo.outside.values import (
    LONGEST_VALUE,
    Answer,
    HeldError,
    Kept,
    Question,
    Reading,
    Source,
)
from mechexo.state import State

PATIENCE = Patience()
GRACE_S = 0.5
"""How much longer than its timeout a source is waited for, so that its own words are heard."""
_LONGEST_WORDS = 400

Outcome = Answer | HeldError | str
"""A good answer, a refusal until a moment, or why there is neither."""


def ask_all(
    state: State,
    clock: Clock,
    sources: Sequence[Source],
    *,
    prefix: str,
    deadline_s: float,
    tick: timedelta,
    patience: Patience = PATIENCE,
    force: bool = False,
) -> dict[str, Reading]:
    """Asks every source that is due and may be asked, keeps what they said, and returns what is
    known of each, also of those that were not asked. Ends within about `deadline_s` seconds.

    `prefix` begins the names of all these sources; what is kept under it and is none of them is
    dropped. `tick` is how often somebody comes by to ask. `force`: also those that are not due, or
    whose breaker is open; one that asked to be left alone is left alone all the same.

    Raises:
        BusyError, StateError: what they said could not be kept.
    """
    now, before = clock.now(), records.kept(state, prefix)
    due = [
        source
        for source in sources
        if _is_allowed(source, before, now, patience, force)
        and (force or _is_due(before.get(source.name), source.every, now, tick))
    ]
    outcomes = _asked(due, before, now, deadline_s=deadline_s, group=str(state.path))
    names = {source.name for source in sources}
    if outcomes or before.keys() - names:
        with state.write() as transaction:
            records.forget_others(transaction, prefix, names)
            present = records.kept(transaction, prefix)
            for source in due:
                row = present.get(source.name)
                if row != before.get(source.name):
                    # Another process asked meanwhile; one failure must not count twice.
                    continue
                found = _folded(source, row, outcomes[source.name], now, patience)
                records.save(transaction, found)
    return readings(state, clock, [(each.name, each.budget) for each in sources], prefix=prefix)


def readings(
    state: State,
    clock: Clock,
    sources: Iterable[tuple[str, str]],
    *,
    prefix: str,
    patience: Patience = PATIENCE,
) -> dict[str, Reading]:
    """What is known of each source (name, budget), from the state file alone."""
    now, rows = clock.now(), records.kept(state, prefix)
    found = {}
    for name, budget in sources:
        row = rows.get(name) or Kept(name, budget, None, "", Breaker(), None, None)
        breaker = _with_shared_hold(row.breaker, budget, rows)
        found[name] = Reading(
            name,
            standing(breaker, now, patience),
            until=closed_until(breaker, now, patience),
            failures=breaker.failures,
            why=row.why,
            asked_at=row.asked_at,
            value=row.value,
            good_at=row.good_at,
        )
    return found


def _is_allowed(
    source: Source, rows: Mapping[str, Kept], now: datetime, patience: Patience, force: bool
) -> bool:
    row = rows.get(source.name)
    breaker = _with_shared_hold(row.breaker if row else Breaker(), source.budget, rows)
    match standing(breaker, now, patience):
        case Standing.HELD:
            return False
        case Standing.OPEN:
            return force
        case _:
            return True


def _with_shared_hold(breaker: Breaker, budget: str, rows: Mapping[str, Kept]) -> Breaker:
    """The breaker, held as long as any source of the same budget is."""
    shared = [row.breaker.held_until for row in rows.values() if budget and row.budget == budget]
    holds = [until for until in (breaker.held_until, *shared) if until is not None]
    return replace(breaker, held_until=max(holds, default=None))


def _is_due(row: Kept | None, every: timedelta, now: datetime, tick: timedelta) -> bool:
    # As for probes: a tick never comes to the millisecond, so half a tick early counts as due.
    if row is None or row.asked_at is None or row.asked_at > now:
        return True
    return now - row.asked_at >= every - min(tick, every) / 2


def _folded(
    source: Source, row: Kept | None, outcome: Outcome, now: datetime, patience: Patience
) -> Kept:
    breaker = row.breaker if row else Breaker()
    known = (row.value, row.good_at) if row else (None, None)
    match outcome:
        case Answer():
            closed = after_success(now, outcome.hold_until)
            return Kept(source.name, source.budget, now, "", closed, outcome.value, now)
        case HeldError():
            why, breaker = _words(str(outcome)), after_hold(breaker, now, outcome.until)
        case _:
            why, breaker = outcome, after_failure(breaker, now, patience)
    return Kept(source.name, source.budget, now, why, breaker, *known)


def _asked(
    sources: Sequence[Source],
    before: Mapping[str, Kept],
    now: datetime,
    *,
    deadline_s: float,
    group: str,
) -> dict[str, Outcome]:
    """What each source said, or why it said nothing in time."""
    ends_at = time.monotonic() + deadline_s
    answers: SimpleQueue[tuple[str, Outcome]] = SimpleQueue()
    hanging = {thread.name for thread in threading.enumerate()}
    outcomes: dict[str, Outcome] = {}
    waiting: dict[str, float] = {}
    limits_s: dict[str, float] = {}
    for source in sources:
        thread_name = f"ask {group} {source.name}"
        if thread_name in hanging:
            outcomes[source.name] = "the question before this one still hangs"
            continue
        limits_s[source.name] = within_s = min(source.timeout_s, deadline_s)
        row = before.get(source.name)
        question = Question(now, within_s, row.value if row else None)
        waiting[source.name] = min(time.monotonic() + within_s + GRACE_S, ends_at)
        try:
            threading.Thread(
                target=_ask, args=(source, question, answers), name=thread_name, daemon=True
            ).start()
        except RuntimeError as error:
            del waiting[source.name]
            outcomes[source.name] = f"it could not be asked: {error}"
    while waiting:
        try:
            name, outcome = answers.get(timeout=max(min(waiting.values()) - time.monotonic(), 0.0))
        except Empty:
            late = time.monotonic()
            for name in [name for name, until in waiting.items() if until <= late]:
                outcomes[name] = f"no answer within {limits_s[name]:.3g} s"
                del waiting[name]
        else:
            if waiting.pop(name, None) is not None:
                outcomes[name] = outcome
    return outcomes


def _ask(source: Source, question: Question, answers: SimpleQueue[tuple[str, Outcome]]) -> None:
    outcome: Outcome
    try:
        outcome = _usable(source.ask(question))
    except HeldError as error:
        naive = error.until.tzinfo is None
        outcome = _words(f"{error}, until a moment without a zone") if naive else error
    except MechexoError as error:
        outcome = _words(str(error))
    except BaseException as error:  # noqa: BLE001 - whatever a source raises is its own reason
        outcome = _words(f"{type(error).__name__}: {error}")
    answers.put((source.name, outcome))


def _usable(answer: Answer) -> Outcome:
    """The answer, or what keeps it from being kept: a source may be anybody's code."""
    if not isinstance(answer, Answer) or not isinstance(answer.value, str):
        return f"it answered with {type(answer).__name__}, not with an Answer of text"
    if len(answer.value) > LONGEST_VALUE:
        return f"its answer is too long to keep: {len(answer.value):,} characters"
    if "\0" in answer.value or not _is_unicode(answer.value):
        return "its answer is no text that can be kept"
    if answer.hold_until is not None and answer.hold_until.tzinfo is None:
        return "it asks to be left alone until a moment without a zone"
    return answer


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _words(text: str) -> str:
    """One short line that cannot steer a terminal; never empty, for empty means well."""
    calm = "".join(" " if unicodedata.category(sign)[0] == "C" else sign for sign in redact(text))
    line = " ".join(calm.split()) or "it failed and said nothing"
    return line if len(line) <= _LONGEST_WORDS else line[: _LONGEST_WORDS - 1] + "…"
