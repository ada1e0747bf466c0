"""Writing annotations so that each stands in Grafana once and as our records have it.

Grafana knows no key by which a repeated request would be one. So it is noted before each first
writing that it may arrive, and where nobody knows whether it did, it is looked for by its own tag
before it is written again. One program writes at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field
from datetime import timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from mechexo.errors import BusyError, MechexoError, UnreachableError
from mechexo.grafana import records, rules
from mechexo.grafana.dashboards import budget_of
from mechexo.grafana.values import Annotating, Noted, Result, Wanted
from mechexo.outside import (
    Answer,
    HeldError,
    Question,
    Reading,
    Source,
    Standing,
    ask_all,
    readings,
)
from mechexo.outside.shaping import ShapeError, number, rows, table
from mechexo.state.lock_files import held
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from datetime import datetime

    from mechexo.config import GrafanaSettings
    from mechexo.desk import Desk
    from mechexo.grafana.api import Api

NAME = "grafana-annotations:writing"
PREFIX = "grafana-annotations:"
MOST_AT_ONCE = 50
"""So many are written in one round; a storm takes several."""
SEEN_EVERY = timedelta(minutes=10)


def place_of(settings: GrafanaSettings) -> str:
    """Which Grafana annotations are written into, as its table says it: no secret."""
    return settings.url


def want(desk: Desk, wanted: Iterable[Wanted]) -> None:
    """Notes how annotations are to stand; what is noted already so is left as it is.

    Raises:
        BusyError, StateError: it could not be noted.
    """
    place, now = place_of(desk.settings.grafana), desk.clock.now()
    known = {each.subject: each.wanted for each in records.noted(desk.state, place)}
    fresh = [each for each in wanted if known.get(each.subject) != rules.as_json(each)]
    seen = records.seen(desk.state, place)
    if not fresh and seen is not None and timedelta(0) <= now - seen[1] < SEEN_EVERY:
        return
    with desk.state.write() as transaction:
        records.see(transaction, place, now)
        for each in fresh:
            body = rules.as_json(each)
            # A Grafana that is new to us may be one that we know under another address.
            may_be_there = seen is None
            records.want(transaction, place, each.subject, body, each.tag, may_be_there, now)


def seen(desk: Desk) -> tuple[datetime, datetime] | None:
    """From when on and up to when our records were looked through; None when this Grafana is
    new."""
    return records.seen(desk.state, place_of(desk.settings.grafana))


def unfinished(desk: Desk) -> tuple[str, ...]:
    """What the annotations that have no end yet tell of."""
    noted = records.noted(desk.state, place_of(desk.settings.grafana))
    return tuple(each.subject for each in noted if rules.goes_on(each.wanted))


def write_due(desk: Desk, *, deadline_s: float, force: bool = False) -> Annotating:
    """Writes what is due, within about `deadline_s` seconds, and says how it stands then.

    `force`: also what is to wait, or when Grafana is left alone for its failures.

    Raises:
        BusyError: another program is writing.
        StateError: the state file could not be read or written.
    """
    settings, place = desk.settings.grafana, place_of(desk.settings.grafana)
    with held(f"{desk.state.path}.grafana", "annotations") as mine:
        if not mine:
            raise BusyError("annotations are being written by another program on this desk")
        now = desk.clock.now()
        noted = records.due(desk.state, place, now, all=force)
        due = [each for each in noted if _kind(each) in settings.annotate][:MOST_AT_ONCE]
        if not due or not (force or _may_ask(desk)):
            return standing(desk)
        source = AnnotationSource(settings, desk.root, tuple(due))
        with desk.state.write() as transaction:
            records.intend(transaction, place, [each.subject for each in due])
        ask_all(
            desk.state,
            desk.clock,
            [source.source],
            prefix=PREFIX,
            deadline_s=deadline_s,
            tick=desk.settings.refresh.tick,
            # Whether it may be asked was seen above; what is due is due by itself.
            force=True,
        )
        _record(desk, place, due, source.told())
    return standing(desk)


def standing(desk: Desk, limit: int = -1) -> Annotating:
    """How the writing stands, from the state file alone."""
    found, settings = _reading(desk), desk.settings.grafana
    noted = records.noted(desk.state, place_of(settings), limit)
    return Annotating(
        # What is not to be annotated any more waits for nothing.
        notes=tuple(
            each for each in noted if each.state == "written" or _kind(each) in settings.annotate
        ),
        asked_at=found.asked_at,
        why=found.why,
        standing=found.standing,
        until=found.until,
        failures=found.failures,
    )


def _reading(desk: Desk) -> Reading:
    named = [(NAME, budget_of(desk.settings.grafana))]
    return readings(desk.state, desk.clock, named, prefix=PREFIX)[NAME]


def _may_ask(desk: Desk) -> bool:
    return _reading(desk).standing in (Standing.CLOSED, Standing.HALF_OPEN)


def _kind(note: Noted) -> str:
    return f"{note.subject.partition('-')[0]}s"


def _record(desk: Desk, place: str, due: Sequence[Noted], told: Sequence[Result]) -> None:
    """Notes what came of each. Of one that was begun and said nothing it is not known."""
    now = desk.clock.now()
    ends = {each.subject: each for each in told if each.outcome != "begun"}
    begun = {each.subject for each in told if each.outcome == "begun"}
    with desk.state.write() as transaction:
        for note in due:
            result = ends.get(note.subject)
            if result is None and note.subject not in begun:
                if not note.maybe_there:
                    records.not_tried(transaction, place, note.subject)
                continue
            if result is not None and result.outcome == "written":
                records.wrote(
                    transaction, place, note.subject, result.body, result.annotation_id, now
                )
                continue
            found = result or Result(note.subject, "failed", maybe_there=True, why="no answer")
            refused = found.outcome == "refused"
            refusals = note.refusals + refused
            ended = "given up" if refusals >= rules.MOST_REFUSALS else ""
            records.failed(
                transaction,
                place,
                note.subject,
                why=found.why,
                refusals=refusals,
                next_at=now + rules.wait_after(refusals if refused else 1),
                maybe_there=found.maybe_there,
                ended="gone" if found.outcome == "gone" else ended,
            )


@dataclass(frozen=True, slots=True)
class AnnotationSource:
    """The writing of some annotations, as a system outside that can be asked."""

    settings: GrafanaSettings
    root: Path
    due: tuple[Noted, ...]
    _told: SimpleQueue[Result] = field(default_factory=SimpleQueue)

    @property
    def source(self) -> Source:
        """It, as `ask_all` takes it: as soon as something is due."""
        soon, settings = timedelta(microseconds=1), self.settings
        return Source(NAME, soon, settings.timeout, self.ask, budget_of(settings))

    def told(self) -> list[Result]:
        """What came of them so far; each is told once."""
        found = []
        while True:
            try:
                found.append(self._told.get_nowait())
            except Empty:
                return found

    def ask(self, question: Question) -> Answer:
        """Writes one after the other, until all are tried or Grafana cannot be written to.

        Raises:
            HeldError: it is not to be asked before a moment.
            MechexoError: it cannot be written to; the text holds no secret.
        """
        from mechexo.grafana.api import Api

        api = Api.of(self.settings, self.root, question.now, question.within_s)
        for note in self.due:
            self._told.put(Result(note.subject, "begun"))
            writing = _Writing(api, note, self.settings.annotate_on)
            try:
                self._told.put(writing.done())
            except (HeldError, MechexoError) as error:
                self._told.put(writing.failed(str(error)))
                raise
            except Exception as error:  # noqa: BLE001 - told as its reason; it may hold what was sent
                said = api.tidy(f"{type(error).__name__}: {error}")
                self._told.put(writing.failed(said))
                raise UnreachableError(said) from None
        return Answer("written")


class _Writing:
    """The writing of one annotation."""

    def __init__(self, api: Api, note: Noted, dashboard_uid: str) -> None:
        self._api, self._note, self._dashboard_uid = api, note, dashboard_uid
        self._maybe_there = note.maybe_there

    def done(self) -> Result:
        """Writes it: changes the one that stands there, else makes one.

        Raises:
            MechexoError: Grafana cannot be written to now, by any annotation.
        """
        from mechexo.grafana.api import RefusedError

        note = self._note
        try:
            there = note.annotation_id
            if there is None and note.maybe_there:
                there = self._look()
                # One that was found stands there whatever becomes of changing it.
                self._maybe_there = there is not None
            if note.annotation_id is not None and not self._is_ours(note.annotation_id):
                why = "its number belongs to another annotation by now, so both are left alone"
                return Result(note.subject, "gone", why=why)
            made = self._made() if there is None else self._changed(there)
            return Result(note.subject, "written", note.wanted, made)
        except RefusedError as error:
            if not error.is_of_this_request:
                raise
            if error.code == 404 and note.annotation_id is not None:
                why = "somebody removed it at Grafana, so it is left removed"
                return Result(note.subject, "gone", why=why)
            return self.failed(str(error), outcome="refused")
        except ShapeError as error:
            return self.failed(str(error), outcome="refused")

    def failed(self, why: str, outcome: str = "failed") -> Result:
        """It was not written, or nobody knows whether it was."""
        return Result(self._note.subject, outcome, maybe_there=self._maybe_there, why=why)

    def _is_ours(self, annotation_id: int) -> bool:
        # A Grafana that was made anew, or another at the same address, counts from one again.
        there = table(self._api.get(f"/api/annotations/{annotation_id}"), "the annotation")
        return self._note.tag in rows(there.get("tags"), "its tags")

    def _look(self) -> int | None:
        begins = rules.new_body(self._note.wanted, "")["time"]
        query = {"tags": self._note.tag, "from": begins - 1000, "to": begins + 1000, "limit": 100}
        listed = rows(self._api.get("/api/annotations", query), "the list of annotations")
        found = [table(each, "an annotation") for each in listed]
        return rules.found_among(found, self._note.tag, self._note.wanted)

    def _made(self) -> int:
        from mechexo.grafana.api import RefusedError, UnansweredError

        self._maybe_there = True
        body = rules.new_body(self._note.wanted, self._dashboard_uid)
        try:
            said: Any = self._api.send("POST", "/api/annotations", body)
        except UnansweredError as error:
            self._maybe_there = error.was_sent
            raise
        except RefusedError as error:
            # Whoever answers with a failure of its own may have done it all the same, as may one
            # that asks to be left alone (503 with Retry-After, a HeldError): that stays open.
            self._maybe_there = error.code >= 500
            raise
        made = number(table(said, "the answer").get("id"))
        if made is None:
            raise ShapeError("the answer does not say the number of the annotation")
        return made

    def _changed(self, annotation_id: int) -> int:
        path = f"/api/annotations/{annotation_id}"
        self._api.send("PATCH", path, rules.changed_body(self._note.wanted))
        return annotation_id
