"""The runbook on paper: one markdown, one HTML page, the same as PDF, or a folder with checksums.

The same entries give the same bytes, but for PDF, which carries its date. No file is ever
half-written.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from mechexo.errors import UnreachableError, UsageError
from mechexo.files import write_whole
from mechexo.runbook.values import Entry, Exported

FORMATS = ("md", "html", "pdf", "folder")
MANIFEST = "SHA256SUMS"
_LINK = re.compile(r"\]\(\.?/?([a-z0-9-]+)\.md(#[^()\[\]\s]*)?\)")
_HEADING_LINK = re.compile(r"\]\(#[^()\[\]\s]+\)")
_UNSAFE_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def export_entries(entries: Sequence[Entry], out: Path, format: str) -> Exported:
    """Writes the entries to `out` and says what it wrote, with checksums."""
    if format not in FORMATS:
        raise UsageError(f"--format {format!r} is unknown; one of {', '.join(FORMATS)}")
    target = out.expanduser().resolve()
    if not target.parent.is_dir():
        raise UsageError(f"{out}: there is no folder {target.parent} to write it into")
    try:
        if format == "folder":
            written = _write_folder(entries, target)
        else:
            if target.is_dir():
                raise UsageError(f"{out} is a folder; name a file, or use --format folder")
            written = [(target.name, _write(target, _whole(entries, format)))]
    except OSError as error:
        raise UnreachableError(f"{out}: cannot be written: {error.strerror or error}") from error
    return Exported(target, tuple(written), len(entries))


def as_markdown(entries: Sequence[Entry]) -> str:
    """All entries as one markdown text: a list of them first, each with its data."""
    known = {entry.id for entry in entries}
    parts = ["# Runbook\n", *(f"- [{e.id}](#{e.id}): {_line(e)}" for e in entries), ""]
    for entry in entries:
        # Headings of one name are in every entry: a link to one leads to the top of its own.
        body = _HEADING_LINK.sub(f"](#{entry.id})", without_title(entry))
        body = _LINK.sub(lambda link: f"](#{link[1]})" if link[1] in known else link[0], body)
        parts += [
            f'<a id="{entry.id}"></a>\n\n# {entry.title}\n',
            facts(entry),
            "",
            body,
            "",
        ]
    return "\n".join(parts)


def facts(entry: Entry) -> str:
    """What the front matter says of an entry, as one markdown paragraph."""
    reviewed = entry.last_reviewed.isoformat() if entry.last_reviewed else "never"
    lines = [
        f"**{entry.severity or 'no severity'}** · owner {entry.owner or 'nobody'} · "
        f"needs the role {entry.requires or 'viewer'} · reviewed {reviewed}"
    ]
    if entry.alerts:
        lines.append(f"Alerts: {', '.join(f'`{name}`' for name in entry.alerts)}")
    return "\n\n".join(lines)


def _line(entry: Entry) -> str:
    return f"{entry.title} ({entry.severity})" if entry.severity else entry.title


def without_title(entry: Entry) -> str:
    """The body less a leading first-level heading, which the export writes itself."""
    first, _, rest = entry.body.partition("\n")
    return rest.strip("\n") if first.startswith("# ") else entry.body


def _whole(entries: Sequence[Entry], format: str) -> bytes:
    if format == "md":
        return as_markdown(entries).encode()
    from mechexo.runbook.html import as_html

    page = as_html(entries)
    if format == "html":
        return page.encode()
    from mechexo.runbook.pdf import as_pdf

    return as_pdf(page)


def _write_folder(entries: Sequence[Entry], folder: Path) -> list[tuple[str, str]]:
    """Writes file by file and the manifest last: until then `sha256sum -c` tells that it is not
    whole."""
    manifest = folder / MANIFEST
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; name a folder for --format folder")
    if folder.is_dir() and not manifest.is_file() and any(folder.iterdir()):
        raise UsageError(f"{folder} holds something other than an exported runbook; name a new one")
    before = _listed(manifest)
    folder.mkdir(exist_ok=True)
    manifest.unlink(missing_ok=True)
    files = {name: _whole(entries, name.partition(".")[2]) for name in ("index.md", "index.html")}
    for entry in entries:
        name = _UNSAFE_NAME.sub("-", entry.id).lstrip(".-") or "unnamed"
        text = f"# {entry.title}\n\n{facts(entry)}\n\n{without_title(entry)}\n"
        files[_free(f"{name}.md", files)] = text.encode()
    written = [(name, _write(folder / name, content)) for name, content in sorted(files.items())]
    for name in before - files.keys():
        (folder / name).unlink(missing_ok=True)
    _write(manifest, "".join(f"{digest}  {name}\n" for name, digest in written).encode())
    return written


def _free(name: str, taken: dict[str, bytes]) -> str:
    number, free = 2, name
    while free in taken:
        free, number = f"{name.removesuffix('.md')}-{number}.md", number + 1
    return free


def _listed(manifest: Path) -> set[str]:
    """The files of an earlier export, only names that are plainly in its own folder."""
    if not manifest.is_file():
        return set()
    names = {line[66:] for line in manifest.read_text(errors="replace").splitlines()}
    return {name for name in names if name and "/" not in name and not name.startswith(".")}


def _write(path: Path, content: bytes) -> str:
    """Writes a file whole or not at all; returns the SHA-256 of its bytes."""
    write_whole(path, content)
    return hashlib.sha256(content).hexdigest()
