"""`mechexo status`: how the desk is, from the state file alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from mechexo.cli import render
from mechexo.cli.invocation import Invocation, open_desk, single_command
from mechexo.cli.words import age, counted, harmless, status_word
from mechexo.desk_status import DeskStatus, card_words, read_status, status_document
from mechexo.errors import MechexoError
from mechexo.health.values import (
    CI_KIND,
    FLOW_KIND,
    ORCHESTRATOR_KIND,
    STATE_FILE_KIND,
    TOKEN_KIND,
    UPTIME_KIND,
    Burn,
    Status,
)
from mechexo.times import format_duration, stamps_in_zone

app = single_command()

_WORD_WIDTH = 11


@app.command()
def status(
    ctx: typer.Context,
    json_: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    nagios: Annotated[
        bool, typer.Option("--nagios", help="One line and codes 0 to 3, as monitoring plug-ins.")
    ] = False,
) -> None:
    """The cards, ops_ok, open alerts, staleness. Exit 0 when ops_ok, else 1."""
    if nagios:
        raise typer.Exit(_answer_nagios(ctx))
    desk = open_desk(ctx)
    found = read_status(desk)
    if json_:
        render.json_document("status", found.at, status_document(found))
    else:
        show(found)
    raise typer.Exit(0 if found.ops_ok else 1)


def show(found: DeskStatus) -> None:
    """Prints the status for people."""
    zone = ZoneInfo(found.zone)
    render.text(f"{found.name}  {found.mode.upper()}  {found.zone}")
    render.text()
    widest = max((len(card.name) for card in found.cards), default=0)
    for card in found.cards:
        observed = f" ({age(card.observed_at, found.at)})" if card.probes else ""
        word = status_word(card.status, _WORD_WIDTH)
        render.text(f"{card.name.ljust(widest)}  {word} {_said(card.summary, zone)}{observed}")
    render.text()
    overall = Status.OK if found.ops_ok else Status.UNKNOWN if found.blind else Status.CRITICAL
    answer = " · ".join(filter(None, ("yes" if found.ops_ok else "no", card_words(found.cards))))
    render.text(f"ops_ok  {status_word(overall, _WORD_WIDTH)} {answer}")
    for reason in found.reasons:
        render.text(f"        - {_said(reason, zone)}")
    render.text(f"alerts  {_alerts(found)}")
    quiet = ", quiet hours" if found.oncall.quiet_hours else ""
    render.text(f"on call {found.oncall.level1 or 'nobody'}{quiet}")
    render.text(f"uptime  {_uptime(found)}")
    if found.uptime.achieved_pct is not None:
        render.text(f"        {_windows_and_burn(found)}")
    render.text(f"tick    {age(found.last_tick_at, found.at)}")


def _said(text: str, zone: ZoneInfo) -> str:
    return harmless(stamps_in_zone(text, zone))


def _alerts(found: DeskStatus) -> str:
    counts = found.alerts
    damaged = f", {counts.damaged} damaged" if counts.damaged else ""
    if not counts.open:
        return f"none open{damaged}"
    kinds = ", ".join(f"{number} {name}" for name, number in counts.by_severity.items() if number)
    kept = f" ({counts.kept_back_words})" if counts.kept_back else ""
    oldest = "" if counts.oldest_s is None else f", oldest {format_duration(counts.oldest_s)}"
    said = f"{counts.open} open ({kinds}), {counts.unacknowledged} unacknowledged"
    return f"{said}{kept}{oldest}{damaged}"


def _uptime(found: DeskStatus) -> str:
    uptime = found.uptime
    objective = f"objective {uptime.objective_pct:g} % over {uptime.window_days} days"
    if uptime.achieved_pct is None:
        return f"not measured yet; {objective}"
    known = f"known for {format_duration(uptime.known_s)} of {uptime.window_days}d"
    first = found.at - timedelta(seconds=uptime.known_s + uptime.unknown_s)
    since = f"{first.astimezone(ZoneInfo(found.zone)):%Y-%m-%d %H:%M}"
    share = f"{uptime.achieved_pct:.3f} % ({known}, since {since})"
    left_s = uptime.budget_left_s
    if left_s is None:
        return f"{share}; {objective}"
    whole_s = (1.0 - uptime.objective_pct / 100.0) * uptime.window_days * 86_400
    spent = format_duration(whole_s - left_s)
    budget = (
        f"error budget {format_duration(whole_s)}, {spent} spent, {format_duration(left_s)} left"
    )
    return f"{share}; {objective}: {budget}"


def _windows_and_burn(found: DeskStatus) -> str:
    """The other windows' shares, and how fast the budget is being spent."""
    uptime = found.uptime
    shares = [
        f"{window.label} {window.achieved_pct:.3f} %"
        for window in uptime.windows
        if window.hours != 24 * uptime.window_days and window.achieved_pct is not None
    ]
    burns = f"burn {_burn(uptime.fast)}, {_burn(uptime.slow)}"
    return "; ".join(filter(None, (", ".join(shares), burns)))


