"""What changed around an alert, or a moment: every wing's happenings in one time line, and which of
them are suspected.

The rollback wing tells of commits, deployments, edits and flags, the others of failed runs, of
deployments that were defined otherwise, of hand-overs and of other alerts. What could not be read
stands in the answer as a gap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo.errors import MechexoError, UnreachableError
from mechexo.rollback import happened
from mechexo.rollback.happenings import Gap, Happening, Kind, Targets, Watch
from mechexo.rollback.ranking import Suspect, rank, words_of
from mechexo.rollback.suspects import shown_words
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.alerts.values import Alert
    from mechexo.desk import Desk
    from mechexo.flows.values import FlowRun
    from mechexo.rollback.values import Change

WINDOW = timedelta(hours=6)
MOST_ALERTS = 200
"""So many other alerts are listed before the moment, and as many after it."""
MOST_FAILURES = 200
MOST_DEFINITIONS = 200
RUNS, ALERTS, ON_CALL = "flow failures", "earlier alerts", "on-call changes"
DEFINITIONS = "definitions of deployments"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the time line."""

    happening: Happening
    suspect: Suspect | None
    """Its place among the suspects; None when it is none."""


@dataclass(frozen=True, slots=True)
class WhatChanged:
    """What happened from `start` to `end`, and what is suspected."""

    around: datetime
    start: datetime
    end: datetime
    alert: Alert | None
    """The alert that started at `around`; None when a bare moment was asked for."""
    rows: tuple[Row, ...]
    """Newest first. Edits that git does not know are all there: they are in force."""
    suspects: tuple[Suspect, ...]
    """Likeliest first; looked for `LOOK_BACK` before the moment, whatever is listed."""
    gaps: tuple[Gap, ...]
    """What could not be read, or is not listed."""
    commits: tuple[Change, ...]
    """The commits from `start` to `end`, newest first."""

    @property
    def first(self) -> Suspect | None:
        """The likeliest suspect that a rollback can take back."""
        return happened.first_with_remedy(self.suspects)

    @property
    def exit_code(self) -> int:
        """0 when all sources could be read, else that of the worst failure."""
        return max((gap.exit_code for gap in self.gaps), default=0)


def around(
    desk: Desk, moment: datetime, alert: Alert | None = None, *, window: timedelta = WINDOW
) -> WhatChanged:
    """What changed up to `window` before and after a moment, or the start of an alert."""
    watch = watch_of(desk, moment, alert)
    start, end = moment - window, moment + window
    first = min(start, moment - happened.LOOK_BACK)
    found = happened.happened(desk, watch, start=first, end=end)
    happenings, gaps = list(found.happenings), list(found.gaps)

    def ask(source: str, read: Callable[[], Iterable[Happening]]) -> None:
        try:
            happenings.extend(read())
        except MechexoError as error:
            gaps.append(Gap.of(source, error))

    targets = happened.targets_of(desk)
    ask(RUNS, lambda: failures(desk, moment, first, end))
    ask(ALERTS, lambda: _alerts(desk, watch, targets, first, end, gaps))
    ask(DEFINITIONS, lambda: redefinitions(desk, first, end))
    # What is to come has changed nothing yet.
    ask(ON_CALL, lambda: hand_overs(desk, first, min(end, desk.clock.now()), gaps))
    watch = replace(watch, own=_own(alert, happenings))
    suspects = _suspects(desk, watch, happenings, gaps)
    ranked = {each.happening.key: each for each in suspects}
    listed = [each for each in happenings if _is_listed(each, start, end, desk.clock.now())]
    listed.sort(key=lambda each: (each.at, each.key), reverse=True)
    return WhatChanged(
        around=moment,
        start=start,
        end=end,
        alert=alert,
        rows=tuple(Row(each, ranked.get(each.key)) for each in listed),
        suspects=suspects,
        gaps=tuple(gaps),
        commits=tuple(each for each in found.commits if start <= each.at <= end),
    )


