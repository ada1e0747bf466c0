"""What happened in the shift: how the desk was, alerts, flows, costs, actions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mechexo import tick_log
from mechexo.alerts.values import Alert, AlertState
from mechexo.desk import Desk
from mechexo.desk_status import STALE_AFTER_TICKS, card_words, read_status
from mechexo.flows.values import FlowRun, RunState
from mechexo.shift_report.values import Block, Items, Line, Shift, table
from mechexo.tick_log import Span
from mechexo.times import format_duration, from_iso_z

if TYPE_CHECKING:
    from mechexo.state import AuditEntry

_MOST_AUDIT_ENTRIES = 5000
_JOB_RUN = "flows.exec"


def status(shift: Shift) -> Iterable[Block]:
    """How the desk is now."""
    status, shown = read_status(shift.desk), shift.shown
    cards = card_words(status.cards)
    yield Line(f" · {cards}" if cards else "", f"ops_ok: {'yes' if status.ops_ok else 'no'}")
    if status.reasons:
        yield Items(tuple(status.reasons))
    tick = shown(status.last_tick_at) if status.last_tick_at else "never"
    yield Line(f"On call: {status.oncall.level1 or 'nobody'}. Last tick: {tick}.")
    yield table(
        ("card", "status", "summary", "observed"),
        (
            (
                card.name,
                card.status.value,
                card.summary,
                shown(card.observed_at) if card.observed_at else None,
            )
            for card in status.cards
        ),
    )


def course(shift: Shift) -> Iterable[Block]:
    """When the desk was well, when not, and when nobody looked."""
    desk, start, end = shift.desk, shift.start, shift.end
    stands_for = STALE_AFTER_TICKS * desk.settings.refresh.tick
    ticks = tick_log.between(desk.state, start - stands_for, end)
    spans = tick_log.course(ticks, start, end, stands_for)
    seen = [span for span in spans if span.ops_ok is not None]
    if not seen:
        yield Line("No tick ran: nothing is known of these hours.")
        return
    own = [tick for tick in ticks if tick.at >= start]
    well = sum(tick.ops_ok for tick in own)
    watched, well_for = _length(seen), _length(span for span in seen if span.ops_ok)
    share = f", with ops_ok for {100 * (well_for / watched):.1f} % of it" if watched else ""
    yield Line(
        f"{len(own)} {'tick' if len(own) == 1 else 'ticks'}, {well} of them with ops_ok. "
        f"Watched for {format_duration(watched)} of {format_duration(end - start)}{share}."
    )
    yield table(("from", "the desk was", "because"), _changes(spans, shift.shown))


def _length(spans: Iterable[Span]) -> timedelta:
    return sum((span.end - span.start for span in spans), timedelta())


def _changes(
    spans: Sequence[Span], shown: Callable[[datetime], str]
) -> Iterable[tuple[str, str, str | None]]:
    """A row for each time that the desk became another, or was looked at no more."""
    words = {True: "ok", False: "not ok", None: "nobody looked"}
    for before, span in zip([None, *spans], spans, strict=False):
        if before is None or before.ops_ok != span.ops_ok:
            why = "; ".join(span.reasons)
            if span.ops_ok is None:
                why = "no tick since" if span is spans[-1] else f"no tick until {shown(span.end)}"
            yield shown(span.start), words[span.ops_ok], why or None


def alerts(shift: Shift) -> Iterable[Block]:
    """The alerts that are open, or changed in the shift."""
    from mechexo.alerts.operations import list_alerts

    desk, start, shown = shift.desk, shift.start, shift.shown
    every = list_alerts(desk, states=tuple(AlertState))
    touched = [alert for alert in every if alert.is_open or _last_change(alert) >= start]
    yield Line(
        f"{sum(alert.started_at >= start for alert in touched)} opened, "
        f"{sum(_since(alert.acknowledged_at, start) for alert in touched)} acknowledged, "
        f"{sum(_since(alert.resolved_at, start) for alert in touched)} resolved, "
        f"{sum(alert.is_open for alert in touched)} open now."
    )
    yield table(
        ("id", "severity", "alert", "state", "started", "acknowledged", "lasted", "summary"),
        (
            (
                str(alert.id),
                alert.severity,
                alert.name,
                alert.state.value,
                shown(alert.started_at),
                f"{shown(alert.acknowledged_at)} by {alert.acknowledged_by}"
                if alert.acknowledged_at
                else None,
                format_duration(alert.resolved_at - alert.started_at)
                if alert.resolved_at
                else None,
                alert.summary,
            )
            for alert in touched
        ),
    )


def _since(moment: datetime | None, start: datetime) -> bool:
    return moment is not None and moment >= start


def _last_change(alert: Alert) -> datetime:
    return max(
        moment
        for moment in (alert.started_at, alert.acknowledged_at, alert.resolved_at)
        if moment is not None
    )


def flows(shift: Shift) -> Iterable[Block]:
    """Each flow's runs of the shift."""
    from mechexo.flows import operations

    desk, start, shown = shift.desk, shift.start, shift.shown
    summaries = operations.summaries(desk)
    runs = [run for run in operations.runs(desk, limit=None) if run.started_at >= start]
    yield table(
        ("flow", "runs", "failed", "last run", "how it ended", "overdue"),
        (
            (
                summary.label or summary.flow,
                str(sum(run.flow == summary.flow for run in runs)),
                str(sum(run.flow == summary.flow and _failed(run) for run in runs)),
                shown(summary.last.started_at) if summary.last else "never",
                summary.last.state.value if summary.last else None,
                "overdue" if summary.overdue else "no",
            )
            for summary in summaries
        ),
    )


