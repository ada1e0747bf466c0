"""A row of the alerts wing that cannot be read: what is known of it, and in words what is wrong."""

from __future__ import annotations

from mechexo.errors import StateError
from mechexo.value_classes import dataclass

STATE_FILE = "state-file"
"""The source of the alerts about damaged rows."""
SEE = "see: mechexo alerts damaged"


@dataclass(frozen=True, slots=True)
class Damaged:
    """A row of the state file that cannot be read."""

    what: str
    """What it is of: `alert`, `silence`, `message`, `override`, …"""
    id: int
    problem: str
    """What is wrong with which of its cells."""
    key: str = ""
    """Of an alert, as far as it can be read; "" otherwise. So are the next three."""
    severity: str = ""
    state: str = ""
    name: str = ""
    alert_id: int | None = None
    """The alert that it is, or belongs to, where that is known."""

    @property
    def words(self) -> str:
        """`alert 12 is damaged in the state file: labels is no JSON of names and texts: 'x'`."""
        named = f" ({self.name})" if self.name else ""
        return f"{self.what} {self.id}{named} is damaged in the state file: {self.problem}"

    @property
    def sentence(self) -> str:
        """The same, and what to do about it."""
        return f"{self.words}; {SEE}"


class DamagedRowError(StateError):
    """A row cannot be read; `damaged` says which, and what is wrong with it."""

    def __init__(self, damaged: Damaged, mend: str = "") -> None:
        super().__init__(f"{damaged.words}{f'; {mend}' if mend else ''}")
        self.damaged = damaged


def key_beside(key: str, alert_id: int) -> str:
    """The key of the alert that stands for trouble whose own open alert cannot be read: the file
    lets no two open alerts have one key, and what is damaged is left as it is."""
    return f"{key} [beside damaged alert {alert_id}]"