def around_alert(desk: Desk, alert_id: int, *, window: timedelta = WINDOW) -> WhatChanged:
    """What changed around the start of an alert.

    Raises:
        NotFoundError: there is no alert with this id.
    """
    from mechexo.alerts import reading

    alert = reading.get_alert(desk, alert_id)
    return around(desk, alert.started_at, alert, window=window)


def suspect(desk: Desk, alert: Alert | None) -> tuple[Suspect | None, tuple[Gap, ...]]:
    """The likeliest suspect of an alert (or of now) that a rollback can take back, which stands
    first in `around` too; and what could not be read. Asks only the sources that it can come from.

    Raises:
        MechexoError: there is none, and a source could not be read.
    """
    moment = alert.started_at if alert else desk.clock.now()
    return happened.suspect(desk, watch_of(desk, moment, alert))


def watch_of(desk: Desk, moment: datetime, alert: Alert | None) -> Watch:
    """What an alert watches, by its labels and the configuration of its probe."""
    if alert is None:
        return Watch(moment)
    labels, settings = alert.labels, desk.settings
    named = labels.get("suspect", "")
    flows = [labels.get("flow", "")]
    if named in settings.rollback.flows or named in settings.flows:
        flows.append(named)
    probe = settings.probes.get(labels.get("probe", ""))
    flag = str(probe.options.get("key", "")) if probe and probe.kind == "flag" else ""
    return Watch(
        moment,
        files=tuple(filter(None, [named])),
        flows=tuple(filter(None, dict.fromkeys(flows))),
        flags=tuple(filter(None, [flag])),
        cards=tuple(filter(None, [labels.get("card", "")])),
        words=words_of(alert.name),
    )


def _suspects(
    desk: Desk, watch: Watch, happenings: Sequence[Happening], gaps: list[Gap]
) -> tuple[Suspect, ...]:
    since = watch.at - happened.LOOK_BACK
    recent = [each for each in happenings if each.at >= since or each.kind is Kind.EDIT]
    ranked = rank(recent, watch)
    if happened.first_with_remedy(ranked) is not None:
        return ranked
    try:
        known = {each.key for each in recent}
        older = [each for each in happened.named_long_ago(desk, watch) if each.key not in known]
    except MechexoError as error:
        if not any(gap.reason == str(error) for gap in gaps):
            gaps.append(Gap.of(happened.COMMITS, error))
        return ranked
    return rank([*recent, *older], watch)


def _is_listed(each: Happening, start: datetime, end: datetime, now: datetime) -> bool:
    if each.kind is Kind.EDIT:
        return each.at <= end or end >= now
    return start <= each.at <= end


def _own(alert: Alert | None, happenings: Iterable[Happening]) -> tuple[str, ...]:
    """The happenings that are the alert itself: its own row, and the run that it tells of."""
    if alert is None:
        return ()
    own = [f"alert:{alert.id}"]
    flow = alert.labels.get("flow", "") if alert.source == "flow" else ""
    runs = [
        each
        for each in happenings
        if each.kind is Kind.FLOW_FAILURE and flow in each.flows and each.at <= alert.started_at
    ]
    if runs:
        own.append(max(runs, key=lambda each: each.at).key)
    return tuple(own)


def failures(desk: Desk, moment: datetime, start: datetime, end: datetime) -> Iterable[Happening]:
    """The runs that failed from `start` to `end`: the newest up to a moment between, the newest
    after it."""
    from mechexo.flow_words import CARD
    from mechexo.flows import reading

    parts = ((start, moment), (moment + timedelta.resolution, end))
    for since, until in parts:
        for run in reading.failures(desk, start=since, end=until, limit=MOST_FAILURES):
            yield Happening(
                key=f"run:{run.id}",
                kind=Kind.FLOW_FAILURE,
                at=run.ended_at or run.started_at,
                what=_run_words(run),
                flows=(run.flow,),
                cards=(CARD,),
                no_remedy="a run cannot be taken back",
            )


