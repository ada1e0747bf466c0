"""The configuration: the probes' own keys, its secrets, who may read and write it."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path

from mechexo.access import barrier
from mechexo.config import Settings, resolve_references
from mechexo.doctor.findings import Finding, doubtful, well, wrong
from mechexo.errors import ConfigError
from mechexo.health.hysteresis import unseen

_REFERENCE = re.compile(r"\$\{(env|file|keyring):([^}]+)\}")


def probe_options(settings: Settings, path: Path) -> Iterator[Finding]:
    """Whether each probe's kind exists and takes its keys, and whether it can fail. Each misfit is
    named."""
    from dataclasses import replace

    from mechexo.health.operations import load_probes
    from mechexo.health.thresholds import Thresholds

    broken = False
    for name, probe in settings.probes.items():
        try:
            (loaded,) = load_probes(replace(settings, probes={name: probe}), path)
        except ConfigError as error:
            broken = True
            yield wrong("probe options", str(error), f"correct [probes.{name}]")
            continue
        if isinstance(loaded.options, Thresholds) and not loaded.options.is_judged:
            detail = f"[probes.{name}] has no limit: whatever number it finds is OK"
            mend = "set one of warn_above, critical_above, warn_below and critical_below"
            yield doubtful("probe limits", detail, mend)
    if not settings.probes:
        mend = "add tables like [probes.disk]; the example shows every kind"
        yield doubtful("probe options", "no probe is configured: nothing is watched", mend)
    elif not broken:
        yield well("probe options", f"configured: {len(settings.probes)}; each fits its kind")


def trading_halt(settings: Settings) -> Iterator[Finding]:
    """Whether a live desk's ops_ok can know that trading is halted."""
    if settings.desk.mode != "live":
        return
    flags = [name for name, probe in settings.probes.items() if unseen(name, probe).halts_trading]
    if flags:
        yield well("trading halt", f"told by {', '.join(flags)}")
    else:
        yield doubtful(
            "trading halt",
            "no flag says whether trading is halted: ops_ok does not notice it",
            "add a probe of kind flag with halts_trading = true",
        )


def permissions(path: Path) -> Iterator[Finding]:
    """Whether others could change the configuration, and so give themselves any role."""
    safe = True
    for each in (path, path.parent):
        mode = each.stat().st_mode
        if mode & stat.S_IWOTH and not (each.is_dir() and mode & stat.S_ISVTX):
            safe = False
            detail = f"everyone may write {each}, and so give themselves any role"
            yield wrong("permissions", detail, f"chmod o-w {each}")
        elif mode & stat.S_IWGRP and not each.is_dir():
            safe = False
            detail = f"its group may write {each}, and so give itself any role"
            yield doubtful("permissions", detail, f"chmod g-w {each}, unless that is meant")
    if safe:
        yield well("permissions", f"only its owner may write {path}")


def secrets(settings: Settings, path: Path) -> Iterator[Finding]:
    """Whether each secret that is referred to can be had now. Shows none."""
    references = sorted(set(_references(settings)))
    missing = 0
    for kind, name in references:
        reference = f"${{{kind}:{name}}}"
        try:
            found = resolve_references(reference, path.parent)
        except ConfigError as error:
            missing += 1
            barred = barrier(path.parent / Path(name).expanduser()) if kind == "file" else None
            mend = barred.mend if barred else _how_to_provide(kind, name)
            yield wrong("secrets", str(error), mend)
            continue
        if not found:
            missing += 1
            yield wrong("secrets", f"{reference} is empty", _how_to_provide(kind, name))
        elif kind == "file":
            yield from _file_of_secret(path.parent / Path(name).expanduser())
    if not missing:
        detail = f"all {len(references)} references resolve" if references else "none is needed"
        yield well("secrets", detail)


def _file_of_secret(file: Path) -> Iterator[Finding]:
    if file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        detail = f"{file} holds a secret and others may read it"
        yield doubtful("secrets", detail, f"chmod 600 {file}")


def _how_to_provide(kind: str, name: str) -> str:
    match kind:
        case "env":
            return f"export {name}=… here, and in the crontab or the systemd unit that runs tick"
        case "file":
            return f"write the secret into {name} and chmod 600 it"
        case _:
            service, _, entry = name.partition("/")
            return f"keyring set {service} {entry}"


def _references(value: object) -> Iterable[tuple[str, str]]:
    if isinstance(value, str):
        yield from _REFERENCE.findall(value)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _references(each)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _references(getattr(value, field.name))
