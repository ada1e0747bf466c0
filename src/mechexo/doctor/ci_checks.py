"""CI: whether each configured repository can be asked, lets us in, and has what is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mechexo.desk import Desk
from mechexo.doctor.findings import Finding, doubtful, well, wrong
from mechexo.errors import MechexoError
from mechexo.outside import HeldError
from mechexo.times import iso_z

if TYPE_CHECKING:
    from mechexo.config import CiSettings
    from mechexo.flows.ci.values import CiLook


def repositories(desk: Desk) -> Iterator[Finding]:
    """Asks each `[ci.NAME]` for its runs, and keeps nothing of that."""
    from mechexo.flows.ci import operations as ci

    for name, table in desk.settings.ci.items():
        check = f"ci {name}"
        try:
            found = ci.try_out(desk, name)
        except HeldError as error:
            mend = f"it is asked again after {iso_z(error.until)}; ask less often: every"
            yield doubtful(check, str(error), f"{mend} in [ci.{name}]")
        except MechexoError as error:
            yield wrong(check, str(error), f"see [ci.{name}] in {desk.config_path}")
        else:
            yield _of_look(check, name, table, found)


def _of_look(check: str, name: str, table: CiSettings, found: CiLook) -> Finding:
    from mechexo.flows.ci.rules import badges, silent_workflows

    seen = {run.branch for run in found.runs}
    without = [f"on {branch}" for branch in table.branches if branch not in seen]
    if table.branches[0] in seen:
        shown = badges(found.runs, table.branches)
        silent = silent_workflows(shown, table.branches[0], table.workflows)
        without += [f"of {workflow} on {table.branches[0]}" for workflow in silent]
    count = len(found.runs)
    said = f"{table.repository} lets us in: {count} run{'' if count == 1 else 's'}"
    if without:
        mend = f"if something is called otherwise, correct [ci.{name}]"
        return doubtful(check, f"{said}, none {', none '.join(without)}", mend)
    return well(check, said)
