"""What the console knows, and the clocks by which it is read again."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from textual.message import Message

from mechexo.desk_status import STALE_AFTER_TICKS, DeskStatus, card_words
from mechexo.errors import MechexoError
from mechexo_tui.sources import (
    FIRST,
    FOLLOWING,
    GROUPS,
    JUDGED,
    LOADERS,
    Overview,
    Part,
    read_part,
    read_parts,
)
from mechexo_tui.timers import once_after
from mechexo_tui.widgets.header import Heading

if TYPE_CHECKING:
    from pathlib import Path

    from mechexo.alerts.values import Alert
    from mechexo.desk import Desk
    from mechexo_tui.app import MechexoApp
    from mechexo_tui.costs_apart import CostsApart

FIRST_FRAME_WAIT_S = 2.0
"""How long the first frame waits for a state file that hangs before it is painted without facts."""

STATE_LOOK_S = 1.0
"""How often the state file is asked whether it changed."""

JUDGED_AGAIN_S = 15.0
"""How often at least the desk is judged again when the state file does not change."""

LONGEST_UNREAD = timedelta(minutes=1)
"""A verdict is shown for this long after it was read, however often the desk ticks."""


class PartsRead(Message):
    """Parts of the overview were read in a thread."""

    def __init__(self, number: int, parts: dict[str, Part[Any]]) -> None:
        super().__init__()
        self.number = number
        """Readings are counted as they begin: threads may end in another order."""
        self.parts = parts


class Facts:
    """Holds the overview and reads it in threads; the app shows it."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.overview = Overview()
        self.paused = False
        self.outdated_settings = False
        """Whether the configuration has changed since the console was opened."""
        self._settings_mark = _mark(desk.config_path)
        self.next_at: datetime | None = None
        self._numbers = itertools.count(1)
        self._taken: dict[str, int] = {}
        """The number of the reading that each part comes from."""
        self._making = threading.Lock()
        self._costs_apart: CostsApart | None = None
        self._stopping = threading.Event()
        # Reading the state file and starting Textual take their time side by side.
        self._first = threading.Thread(target=self._read_first, daemon=True)
        self._first.start()

    @property
    def costs_apart(self) -> CostsApart:
        """The process that works out the costs. Any thread may be the first to ask for it."""
        with self._making:
            if self._costs_apart is None:
                from mechexo_tui.costs_apart import CostsApart

                self._costs_apart = CostsApart(self.desk)
            return self._costs_apart

    def wait_for_first(self) -> None:
        """Waits a little for the facts of the first frame."""
        self._first.join(FIRST_FRAME_WAIT_S)

    def start(self, app: MechexoApp) -> None:
        """Starts the clocks; what is slow to read comes after the first frame."""
        every = self.desk.settings.refresh.dashboard
        self.next_at = self.desk.clock.now() + every
        app.set_interval(every.total_seconds(), lambda: self._refresh_in_time(app))
        once_after(app, 0.2, lambda: self.refresh_groups(app, GROUPS))
        watch = threading.Thread(target=self._watch, args=(app,), name="state-watch", daemon=True)
        watch.start()

    def stop(self) -> None:
        """Ends what still reads or watches."""
        self._stopping.set()
        if self._costs_apart is not None:  # only then costs were ever asked for
            self._costs_apart.stop()

    def refresh_all(self, app: MechexoApp) -> None:
        """Reads everything again."""
        self.next_at = self.desk.clock.now() + self.desk.settings.refresh.dashboard
        self.refresh_groups(app, GROUPS)

    def _refresh_in_time(self, app: MechexoApp) -> None:
        if not self.paused:
            self.refresh_all(app)

    def refresh_groups(self, app: MechexoApp, groups: Iterable[str]) -> None:
        """Reads groups of parts again, each in a thread; a newer reading replaces an older one."""
        for group in groups:
            names = GROUPS[group]

            def read(names: Sequence[str] = names) -> None:
                app.post_message(self.read(names))

            app.run_worker(read, thread=True, exclusive=True, group=group, exit_on_error=False)

    def take(self, read: PartsRead) -> bool:
        """Takes what was read, except for parts of which a later reading is already here. False
        when nothing that is shown is another."""
        another = False
        for name, part in read.parts.items():
            if read.number > self._taken.get(name, 0):
                self._taken[name] = read.number
                before = self.overview.part(name)
                self.overview = self.overview.with_part(name, part)
                another |= name not in JUDGED or _judged(before) != _judged(part)
        return another

    def heading(self, crumbs: str, *, read_only: bool) -> Heading:
        """What the header says."""
        part = self.overview.status
        status = part.value
        verdict = status.ops_ok if status and not self._outdated() else None
        quiet = ""
        if status and status.oncall.quiet_hours:
            quiet = f"quiet hours until {self.desk.settings.quiet_hours.end:%H:%M}"
        return Heading(
            desk=self.desk.settings.desk.name,
            live=self.desk.is_live,
            crumbs=crumbs,
            ops_ok=verdict,
            known=verdict is not None or (status is None and not part.error),
            on_call=status.oncall.level1 if status else "",
            quiet=quiet,
            tick_at=status.last_tick_at if status else None,
            next_at=self.next_at,
            paused=self.paused,
            note=" ".join(self._notes(read_only=read_only)),
            # Cards of an old reading say no more than its verdict.
            cards=card_words(status.cards) if status and verdict is not None else "",
        )

    def _notes(self, *, read_only: bool) -> Iterator[str]:
        if read_only:
            yield "read-only"
        if self.outdated_settings:
            yield "configuration changed: leave and open again"

    def _outdated(self) -> bool:
        """Whether the last good reading of the status no longer says how the desk is."""
        part = self.overview.status
        longest = max(STALE_AFTER_TICKS * self.desk.settings.refresh.tick, LONGEST_UNREAD)
        late = part.read_at is not None and self.desk.clock.now() - part.read_at > longest
        return bool(part.error) or late

    def alert(self, alert_id: int | None) -> Alert | None:
        """An open alert by its id."""
        if alert_id is None:
            return None
        return next((a for a in self.overview.alerts.value or () if a.id == alert_id), None)

    def with_alert(self, alert: Alert) -> PartsRead:
        """What is known, with this alert as it is now: shown until all of them are read again,
        which takes its time where there are thousands."""
        from mechexo.alerts.reading import outlooks

        number, known = next(self._numbers), self.overview.alerts
        if known.value is None:
            return PartsRead(number, {})
        others = (each for each in known.value if each.id != alert.id or alert.is_open)
        alerts = tuple(alert if each.id == alert.id else each for each in others)
        found: dict[str, Part[Any]] = {"alerts": replace(known, value=alerts)}
        # It is done, whatever may be wrong with what comes next.
        of_it = read_part(self.desk, FOLLOWING, {FOLLOWING: lambda desk: outlooks(desk, [alert])})
        if of_it.value is not None:
            following = {**(self.overview.following.value or {}), **of_it.value}
            found[FOLLOWING] = replace(of_it, value=following)
        return PartsRead(number, found)

    def read(self, names: Iterable[str]) -> PartsRead:
        """Reads these parts now, in whatever thread this is called."""
        number = next(self._numbers)
        loaders = {**LOADERS, "costs": lambda _: self.costs_apart.report()}
        return PartsRead(number, read_parts(self.desk, names, loaders))

    def _read_first(self) -> None:
        self.take(self.read(FIRST))
        self.desk.state.close()

    def _watch(self, app: MechexoApp) -> None:
        """Notices soon that another process (or this one) wrote to the state file, and also that
        nobody does."""
        # The number belongs to a connection, and a connection to a thread: always this one. It is
        # first asked for before the clocks read the file, so that no write falls between.
        seen = self._version()
        every = min(self.desk.settings.refresh.tick.total_seconds(), JUDGED_AGAIN_S)
        judged = time.monotonic()
        while not self._stopping.wait(STATE_LOOK_S):
            version = self._version()
            wrote, seen = version not in {None, seen}, version or seen
            changed = _mark(self.desk.config_path) != self._settings_mark
            if changed != self.outdated_settings:
                self.outdated_settings = changed
                app.call_later(app.show_now)
            if self.paused:
                continue
            if wrote:
                app.call_later(self.refresh_groups, app, ("state", "messages"))
                judged = time.monotonic()
            elif time.monotonic() - judged >= every:
                app.post_message(self.read(JUDGED))
                judged = time.monotonic()
        self.desk.state.close()

    def _version(self) -> int | None:
        try:
            return self.desk.state.data_version()
        except MechexoError:
            return None  # the panels say what is wrong with the file


def _mark(path: Path) -> object:
    """What changes when a file is written; None when it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _judged(part: Part[Any]) -> object:
    """What a screen shows of a judgement; the rest of a status grows older every moment."""
    status = part.value
    if isinstance(status, DeskStatus):
        return part.error, status.ops_ok, status.reasons, status.cards, status.oncall
    return part.error, status
