"""`mechexo runbook`: list, show, search and export the runbook.

Only `match` with an alert's id opens the state file.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mechexo.cli import render
from mechexo.cli.invocation import Invocation, command_group, open_desk
from mechexo.cli.options import Csv, Json
from mechexo.cli.runbook_step import register as register_following
from mechexo.clock import SystemClock
from mechexo.config import Settings, find_config, load_settings, watched
from mechexo.config.watching import risk_probes
from mechexo.errors import ConfigError, NotFoundError
from mechexo.runbook.library import Library, read_folder, read_library, shipped_folder
from mechexo.runbook.opening import open_directly
from mechexo.runbook.values import Entry, Found, KnownCommand
from mechexo.streams import data_on_stdout

if TYPE_CHECKING:
    from mechexo.runbook.catalogue import Catalogue

app = command_group("List, show, search and export the runbook.")


def _settings(ctx: typer.Context, *, strict: bool) -> tuple[Settings | None, Path | None]:
    """The configuration and its path. Without any: nothing, and a remark on stderr.

    One that is there but cannot be used is an error when `strict`, else a remark as well: reading
    an entry must always work.
    """
    named = (ctx.find_object(Invocation) or Invocation(None)).config
    path = None
    try:
        path = find_config(named)
        return load_settings(path), path
    except (ConfigError, OSError) as error:
        if strict and (path or named or os.environ.get("MECHEXO_CONFIG")):
            raise
        render.note(f"mechexo: {error}")
        render.note("mechexo: this is only the shipped runbook, without the desk's own names")
        return None, None


def _library(ctx: typer.Context, *, strict: bool = False) -> Library:
    settings, path = _settings(ctx, strict=strict)
    return read_library(settings, path.parent if path else None)


def _catalogue(ctx: typer.Context) -> Catalogue:
    from mechexo.runbook.catalogue import read_catalogue

    settings, path = _settings(ctx, strict=False)
    return read_catalogue(settings, path.parent if path else None)


@app.command("list")
def list_(ctx: typer.Context, json_: Json = False, csv: Csv = False) -> None:
    """Every entry, worst severity first."""
    entries = _library(ctx).entries
    if json_:
        body = {"entries": [_summary(entry) for entry in entries]}
        return render.json_document("runbook", SystemClock().now(), body)
    columns = ("id", "title", "severity", "owner", "reviewed", "alerts", "origin", "problem")
    rows = [
        (
            *(entry.id, entry.title, entry.severity or None, entry.owner or None),
            *(entry.last_reviewed, " ".join(entry.alerts), entry.origin),
            "; ".join(entry.problems) or None,
        )
        for entry in entries
    ]
    if csv:
        return render.csv_rows(columns, rows)
    return render.table("Runbook", *_for_people(columns, rows, entries))


def _for_people(
    columns: tuple[str, ...], rows: list[tuple[Any, ...]], entries: tuple[Entry, ...]
) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """The columns that fit a screen; the problem only when there is one."""
    wanted = [0, 2, 1, 4] + ([6] if any(e.origin != "shipped" for e in entries) else [])
    wanted += [7] if any(entry.problems for entry in entries) else []
    return tuple(columns[i] for i in wanted), [tuple(row[i] for i in wanted) for row in rows]


@app.command("show")
def show(
    ctx: typer.Context,
    entry_id: Annotated[str, typer.Argument(metavar="ID", help="The entry's id.")],
    raw: Annotated[bool, typer.Option("--raw", help="The file as written.")] = False,
    json_: Json = False,
) -> None:
    """One entry, with the desk's own names filled in."""
    settings, path = _settings(ctx, strict=False)
    root = path.parent if path else None
    entry = open_directly(settings, root, entry_id)
    if entry is None:
        from mechexo.runbook.catalogue import read_catalogue
        from mechexo.runbook.operations import find_entry

        catalogue = read_catalogue(settings, root)
        entry = catalogue.entry(find_entry(catalogue.cards, entry_id).id)
    if json_:
        return render.json_document("runbook_entry", SystemClock().now(), _whole(entry))
    if raw:
        with data_on_stdout():
            return render.text(entry.source.rstrip("\n"))
    return _show(entry)


