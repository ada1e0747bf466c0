"""What the desk points at: channels, repository, costs, runbook, and what the probes look at."""

from __future__ import annotations

import difflib
import glob
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from mechexo.access import glob_start
from mechexo.alerts.channels.address import address_of
from mechexo.config import ChannelSettings, redact
from mechexo.config.watching import risk_probes
from mechexo.desk import Desk
from mechexo.doctor.findings import Finding, doubtful, kept_out, well, wrong
from mechexo.errors import ConfigError, UnreachableError
from mechexo.health.values import Status

LOOK_DEADLINE_S = 10.0


def role(desk: Desk) -> Iterator[Finding]:
    """What you may do here."""
    said = f"{desk.actor.name} is {desk.role.label} on this {desk.settings.desk.mode} desk"
    yield well("role", said)


def channels(desk: Desk) -> Iterator[Finding]:
    """Whether each channel's address is one that can be sent to. Sends nothing."""
    if not desk.settings.channels:
        mend = "add a table like [channels.mail]"
        yield doubtful("channels", "none is configured: nobody is told of anything", mend)
    for name, channel in desk.settings.channels.items():
        yield _channel(desk, name, channel)


def _channel(desk: Desk, name: str, channel: ChannelSettings) -> Finding:
    try:
        address = address_of(channel, desk.root)
    except ConfigError as error:
        return wrong("channels", f"{name}: {error}", "see the finding about that secret")
    if address.kind == "file":
        return _mailbox(name, Path(address.resolved), may_make_folder=address.make_folder)
    if address.kind in ("telegram", "phone"):
        return _own_client(name, channel)
    url = address.resolved
    import logging

    import apprise

    # Its own remarks repeat the address, secrets included.
    logging.getLogger("apprise").disabled = True
    if apprise.Apprise.instantiate(url) is None:
        return wrong(
            "channels",
            f"{name}: {redact(channel.url)} is no address that Apprise can send to",
            f"see Apprise's page on {urlsplit(url).scheme or 'this service'}://",
        )
    return well("channels", f"{name}: {urlsplit(url).scheme}:// can be sent to")


def _own_client(name: str, channel: ChannelSettings) -> Finding:
    if channel.kind == "telegram" and not channel.actors:
        mend = f"name who may in [channels.{name}] actors"
        return doubtful("channels", f"{name}: nobody can acknowledge in the chat", mend)
    return well("channels", f"{name}: {channel.kind}, with all that it needs")


def _mailbox(name: str, file: Path, *, may_make_folder: bool) -> Finding:
    if barred := kept_out("channels", file, read=False, write=True, about=f"{name}: "):
        return barred
    nearest = next(each for each in (file, *file.parents) if each.exists())
    there = nearest in (file, file.parent) or may_make_folder
    usable = nearest.is_file() if nearest == file else nearest.is_dir()
    if there and usable and os.access(nearest, os.W_OK):
        return well("channels", f"{name}: the mailbox {file}")
    mend = f"make {file.parent} a folder that you may write, or correct [channels.{name}] url"
    return wrong("channels", f"{name}: {file} cannot be written", mend)


def repository(desk: Desk) -> Iterator[Finding]:
    """Whether `[rollback]` names a git repository and files that are in it."""
    settings = desk.settings.rollback
    if not settings.repository:
        mend = "name it in [rollback] repository"
        yield doubtful("rollback", "no repository is configured: nothing can be taken back", mend)
        return
    from mechexo.rollback.globs import matching
    from mechexo.rollback.operations import tracked_files

    folder = desk.path(settings.repository)
    try:
        tracked = tracked_files(desk)
    except UnreachableError as error:
        mend = "install git, or see to it that you may read the files"
        barred = kept_out("rollback", folder) or kept_out("rollback", folder / ".git")
        yield barred or wrong("rollback", str(error), mend)
        return
    except ConfigError as error:
        yield wrong("rollback", str(error), "correct [rollback] repository")
        return
    lost = False
    for pattern in settings.configs:
        if not any(matching(name, [pattern]) for name in tracked):
            lost = True
            detail = f"{pattern!r} matches no file that git knows in {folder}"
            yield wrong("rollback", detail, "correct [rollback] configs, or commit the file")
    if not lost:
        yield well("rollback", f"{folder}: {len(tracked)} files under git")


def cost_sources(desk: Desk) -> Iterator[Finding]:
    """Whether what `[costs]` names is there, opens, and has the columns that are needed."""
    costs = desk.settings.costs
    if not costs.fills:
        mend = "name them in [costs] fills and quotes"
        yield doubtful("costs", "no fills are configured: costs cannot be shown", mend)
        return
    for key, source in (("fills", costs.fills), ("quotes", costs.quotes)):
        if not source:
            mend = "name them in [costs] quotes"
            yield doubtful("costs", "no quotes are configured: no fill can be priced", mend)
        else:
            yield _source(desk, key, source)
    for key in ("trades", "bars", "orders", "rates"):
        if source := getattr(costs, key):
            yield _source(desk, key, source)


