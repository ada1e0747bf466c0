"""Whether each source of `[risk]` can be read as it is configured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mechexo.doctor.findings import Finding, doubtful, well, wrong
from mechexo.errors import MechexoError

if TYPE_CHECKING:
    from mechexo.desk import Desk


def sources(desk: Desk) -> Iterator[Finding]:
    """Reads each once, and keeps nothing. A part that is to be read and was not is a doubt."""
    from mechexo.risk.keeping import from_text
    from mechexo.risk.source import RiskSource
    from mechexo.risk.values import NOT_TOLD, NOTHING_YET

    for name, table in desk.settings.risk.items():
        check = f"risk {name}"
        where = f"see [risk.{name}] in {desk.config_path}"
        source = RiskSource(name, table, desk.root, desk.zone).source
        try:
            answer = source.try_out(desk.clock.now())
        except MechexoError as error:
            yield wrong(check, str(error), where)
            continue
        look = from_text(table, answer.value)
        unread = {
            part: why
            for part, why in (look.why if look else {}).items()
            if why not in (NOT_TOLD, NOTHING_YET)
        }
        for part, why in unread.items():
            yield doubtful(check, f"{part}: {why}", where)
        if not unread:
            count = len(look.positions or ()) if look else 0
            yield well(check, f"read; positions: {count}")