def _show(entry: Entry) -> None:
    for problem in entry.problems:
        render.note(f"▲ {entry.origin}: {problem}")
    if entry.unset:
        names = ", ".join(f"${name}" for name in entry.unset)
        render.note(f"▲ not set in [runbook.variables] of mechexo.toml: {names}")
    head = f"{entry.id} · {entry.severity or 'no severity'} · owner {entry.owner or 'nobody'}"
    reviewed = f"reviewed {entry.last_reviewed or 'never'}"
    render.text(f"{head} · needs {entry.requires or 'viewer'} · {reviewed}\n")
    if not sys.stdout.isatty():
        return render.text(entry.body)
    from rich.markdown import Markdown

    # Without hyperlinks: an entry's link is shown, never sent to the terminal as a command.
    render.console().print(Markdown(entry.body, hyperlinks=False))
    return None


@app.command("search")
def search(
    ctx: typer.Context,
    words: Annotated[list[str], typer.Argument(help="What you see, in your own words.")],
    limit: Annotated[int, typer.Option(min=1, help="The best N.")] = 20,
    json_: Json = False,
    csv: Csv = False,
) -> None:
    """Entries that fit the words, best first, each with the reason; exit 1 when none does."""
    found = _catalogue(ctx).search(" ".join(words), limit)
    if json_:
        render.json_document("runbook_search", SystemClock().now(), {"found": _found(found)})
    else:
        columns = ("id", ">score", "title", "why")
        rows = [(f.entry.id, f"{f.score:.2f}", f.entry.title, f.why) for f in found]
        if csv:
            render.csv_rows([name.removeprefix(">") for name in columns], rows)
        else:
            render.table("Runbook entries found", columns, rows)
    if not found:
        raise typer.Exit(1)


@app.command("match")
def match(
    ctx: typer.Context,
    alert: Annotated[str, typer.Argument(help="The alert's id, key or name.")],
    runbook: Annotated[str, typer.Option(help="The entry that the alert names.")] = "",
    json_: Json = False,
) -> None:
    """The entry for an alert."""
    from mechexo.runbook.catalogue import read_catalogue
    from mechexo.runbook.lookup import match as match_alert
    from mechexo.runbook.lookup import search_cards

    settings, path = _settings(ctx, strict=False)
    catalogue = read_catalogue(settings, path.parent if path else None)
    name, named = _alert(ctx, alert, settings)
    hit = match_alert(catalogue.cards, name, runbook or named)
    if hit is None:
        near = [each.found.id for each in search_cards(catalogue.cards, name)[:3]]
        hint = f"nearest: {', '.join(near)}" if near else "see mechexo runbook list"
        raise NotFoundError(f"no runbook entry for the alert {name!r}; {hint}")
    found = Found(catalogue.entry(hit.found.id), hit.score, hit.why)
    if json_:
        return render.json_document("runbook_match", SystemClock().now(), _found((found,))[0])
    return render.text(f"{found.entry.id}  {found.entry.title}  ({found.why})")


def _alert(ctx: typer.Context, said: str, settings: Settings | None) -> tuple[str, str]:
    """The name of an alert given by id, key or name, and the entry that it names, if any."""
    if said.strip().isdecimal():
        from mechexo.alerts.operations import get_alert

        found = get_alert(open_desk(ctx), int(said))
        return found.name, found.runbook
    from mechexo.runbook.lookup import name_of_key

    name = name_of_key(said)
    probe = watched(settings).get(name) if settings and said.startswith("probe:") else None
    return name, probe.runbook if probe else ""


