"""What the rest of the house asks of the health wing.

`probe_states`, `cards` and `uptime` read the state file and import nothing heavy, because every
`mechexo status` calls them. What looks at the world is imported by `run_due`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mechexo.config import Settings, redact, watched
from mechexo.errors import NotFoundError
from mechexo.health import change_records, records, uptime_records
from mechexo.health.availability import Sample, Windows, in_ms
from mechexo.health.checking_in import check_in as check_in
from mechexo.health.checking_in import job_name
from mechexo.health.error_budget import UPTIME_CARD, lengths, measured, window_states
from mechexo.health.hysteresis import next_state
from mechexo.health.roll_up import roll_up
from mechexo.health.staleness import STANDS_FOR_INTERVALS, as_shown, is_due
from mechexo.health.values import Card, Outcome, ProbeChange, ProbeState, Status, Uptime

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.health.context import ConfiguredProbe
    from mechexo.state import Transaction

_ROOM_FOR_STORING_S = 0.5


def load_probes(settings: Settings, config_path: Path) -> tuple[ConfiguredProbe, ...]:
    """The configured probes with their kinds and checked options, in the order of the file.

    Raises:
        ConfigError: a kind is unknown, or its keys do not fit; names `[probes.NAME]` and the key.
    """
    from mechexo.health import probes

    return probes.load_probes(settings, config_path)


def run_due(desk: Desk, *, force: bool = False, deadline_s: float = 8.0) -> tuple[ProbeState, ...]:
    """Looks with every probe that is due (`force`: with all), and stores what it found.

    Whatever hangs, looking ends within `deadline_s` seconds. Returns the states of all of
    `[probes]`, also of those that were not due. A probe whose configuration does not fit is
    unknown, and says why.

    Raises:
        BusyError, StateError: the state file could not be written.
    """
    from mechexo.health.context import Context
    from mechexo.health.probes import load_fitting
    from mechexo.health.runner import look

    configured, misfits = load_fitting(desk.settings, desk.config_path)
    now, tick = desk.clock.now(), desk.settings.refresh.tick
    before = records.stored_states(desk.state)
    first_seen, check_ins = records.first_seen(desk.state), records.check_ins(desk.state)
    starts = records.job_starts(desk.state)
    due = [
        probe
        for probe in configured
        if force or is_due(_last_look(before, probe), now, probe.settings.every, tick)
    ]
    longest_s = max(deadline_s - _ROOM_FOR_STORING_S, 0.1)
    looks = look(
        [
            (
                probe,
                Context(
                    probe=probe.name,
                    root=desk.root,
                    now=now,
                    timeout_s=min(probe.settings.timeout.total_seconds(), longest_s),
                    first_seen_at=min(first_seen.get(probe.name, now), now),
                    check_ins=check_ins,
                    starts=starts,
                ),
            )
            for probe in due
        ],
        deadline_s=longest_s,
        group=str(desk.state.path),
    )
    found = [(each.probe.name, each.outcome, each.latency_ms) for each in looks]
    found += [(name, Outcome(Status.UNKNOWN, redact(why)), None) for name, why in misfits.items()]
    names = watched(desk.settings).keys()
    if found or before.keys() - names:
        with desk.state.write() as transaction:
            records.forget_others(transaction, names)
            present = records.stored_states(transaction)
            for name, outcome, latency_ms in found:
                if present.get(name) != before.get(name):
                    # Another process has looked meanwhile; one outcome must not count twice.
                    continue
                _store(desk, transaction, present.get(name), name, outcome, now, latency_ms)
    own = desk.settings.probes
    return tuple(state for state in probe_states(desk) if state.name in own)


def take_in(desk: Desk, told: Iterable[tuple[str, Outcome, datetime]]) -> tuple[ProbeState, ...]:
    """Stores what somebody else found out about probes that are not looked at here: the name, what
    was found, and when. What is not newer than what is known counts once already. Returns the
    states of those probes.

    Raises:
        BusyError, StateError: the state file could not be written.
    """
    found = {name: (outcome, at) for name, outcome, at in told}
    known, now = records.stored_states(desk.state), desk.clock.now()
    if any(_is_newer(at, known.get(name), now) for name, (_, at) in found.items()):
        with desk.state.write() as transaction:
            present = records.stored_states(transaction)
            for name, (outcome, at) in found.items():
                if _is_newer(at, present.get(name), now):
                    _store(desk, transaction, present.get(name), name, outcome, at, None)
    return tuple(state for state in probe_states(desk) if state.name in found)


def _is_newer(at: datetime, stored: ProbeState | None, now: datetime) -> bool:
    if stored is None or stored.observed_at is None:
        return True
    # What is known of the future was stamped by a clock that was set back since.
    return stored.observed_at < at or (stored.observed_at > now and stored.observed_at != at)


def _store(
    desk: Desk,
    transaction: Transaction,
    stored: ProbeState | None,
    name: str,
    outcome: Outcome,
    at: datetime,
    latency_ms: float | None,
) -> None:
    settings, tick = watched(desk.settings)[name], desk.settings.refresh.tick
    # As a reader sees it: what was well long ago is not known to be well.
    previous = as_shown(name, stored, settings, at, tick)
    found = next_state(previous, outcome, at, settings, latency_ms=latency_ms)
    records.save_state(transaction, found)
    change_records.note_change(transaction, previous, found)


def _last_look(before: dict[str, ProbeState], probe: ConfiguredProbe) -> datetime | None:
    stored = before.get(probe.name)
    return stored.observed_at if stored and stored.kind == probe.settings.kind else None


def probe_states(desk: Desk) -> tuple[ProbeState, ...]:
    """Each configured probe as it may be believed now: what was not looked at lately is unknown."""
    stored = records.stored_states(desk.state)
    now, tick = desk.clock.now(), desk.settings.refresh.tick
    return tuple(
        as_shown(name, stored.get(name), settings, now, tick)
        for name, settings in watched(desk.settings).items()
    )


def cards(
    desk: Desk, states: Iterable[ProbeState] | None = None, uptime: Uptime | None = None
) -> tuple[Card, ...]:
    """The health cards, in the order of `[cards] show`, from states already read if given.

    With `uptime`, a card of that name in `[cards] show` also has its windows. `ops_ok` does not
    ask them: what was lost earlier does not say that the desk is not well now.
    """
    known = probe_states(desk) if states is None else states
    show = desk.settings.cards.show
    windows = (
        () if uptime is None or UPTIME_CARD not in show else window_states(uptime, desk.clock.now())
    )
    return roll_up([*known, *windows], show)


def history(desk: Desk, probe_name: str, *, since: datetime) -> tuple[tuple[datetime, float], ...]:
    """A probe's numbers since a moment, the oldest first; at most a day and 2,000 of them.

    Raises:
        NotFoundError: there is no such probe.
    """
    known = watched(desk.settings)
    if probe_name not in known:
        import difflib

        close = difflib.get_close_matches(probe_name, known, n=3, cutoff=0.5) or sorted(known)
        raise NotFoundError(
            f"there is no probe {probe_name!r}; there is: {', '.join(close) or 'none'}"
        )
    return records.samples(desk.state, probe_name, since)


def changes(
    desk: Desk, *, start: datetime, end: datetime, most: int
) -> tuple[tuple[ProbeChange, ...], int]:
    """How probes changed from `start` to `end`, oldest first, at most the first `most`; and how
    many rows could not be read. They are kept for 90 days, at most 1,000 of each probe."""
    return change_records.changes_between(desk.state, start, end, most)


def last_change(desk: Desk) -> int:
    """A number that grows whenever a probe changes. Cheap."""
    return change_records.last_change(desk.state)


def job_started(desk: Desk, job: str) -> None:
    """Records that a job began. That is no check-in: it may hang, and is then missed as before.

    Raises:
        UsageError: the job's name is empty or too long.
    """
    name = job_name(job)
    with desk.state.write() as transaction:
        records.save_job_start(transaction, name, desk.clock.now())


def record_ops_ok(desk: Desk, ok: bool) -> None:
    """Records how the desk is now, for `uptime`."""
    now = desk.clock.now()
    # How long it stands when none follows.
    stand = STANDS_FOR_INTERVALS * desk.settings.refresh.tick
    with desk.state.write() as transaction:
        uptime_records.record(transaction, Sample(in_ms(now), in_ms(now + stand), ok))


def uptime(desk: Desk) -> Uptime:
    """Availability over each window and how fast the error budget burns; see `availability` for
    what counts, `error_budget` for the rules."""
    objective = desk.settings.uptime
    windows = Windows(
        in_ms(desk.clock.now()),
        lengths(objective.window_days),
        uptime_records.newest(desk.state),
        uptime_records.first_ms(desk.state),
    )
    known = uptime_records.known_before(desk.state, windows.moments_ms)
    return measured(
        {length: windows.availability(length, known) for length in windows.lengths},
        objective_pct=objective.objective_pct,
        window_days=objective.window_days,
        fast_limit=objective.fast_burn,
        slow_limit=objective.slow_burn,
    )
