"""A desk under a virtual clock whose server keeps time and sends."""

from __future__ import annotations

from datetime import datetime, timedelta

from mechexo.alerts import operations as alerts
from mechexo.alerts.values import Alert, Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk

MINUTE = timedelta(minutes=1)
CHANNELS = "".join(
    f'[channels.{name}]\nurl = "file://{name}/box.jsonl"\n'
    'severities = ["critical", "high", "medium"]\n'
    for name in ("chat", "mail", "desk")
)
LADDER = """
[escalation.default]
repeat = 0
[[escalation.default.levels]]
tell = ["chat"]
[[escalation.default.levels]]
after = "15m"
tell = ["mail"]
"""


def says(name: str, severity: str, *, firing: bool = True) -> Observation:
    return Observation(name, firing, severity, name, "bad", "probe")


class Shift:
    """A desk whose server keeps time and sends each half minute."""

    def __init__(self, desk: Desk, clock: VirtualClock) -> None:
        self.desk, self.clock = desk, clock
        for name in ("chat", "mail", "desk"):
            (desk.root / name).mkdir(exist_ok=True)

    def fire(self, name: str, severity: str) -> None:
        alerts.observe(self.desk, [says(name, severity)], time_is_kept=True)
        self.passes()

    def ends(self, name: str) -> None:
        alerts.observe(self.desk, [says(name, "info", firing=False)], time_is_kept=True)
        self.passes()

    def until(self, moment: datetime, step: timedelta = MINUTE / 2) -> None:
        while self.clock.now() < moment:
            self.clock.advance(min(step, moment - self.clock.now()))
            self.passes()

    def passes(self) -> None:
        alerts.keep_time(self.desk)
        alerts.deliver_due(self.desk, deadline_s=20)

    def break_desk(self) -> None:
        """From now on the channel `desk` delivers nothing."""
        (self.desk.root / "desk").rmdir()
        (self.desk.root / "desk").write_text("no folder")

    def mend_desk(self) -> None:
        (self.desk.root / "desk").unlink()
        (self.desk.root / "desk").mkdir()

    def of(self, name: str) -> Alert:
        return next(each for each in alerts.list_alerts(self.desk) if each.name == name)

    def timeline(self, name: str, *kinds: str) -> list[tuple[datetime, str]]:
        found = alerts.timeline(self.desk, self.of(name).id)
        return [(event.at, event.detail) for event in found if event.kind in kinds]

    def paged(self, name: str) -> list[tuple[datetime, str]]:
        return self.timeline(name, "paged")