@app.command("export")
def export(
    ctx: typer.Context,
    out: Annotated[Path, typer.Option(help="The file or folder to write.")],
    format_: Annotated[str, typer.Option("--format", help="md, html, pdf or folder.")] = "md",
    json_: Json = False,
) -> None:
    """Write all entries as one markdown, HTML page or PDF, or a folder with SHA256SUMS."""
    from mechexo.runbook.export import export_entries

    written = export_entries(_library(ctx, strict=True).entries, out, format_)
    if json_:
        files = [{"name": name, "sha256": digest} for name, digest in written.files]
        body = {"path": written.path, "entries": written.entries, "files": files}
        return render.json_document("runbook_export", SystemClock().now(), body)
    return render.text(f"{written.entries} entries written to {written.path}")


@app.command("check")
def check(ctx: typer.Context, json_: Json = False) -> None:
    """Hold every entry to its rules; exit 1 on findings (✖), each with file and line.

    A remark (▲) is no finding: the entry can be used, but names what this desk does not have.
    """
    from mechexo.cli.runbook_words import check_lines
    from mechexo.desk_names import desk_names
    from mechexo.runbook.checking import check_entries
    from mechexo.runbook.coverage import check_names, check_probes

    settings, path = _settings(ctx, strict=True)
    library = read_library(settings, path.parent if path else None)
    now = SystemClock().now()
    known = library.variables if settings else None
    tree = command_tree()
    findings = check_entries(library.entries, today=now.date(), root=tree, variables=known)
    if settings and path:
        probes = {name: probe.runbook for name, probe in settings.probes.items()}
        flows = {name: flow.runbook for name, flow in settings.flows.items()}
        risks = [(table, name, each.runbook) for table, name, each in risk_probes(settings)]
        findings += check_probes(
            library.entries, probes, str(path), path.read_text(), flows=flows, risks=risks
        )
        shipped = read_folder(shipped_folder(), shipped=True)
        names = desk_names(settings)
        findings += check_names(library.entries, names, root=tree, shipped=shipped)
    errors = [finding for finding in findings if finding.level == "error"]
    if json_:
        render.json_document("runbook_check", now, {"ok": not errors, "findings": findings})
    else:
        for line in check_lines(findings, len(library.entries)):
            render.text(line)
    if errors:
        raise typer.Exit(1)


def command_tree() -> KnownCommand:
    """mechexo's own commands and options, as its help would list them."""
    from mechexo import cli

    root = typer.main.get_command(cli.app)
    known = {name: _known(cli.load_command(name)) for name in cli.COMMANDS}
    return KnownCommand(_options(root), known)


def _known(command: Any) -> KnownCommand:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    below = getattr(command, "commands", {})
    endless = any(each.nargs == -1 for each in arguments)
    return KnownCommand(
        _options(command),
        {name: _known(each) for name, each in below.items()},
        sum(each.nargs if each.nargs > 0 else 1 for each in arguments if each.required),
        None if endless else sum(each.nargs for each in arguments),
        bool(below) and not getattr(command, "invoke_without_command", False),
    )


def _options(command: Any) -> dict[str, bool]:
    named = {"--help": False}
    for each in command.params:
        if each.param_type_name == "option":
            takes_value = not (each.is_flag or each.count)
            named |= dict.fromkeys((*each.opts, *each.secondary_opts), takes_value)
    return named


def _summary(entry: Entry) -> dict[str, object]:
    return {
        "id": entry.id,
        "title": entry.title,
        "severity": entry.severity,
        "owner": entry.owner,
        "backup_owner": entry.backup_owner,
        "alerts": entry.alerts,
        "symptoms": entry.symptoms,
        "last_reviewed": entry.last_reviewed,
        "review_every_days": entry.review_every_days,
        "last_drilled": entry.last_drilled,
        "max_minutes": entry.max_minutes,
        "requires": entry.requires,
        "origin": entry.origin,
        "path": entry.path,
        "problems": entry.problems,
        "unset": entry.unset,
    }


def _whole(entry: Entry) -> dict[str, object]:
    extra = {"sections": entry.sections, "steps": entry.steps, "body": entry.body}
    return _summary(entry) | extra


def _found(found: tuple[Found, ...]) -> list[dict[str, object]]:
    return [
        {"id": f.entry.id, "title": f.entry.title, "score": f.score, "why": f.why} for f in found
    ]


register_following(app)
