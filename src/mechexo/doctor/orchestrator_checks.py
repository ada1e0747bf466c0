"""The orchestrators: whether each can be reached, lets us in, and is of a version that is known."""

from __future__ import annotations

from collections.abc import Iterator

from mechexo.desk import Desk
from mechexo.doctor.findings import Finding, doubtful, well, wrong
from mechexo.errors import ConfigError, MechexoError

_WRITTEN_FOR = {"prefect": "3", "airflow": "3"}
"""The major versions whose API we speak, where that matters."""


def orchestrators(desk: Desk) -> Iterator[Finding]:
    """Asks each `[orchestrators.NAME]` for its version, as one who is let in."""
    from mechexo.flows.orchestrators.kinds import connect

    for name, table in desk.settings.orchestrators.items():
        check = f"orchestrator {name}"
        try:
            version = connect(desk, name).version()
        except ConfigError as error:
            yield wrong(check, str(error), "correct its table")
            continue
        except MechexoError as error:
            yield wrong(check, str(error), f"see [orchestrators.{name}] in {desk.config_path}")
            continue
        said = f"{table.kind} {version or 'of a version that it does not tell'} lets us in"
        major = _WRITTEN_FOR.get(table.kind)
        if version and major and version.partition(".")[0] != major:
            mend = f"mechexo speaks the API of version {major}: look whether what it shows is right"
            yield doubtful(check, said, mend)
        else:
            yield well(check, said)