def _burn(burn: Burn) -> str:
    if burn.rate is None:
        return f"over {burn.long} not known yet ({burn.why_unknown})"
    over = f", ABOVE {burn.limit:g}x" if burn.is_over else ""
    return f"{burn.rate:.1f}x over {burn.long}{over}"


def _answer_nagios(ctx: typer.Context) -> int:
    try:
        found = read_status(open_desk(ctx))
    except MechexoError as error:
        render.text(f"MECHEXO UNKNOWN - {_one_field(str(error))}")
        return 3
    except Exception as error:  # noqa: BLE001 - exit code 1 would tell a plug-in of a warning
        from mechexo.crash import kept_report

        invocation = ctx.find_object(Invocation) or Invocation()
        render.text(f"MECHEXO UNKNOWN - {_one_field(kept_report(error, invocation.state))}")
        return 3
    code, why = nagios_verdict(found)
    word = ("OK", "WARNING", "CRITICAL", "UNKNOWN")[code]
    render.text(f"MECHEXO {word} - {_one_field(f'{found.name}: {why}')} | {_performance(found)}")
    return code


def nagios_verdict(found: DeskStatus) -> tuple[int, str]:
    """The plug-in's code and why: 2 when something is known to be broken, which a critical card is
    also where it takes nothing from `ops_ok`; 3 when we cannot tell, 1 when only lesser things are
    amiss."""
    if not found.ops_ok:
        return (3 if found.blind else 2), "; ".join(found.reasons)
    amiss = [
        f"{card.name} is {card.status.value}: {card.summary}"
        for card in found.cards
        if card.probes and card.status is not Status.OK
    ]
    if found.alerts.unacknowledged:
        amiss.append(counted(found.alerts.unacknowledged, "unacknowledged alert"))
    critical = any(card.status is Status.CRITICAL for card in found.cards)
    return (2 if critical else 1, "; ".join(amiss)) if amiss else (0, "all is well")


def _performance(found: DeskStatus) -> str:
    looks = [probe for card in found.cards for probe in card.probes]
    others = (FLOW_KIND, UPTIME_KIND, CI_KIND, ORCHESTRATOR_KIND, STATE_FILE_KIND, TOKEN_KIND)
    probes = [probe.status for probe in looks if probe.kind not in others]
    figures = [f"probes_{status.value}={probes.count(status)}" for status in Status]
    for name, kind in (("flows", FLOW_KIND), ("ci", CI_KIND), ("orchestrators", ORCHESTRATOR_KIND)):
        if own := [probe.status for probe in looks if probe.kind == kind]:
            figures += [f"{name}_{status.value}={own.count(status)}" for status in Status]
    figures += [
        f"alerts_open={found.alerts.open}",
        f"alerts_unacknowledged={found.alerts.unacknowledged}",
    ]
    if found.last_tick_at is not None:
        figures.append(f"tick_age={max((found.at - found.last_tick_at).total_seconds(), 0):.0f}s")
    return " ".join(figures)


def _one_field(text: str) -> str:
    # The bar would begin the performance data.
    return harmless(text).replace("|", "/")