def _source(desk: Desk, key: str, source: str) -> Finding:
    """What is wrong with a source. What is not there, or closed to us, is told without Polars."""
    if found := _place(desk, key, source):
        return found
    from mechexo.costs.sources.looking import fault_of

    if fault := fault_of(key, desk.settings.costs, desk.root):
        mend = f"correct [costs] {key} or {key[:-1]}_columns; see: mechexo costs sources"
        return wrong("costs", f"{key}: {fault}", mend)
    return well("costs", f"{key}: {redact(source)}")


def _place(desk: Desk, key: str, source: str) -> Finding | None:
    """What keeps us from the file or files of a source, if it is one of files."""
    if source in ("imported", "store") or ("://" in source and not source.startswith("sqlite:")):
        return None
    if source.startswith("sqlite:///"):
        wanted = source.removeprefix("sqlite:///").partition("?")[0]
        pattern = glob.escape(str(desk.path(wanted)))
    else:
        pattern = str(Path(glob.escape(str(desk.root))) / Path(source).expanduser())
    found = sorted(map(Path, glob.glob(pattern, recursive=True)))  # noqa: PTH207 (absolute)
    for place in (glob_start(pattern), *found):
        if barred := kept_out("costs", place, about=f"{key}: "):
            return barred
    if not found:
        return wrong("costs", f"nothing is at {source}", f"correct [costs] {key}")
    return None


def runbook(desk: Desk) -> Iterator[Finding]:
    """Whether the runbook can be read and has the entries that probes and flows name."""
    from mechexo.runbook import operations

    folder = desk.settings.runbook.folder
    barred = kept_out("runbook", desk.path(folder)) if folder else None
    if folder and not barred and not desk.path(folder).is_dir():
        mend = "make it, or correct [runbook] folder"
        yield wrong("runbook", f"there is no folder {desk.path(folder)}", mend)
    entries = operations.entries(desk)
    unread = [each.path for each in entries if each.path and each.problems]
    closed = [barred] if barred else [kept_out("runbook", path) for path in unread]
    yield from filter(None, closed)
    known = [entry.id for entry in entries]
    unknown = False
    named = [(f"probes.{name}", probe.runbook) for name, probe in desk.settings.probes.items()]
    named += [(f"flows.{name}", flow.runbook) for name, flow in desk.settings.flows.items()]
    named += [(table, probe.runbook) for table, _, probe in risk_probes(desk.settings)]
    for table, wanted in named:
        if wanted and wanted not in known:
            unknown = True
            close = ", ".join(difflib.get_close_matches(wanted, known)) or "none is close"
            detail = f"[{table}] names the entry {wanted!r}, which does not exist"
            yield wrong("runbook", detail, f"close names: {close}; see: mechexo runbook list")
    if not unknown and not any(closed):
        yield well("runbook", f"entries: {len(known)}")


def probes(desk: Desk) -> Iterator[Finding]:
    """One look with every probe, whether due or not; nothing is stored.

    A probe that looks and finds trouble works: that is a warning. One that cannot look is wrong.
    """
    from mechexo.health.context import Context
    from mechexo.health.probes import load_fitting
    from mechexo.health.runner import look

    # Those that do not fit are named by the check of the options.
    configured, _ = load_fitting(desk.settings, desk.config_path)
    now = desk.clock.now()
    work = [
        (
            probe,
            Context(
                probe=probe.name,
                root=desk.root,
                now=now,
                timeout_s=min(probe.settings.timeout.total_seconds(), LOOK_DEADLINE_S - 1.0),
                first_seen_at=now,
            ),
        )
        for probe in configured
        # What a heartbeat needs is no place to reach but a check-in, kept in the state file.
        if probe.kind.name != "heartbeat"
    ]
    for found in look(work, deadline_s=LOOK_DEADLINE_S, group=f"doctor {desk.state.path}"):
        name, outcome = found.probe.name, found.outcome
        check = f"probe {name}"
        if outcome.status is Status.UNKNOWN:
            mend = f"make it reachable from here, or correct [probes.{name}]"
            yield Finding(check, Status.UNKNOWN, f"cannot look: {outcome.detail}", mend)
        elif outcome.status is Status.OK:
            yield well(check, outcome.detail)
        else:
            mend = "the probe works; what it found is for the desk to mend"
            yield doubtful(check, f"finds it {outcome.status.value}: {outcome.detail}", mend)