def redefinitions(desk: Desk, start: datetime, end: datetime) -> Iterable[Happening]:
    """The deployments of orchestrators that were defined otherwise from a moment between on, as far
    as ticks saw it."""
    from mechexo.flows.orchestrators import records, versions
    from mechexo.orchestrator_words import CARD

    tables = desk.settings.orchestrators
    for older, each in records.changed_between(desk.state, start, end, MOST_DEFINITIONS):
        changed = ", ".join(versions.what_changed(each, older) or ())
        told = f" ({each.told})" if each.told else ""
        name = f"{each.deployment} on {each.source}"
        flows = tables[each.source].flows if each.source in tables else {}
        flow = flows.get(each.deployment) or flows.get(each.deployment_id, "")
        back = f"mechexo flows redeploy {each.deployment} --source {each.source}"
        yield Happening(
            key=f"definition:{each.source}:{each.deployment_id}:{each.number}",
            kind=Kind.DEPLOYMENT,
            at=each.seen_at,
            what=shown_words(f"{name} became version {each.number}{told}: {changed}"),
            flows=(flow,) if flow else (),
            cards=(CARD,),
            no_remedy=shown_words(f"its orchestrator takes it back: {back} --to {older.number}"),
        )


def _run_words(run: FlowRun) -> str:
    from mechexo.flows.values import RunState
    from mechexo.output_tail import last_words

    how = "was lost" if run.state is RunState.LOST else "failed"
    how = "took too long" if run.state is RunState.TIMED_OUT else how
    code = f" with exit code {run.exit_code}" if how == "failed" and run.exit_code else ""
    said = last_words(run.tail, run.flow)
    return shown_words(f"{run.flow} {how}{code}" + (f": {said}" if said else ""))


def _alerts(
    desk: Desk,
    watch: Watch,
    targets: Targets,
    start: datetime,
    end: datetime,
    gaps: list[Gap],
) -> Iterable[Happening]:
    from mechexo.alerts import reading

    found, damaged, more = reading.started_around(
        desk, watch.at, start=start, end=end, most=MOST_ALERTS
    )
    gaps += [Gap(ALERTS, each.words) for each in damaged]
    if more:
        gaps.append(Gap(ALERTS, f"more than {MOST_ALERTS} started; see: mechexo alerts list"))
    for alert in found:
        labels = alert.labels
        flows = dict.fromkeys([labels.get("flow", ""), labels.get("suspect", "")])
        known = {*desk.settings.flows, *targets.flows}
        yield Happening(
            key=f"alert:{alert.id}",
            kind=Kind.ALERT,
            at=alert.started_at,
            what=shown_words(f"{alert.severity} {alert.name} (alert {alert.id}): {alert.summary}"),
            flows=tuple(name for name in flows if name in known),
            cards=tuple(filter(None, [labels.get("card", "")])),
            no_remedy="an alert cannot be taken back",
        )


def hand_overs(desk: Desk, start: datetime, end: datetime, gaps: list[Gap]) -> Iterable[Happening]:
    """Who took over from whom after `start` and up to `end`; what is not known joins `gaps`."""
    from mechexo.alerts import oncall

    for each in oncall.handovers(desk, start, end):
        leaving, coming = each.leaving or "nobody", each.coming or "nobody"
        yield Happening(
            key=f"on-call:{each.schedule}:{each.at.timestamp():.6f}",
            kind=Kind.ON_CALL,
            at=each.at,
            what=shown_words(f"{each.schedule}: {coming} instead of {leaving}"),
            who=shown_words(coming),
            no_remedy="a hand-over cannot be taken back",
        )
    for name in desk.settings.oncall.schedules:
        for problem in oncall.plan(desk, name, start, end).problems:
            gaps.append(Gap.of(ON_CALL, UnreachableError(f"{name}: {problem.what}")))
