"""The stages of a pass: each in a thread of its own, its end and its failure on record."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import field
from typing import Generic, TypeVar

from mechexo.desk import Desk
from mechexo.errors import MechexoError
from mechexo.tick_log import Stage
from mechexo.value_classes import dataclass

Result = TypeVar("Result")


@dataclass(slots=True)
class Pass:
    """A pass under way: runs stages and keeps what they said."""

    desk: Desk
    ends_at_s: float
    """On the monotonic clock."""
    stages: list[Stage] = field(default_factory=list)

    def left_s(self, *, keeping_s: float = 0.0) -> float:
        """The seconds that are left, less those that are kept for what comes after."""
        return max(self.ends_at_s - time.monotonic() - keeping_s, 0.05)

    def run(self, name: str, limit_s: float, work: Callable[[], Result]) -> Result | None:
        """The stage's result; None when it failed or did not end, with the reason recorded."""
        return self.begin(name, work).finish(limit_s)

    def attempt(self, name: str, work: Callable[[], Result]) -> Result | None:
        """The result of something quick; None when it failed, which is recorded as the stage's: no
        defect of one room keeps the others from the alerts."""
        began_s = time.monotonic()
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - recorded, in words
            took = round(time.monotonic() - began_s, 3)
            self.stages.append(Stage(name, False, _in_words(error), took))
            return None

    def begin(self, name: str, work: Callable[[], Result]) -> Begun[Result]:
        """Begins a stage beside those that follow."""
        begun = Begun[Result](name, self.stages, time.monotonic())

        def guarded() -> None:
            try:
                begun.result.append(work())
            except BaseException as error:  # noqa: BLE001 - recorded below, in words
                begun.failure.append(error)
            finally:
                self.desk.state.close()

        begun.thread = threading.Thread(target=guarded, name=f"tick-{name}", daemon=True)
        begun.thread.start()
        return begun


@dataclass(slots=True)
class Begun(Generic[Result]):
    """A stage under way."""

    name: str
    stages: list[Stage]
    started_s: float
    result: list[Result] = field(default_factory=list)
    failure: list[BaseException] = field(default_factory=list)
    thread: threading.Thread = field(default_factory=threading.Thread)

    def is_over(self, within_s: float) -> bool:
        """Whether it ends within so many seconds."""
        self.thread.join(within_s)
        return not self.thread.is_alive()

    def finish(self, limit_s: float) -> Result | None:
        """Waits for it so long and records how it went. To be called once."""
        self.thread.join(limit_s)
        # Taken once: a thread that ends just after its limit changes nothing of what we say.
        found, failed = tuple(self.result), tuple(self.failure)
        took = round(time.monotonic() - self.started_s, 3)
        if failed:
            stage = Stage(self.name, False, _in_words(failed[0]), took)
        elif not found:
            stage = Stage(self.name, False, f"did not end within {limit_s:.1f} s", took)
        else:
            stage = Stage(self.name, True, "", took)
        self.stages.append(stage)
        return found[0] if found else None


def _in_words(error: BaseException) -> str:
    if isinstance(error, MechexoError):
        return str(error)
    # Unexpected, so its kind is worth knowing too; the text alone may be a bare key.
    return f"{type(error).__name__}: {error}"
