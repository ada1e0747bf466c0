"""What has to be ended when a test is through with it, however the test went."""

from __future__ import annotations

from types import TracebackType


class Ended:
    """The leaving half of a context manager: it ends what was begun."""

    __slots__ = ()

    def end(self) -> None:
        """Ends it; nothing of it runs afterwards."""
        raise NotImplementedError

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()
