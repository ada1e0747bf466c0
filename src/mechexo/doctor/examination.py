"""The order of the checks. One that fails itself is a finding, and keeps none from following."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from mechexo.config import find_config, load_settings
from mechexo.desk import Desk
from mechexo.doctor import (
    approval_checks,
    ci_checks,
    desk_checks,
    flag_checks,
    grafana_checks,
    machine_checks,
    oncall_checks,
    orchestrator_checks,
    plot_checks,
    reference_checks,
    risk_checks,
    settings_checks,
    state_checks,
    time_checks,
    token_checks,
)
from mechexo.doctor.findings import Finding, kept_out, well, wrong
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
        return (*findings, _of_configuration(error, mend))
    try:
        settings = load_settings(path)
    except ConfigError as error:
        mend = "correct it; `mechexo init DIR` writes a commented example to compare with"
        return (*findings, _of_configuration(error, mend))
    findings.append(well("configuration", f"{path} fits"))
    ask("probe options", lambda: settings_checks.probe_options(settings, path))
    ask("trading halt", lambda: settings_checks.trading_halt(settings))
    ask("permissions", lambda: settings_checks.permissions(path))
    ask("secrets", lambda: settings_checks.secrets(settings, path))
    desk = Desk.unopened(path)
    unusable = state_checks.unusable(desk)
    findings += unusable
    if not unusable:
        ask("state file", lambda: state_checks.state_file(desk))
        ask("state disk", lambda: state_checks.disk(desk.state.path))
        ask("audit log", lambda: state_checks.audit_chain(desk))
        ask("tick", lambda: state_checks.ticking(desk))
        ask("on call", lambda: oncall_checks.reaching(desk))
        ask("delivery", lambda: oncall_checks.proven(desk))
        ask("tokens", lambda: token_checks.tokens(desk))
        ask("grafana annotations", lambda: grafana_checks.behind(desk))
        desk.state.close()
    _ask_about_desk(desk, ask)
    return tuple(findings)


def _of_configuration(error: ConfigError, mend: str) -> Finding:
    barred = isinstance(error.__cause__, PermissionError) and error.__cause__.filename
    found = kept_out("configuration", Path(barred)) if barred else None
    return found or wrong("configuration", str(error), mend)


def _ask_about_desk(
    desk: Desk, ask: Callable[[str, Callable[[], Iterable[Finding]]], None]
) -> None:
    ask("role", lambda: desk_checks.role(desk))
    ask("channels", lambda: desk_checks.channels(desk))
    ask("rollback", lambda: desk_checks.repository(desk))
    ask("deployment ledger", lambda: time_checks.hooks(desk))
    ask("market", lambda: time_checks.market(desk))
    ask("flags", lambda: flag_checks.flags(desk))
    ask("second person", lambda: approval_checks.second_person(desk))
    ask("late records", lambda: flag_checks.late_records(desk))
    ask("costs", lambda: desk_checks.cost_sources(desk))
    ask("runbook", lambda: desk_checks.runbook(desk))
    ask("runbook names", lambda: reference_checks.runbook_variables(desk))
    ask("suspects", lambda: reference_checks.suspects(desk))
    ask("flows", lambda: reference_checks.watched_twice(desk))
    ask("ci", lambda: ci_checks.repositories(desk))
    ask("orchestrators", lambda: orchestrator_checks.orchestrators(desk))
    ask("grafana", lambda: grafana_checks.grafana(desk))
    ask("plots", lambda: plot_checks.plots(desk))
    ask("risk", lambda: risk_checks.sources(desk))
    ask("probes", lambda: desk_checks.probes(desk))
