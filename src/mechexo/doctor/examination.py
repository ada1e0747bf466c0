"""The order of the checks. One that fails itself is a finding, and keeps none from following."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from mechexo.config import Settings, find_config, load_settings
from mechexo.desk import Desk
from mechexo.doctor import desk_checks, machine_checks, settings_checks, state_checks
from mechexo.doctor.findings import Finding, well, wrong
from mechexo.errors import ConfigError, MechexoError
from mechexo.health.values import Status


def examine(config_path: Path | None = None) -> tuple[Finding, ...]:
    """Looks at the machine, the configuration, the state file and what the desk points at.

    Changes nothing, but for an empty state file where there was none. Looks once with every
    probe and stores nothing of it.
    """
    findings: list[Finding] = []

    def ask(check: str, work: Callable[[], Iterable[Finding]]) -> None:
        try:
            findings.extend(work())
        except MechexoError as error:
            findings.append(Finding(check, Status.UNKNOWN, str(error), "mend that and ask again"))
        except Exception as error:  # noqa: BLE001 - a broken check must not hide the others
            said = f"this check failed itself: {type(error).__name__}: {error}"
            findings.append(Finding(check, Status.UNKNOWN, said, "please report it"))

    ask("SQLite", machine_checks.sqlite_version)
    ask("clock", machine_checks.clock)
    ask("terminal", machine_checks.terminal)
    try:
        path = find_config(config_path)
    except ConfigError as error:
        mend = "`mechexo init DIR` writes one; or name yours: mechexo --config FILE doctor"
        return (*findings, wrong("configuration", str(error), mend))
    try:
        settings = load_settings(path)
    except ConfigError as error:
        mend = "correct it; `mechexo init DIR` writes a commented example to compare with"
        return (*findings, wrong("configuration", str(error), mend))
    findings.append(well("configuration", f"{path} fits"))
    ask("probe options", lambda: settings_checks.probe_options(settings, path))
    ask("trading halt", lambda: settings_checks.trading_halt(settings))
    ask("permissions", lambda: settings_checks.permissions(path))
    ask("secrets", lambda: settings_checks.secrets(settings, path))
    desk = _opened(path, findings)
    if desk is not None:
        _ask_about_desk(desk, settings, ask)
        desk.state.close()
    return tuple(findings)


def _opened(path: Path, findings: list[Finding]) -> Desk | None:
    try:
        return Desk.open(path)
    except MechexoError as error:
        mend = "the message says what to do; everything else that needs the state file is not asked"
        findings.append(wrong("state file", str(error), mend))
        return None


def _ask_about_desk(
    desk: Desk, settings: Settings, ask: Callable[[str, Callable[[], Iterable[Finding]]], None]
) -> None:
    ask("state file", lambda: state_checks.state_file(desk))
    ask("state disk", lambda: state_checks.disk(desk.state.path))
    ask("audit log", lambda: state_checks.audit_chain(desk))
    ask("tick", lambda: state_checks.ticking(desk))
    ask("role", lambda: desk_checks.role(desk))
    ask("channels", lambda: desk_checks.channels(desk))
    ask("rollback", lambda: desk_checks.repository(desk))
    ask("costs", lambda: desk_checks.cost_sources(desk))
    ask("runbook", lambda: desk_checks.runbook(desk))
    ask("probes", lambda: desk_checks.probes(desk))
