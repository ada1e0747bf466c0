"""Between the entries and the desk: every alert leads to an entry, every name in them exists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from types import MappingProxyType

from mechexo.runbook.commands import OURS, names_in
from mechexo.runbook.extending import SHIPPED
from mechexo.runbook.lookup import match_entry, one_form
from mechexo.runbook.outline import outline
from mechexo.runbook.parse import SHELLS
from mechexo.runbook.text_places import PLACEHOLDER, inline_code, line_of
from mechexo.runbook.values import DeskNames, Entry, Finding, KnownCommand

_WHERE = {
    "flags": "the flag {} is neither in [rollback.flags] safer nor of a probe of kind flag",
    "flows": "the flow {} has no table in the configuration: [flows.{}]",
    "deployments": "the flow {} cannot be rolled back: there is no [rollback.flows.{}]",
}


def check_probes(
    entries: Sequence[Entry],
    probes: Mapping[str, str],
    config: str,
    source: str,
    *,
    flows: Mapping[str, str] = MappingProxyType({}),
    risks: Iterable[tuple[str, str, str]] = (),
) -> tuple[Finding, ...]:
    """Whether the alert of every probe, flow, risk source and limit leads to an entry.

    Args:
        entries: as read.
        probes: probe name -> the entry it names, or an empty text; `flows` alike.
        config: the configuration file, for the findings, and `source` its text.
        risks: of each risk source and limit its table, its alert and the entry it names, if any.
    """
    ids = {entry.id for entry in entries}
    findings = []
    named = [(f"[probes.{name}]", name, wanted) for name, wanted in probes.items()]
    named += [(f"[{table}]", alert, wanted) for table, alert, wanted in risks]
    named += [
        (f"[flows.{name}]", f"{name}_{trouble}", wanted)
        for name, wanted in flows.items()
        for trouble in ("failed", "overdue")
    ]
    for table, alert, wanted in named:
        if wanted and wanted not in ids:
            message = f"{table} runbook = {wanted!r}: there is no such entry"
        elif match_entry(entries, alert, wanted) is None:
            message = f"{table}: no entry lists the alert {alert}; write one or set runbook = ID"
        else:
            continue
        findings.append(Finding(config, line_of(source, table), message))
    return tuple(dict.fromkeys(findings))


def check_names(
    entries: Sequence[Entry],
    names: DeskNames,
    *,
    root: KnownCommand,
    shipped: Sequence[Entry] = (),
) -> tuple[Finding, ...]:
    """Whether the alerts, flags, flows and owners that the entries name exist at this desk.

    What a shipped entry names beyond this desk is a warning, for it is written for every desk; in
    an entry of the desk's own it is an error. An alert that the shipped ones list is a warning in
    either, and so is all of a copy that was not changed.

    Args:
        entries: as read.
        names: of the desk's configuration.
        root: mechexo's command tree.
        shipped: the shipped entries as they are.
    """
    copies = {entry.source for entry in shipped}
    given = {alert for entry in shipped for alert in entry.alerts}
    findings: list[Finding] = []
    for entry in entries:
        ours = entry.origin == SHIPPED or entry.source in copies
        level = "warning" if ours else "error"
        findings += _alerts(entry, names, given, ours)
        findings += _owners(entry, names)
        findings += _in_commands(entry, names, root, level)
    return tuple(sorted(findings, key=lambda each: (each.path, each.line)))


def _alerts(entry: Entry, names: DeskNames, given: set[str], is_shipped: bool) -> Iterator[Finding]:
    lacking = [alert for alert in entry.alerts if not _can_be_raised(alert, names.alerts)]
    own = [] if is_shipped else [alert for alert in lacking if alert not in given]
    path = str(entry.path or entry.id)
    for alert in own:
        message = (
            f"nothing raises the alert {alert}: no probe, no flow, and it is not in [runbook] "
            "alerts_from_outside"
        )
        yield Finding(path, line_of(entry.source, alert), message)
    rest = [alert for alert in lacking if alert not in own]
    if rest and len(rest) == len(entry.alerts):
        message = "nothing at this desk raises any of the alerts that these entries list"
        yield Finding(path, line_of(entry.source, "alerts:"), message, "warning")
    elif rest:
        message = f"nothing at this desk raises {', '.join(rest)}"
        yield Finding(path, line_of(entry.source, rest[0]), message, "warning")


def _can_be_raised(alert: str, raised: frozenset[str]) -> bool:
    form, wanted = one_form(alert), alert.lower()
    return any(
        one_form(each) == form
        or fnmatchcase(each.lower(), wanted)
        or fnmatchcase(wanted, each.lower())
        for each in raised
    )


def _owners(entry: Entry, names: DeskNames) -> Iterator[Finding]:
    if not names.owners:
        return
    for key, owner in (("owner", entry.owner), ("backup_owner", entry.backup_owner)):
        if owner and owner not in names.owners:
            listed = ", ".join(sorted(names.owners))
            message = f"{key} {owner!r} is none of [runbook] owners: {listed}"
            yield Finding(str(entry.path or entry.id), line_of(entry.source, f"{key}:"), message)


def _in_commands(
    entry: Entry, names: DeskNames, root: KnownCommand, level: str
) -> Iterator[Finding]:
    for number, text in _commands(entry):
        for kind, name in names_in(PLACEHOLDER.sub("NAME", text), root):
            if name not in getattr(names, kind):
                message = _WHERE[kind].format(name, name)
                yield Finding(str(entry.path or entry.id), number, message, level)


def _commands(entry: Entry) -> Iterator[tuple[int, str]]:
    """The commands of an entry with their lines: in blocks of shell, and ours in the text."""
    lines = entry.source.split("\n")
    found = outline(lines)
    for fence in found.fences:
        if fence.language in SHELLS and fence.closed:
            begun: list[str] = []
            for number, line in enumerate(fence.content, fence.line + 1):
                begun.append(line.removesuffix("\\"))
                if not line.endswith("\\"):
                    # A command over several lines is told at its first.
                    yield number - len(begun) + 1, " ".join(begun)
                    begun = []
    for number in found.content_lines:
        for span in inline_code(lines[number - 1]):
            if span.split()[:1] and span.split()[0] in OURS:
                yield number, span