def _failed(run: FlowRun) -> bool:
    return run.state not in (RunState.RUNNING, RunState.COMPLETED)


def costs(shift: Shift) -> Iterable[Block]:
    """What the shift's fills cost."""
    if not shift.desk.settings.costs.fills:
        yield Line("No fills are configured ([costs] fills).")
        return
    from mechexo.costs import operations

    report = operations.report(shift.desk, start=shift.start, end=shift.end, by=("symbol",))
    totals = report.totals
    yield Line(
        f"{totals.fills} fills, {totals.priced} of them priced, notional "
        f"{totals.notional:,.0f} {report.currency}: total {_bps(totals.total_bps)} "
        f"(commission {_bps(totals.commission_bps)}, slippage {_bps(totals.slippage_bps)}), "
        f"95th percentile {_bps(totals.p95_bps)}."
    )


def _bps(value: float | None) -> str:
    return "not known" if value is None else f"{value:.2f} bps"


def actions(shift: Shift) -> Iterable[Block]:
    """What people did, from the audit log."""
    desk, start, shown = shift.desk, shift.start, shift.shown
    if jobs := tuple(_job_runs(desk, start)):
        yield Items(jobs)
    entries = desk.audit_entries(_MOST_AUDIT_ENTRIES, without=[_JOB_RUN])
    rows = [
        (
            str(entry.at) if at is None else shown(at),
            entry.who,
            entry.action,
            entry.target,
            entry.outcome,
            entry.reason or None,
        )
        for entry in entries
        # A damaged entry may belong here, and must not be missed.
        if (at := _moment(entry)) is None or at >= start
    ]
    if len(entries) == _MOST_AUDIT_ENTRIES and len(rows) == len(entries):
        yield Line(
            f"Only the newest {_MOST_AUDIT_ENTRIES} actions are listed; see: mechexo audit log"
        )
    yield table(("at", "who", "action", "target", "outcome", "reason"), rows)


def _job_runs(desk: Desk, start: datetime) -> Iterable[str]:
    """A line for each flow: jobs run by the hundred, and people's actions must stand out."""
    endings: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for flow, outcome, number in desk.audit_counts(_JOB_RUN, start):
        endings[flow][outcome] = number
    for flow, numbers in endings.items():
        bad = [f"{count} {how}" for how, count in numbers.items() if how != RunState.COMPLETED]
        runs = sum(numbers.values())
        said = ", ".join([f"{runs} {'run' if runs == 1 else 'runs'}", *bad])
        yield f"{flow}: {said}"


def _moment(entry: AuditEntry) -> datetime | None:
    try:
        return from_iso_z(entry.at)
    except (ValueError, TypeError):
        return None
