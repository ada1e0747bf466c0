"""Runbook entries measured: read, searched cold and warm, opened while the state file is broken.

Run it with `scripts/bench-runbook [DIR]`; without a folder one of 1,500 entries is made. Nothing
here fails for being slow: figures are reported beside their target, not asserted.
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path

from bench.figures import Table, Times, turns
from mechexo.config.models import DeskSettings, RunbookSettings, Settings
from mechexo.runbook import catalogue
from mechexo.runbook.catalogue import Catalogue, read_catalogue
from mechexo.runbook.folder import list_markdown, read_text
from mechexo.runbook.library import read_library
from mechexo.runbook.lookup import search_entries
from mechexo.runbook.parse import parse

_MECHEXO = (str(Path(sys.executable).with_name("mechexo")),)
_SYLLABLES = [
    "ba",
    "ce",
    "di",
    "fo",
    "gu",
    "la",
    "me",
    "ni",
    "po",
    "ru",
    "sa",
    "te",
    "vi",
    "xo",
    "zu",
]


def main() -> None:
    """Prints one table."""
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="bench-runbook-") as name:
        place = Path(name)
        os.environ["XDG_CACHE_HOME"] = str(place / "cache")
        folder = asked.folder.resolve() if asked.folder else make(place / "entries", asked.make)
        table = Table()
        parsing(table, folder)
        searching(table, folder, place, asked.rounds)
        shipped(table, asked.rounds)
        opening(table, place, asked.rounds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="any folder of markdown")
    parser.add_argument("--make", type=int, default=1_500, help="entries to make without a folder")
    parser.add_argument("--rounds", type=int, default=11)
    return parser.parse_args()


def make(folder: Path, count: int) -> Path:
    """Entries as long as the shipped ones, each with names of its own and words that few have."""
    folder.mkdir()
    chance = random.Random(6)
    bodies = [entry.source.partition("\n---\n")[2] for entry in read_library().entries]
    for number in range(count):
        own = ["".join(chance.choices(_SYLLABLES, k=3)) for _ in range(12)]
        head = (
            f"schema: 1\nid: entry-{number:04d}\ntitle: The {own[0]} of {own[1]} {number}\n"
            f"severity: SEV{number % 3 + 1}\nowner: operations\nbackup_owner: engineering\n"
            f"alerts: [{own[0]}_{number}, {own[2]}_late_{number}]\n"
            f"symptoms:\n  - {own[3]} does not {own[4]}\n  - {own[5]} {own[6]} is low\n"
            f"last_reviewed: 2026-11-01\nreview_every: 180\nrequires: responder\n"
        )
        text = f"---\n{head}---\n{bodies[number % len(bodies)]}\n{' '.join(own)}\n"
        (folder / f"entry-{number:04d}.md").write_text(text)
    return folder


def parsing(table: Table, folder: Path) -> None:
    """Each file alone, once."""
    sources = [source for source in list_markdown(folder) if not source.refused]
    texts = [(source.path.name, read_text(source.path)[0]) for source in sources]
    read, parsed = Times(), Times()
    for source in sources:
        read.take(lambda path=source.path: read_text(path))
    for name, text in texts:
        parsed.take(lambda name=name, text=text: parse(text, name=name))
    kilobytes = sum(len(text) for _, text in texts) / 1000
    table.row(f"read a file ({len(sources)} files, {kilobytes:,.0f} kB)", read)
    table.row("parse a file", parsed)
    entries = [parse(text, name=name) for name, text in texts]
    runnable = sum(1 for entry in entries for step in entry.steps if step.id)
    troubled = sum(1 for entry in entries if entry.problems)
    table.note(f"  {runnable} runnable steps; {troubled} files with something that cannot be read")


def searching(table: Table, folder: Path, place: Path, rounds: int) -> None:
    """All entries of the folder: without an index, with one in a new process, and kept."""
    settings = Settings(desk=DeskSettings(name="b"), runbook=RunbookSettings(folder=str(folder)))
    first, again = Times(), Times()
    first.take(lambda: read_catalogue(settings).search("disk full", 20))
    table.row("search, no index yet: every file is read", first)
    for _ in range(rounds):
        catalogue._indexed.cache_clear()
        again.take(lambda: read_catalogue(settings).search("disk full", 20))
    table.row("search, index on disk, a new process's work", again, "150 ms")
    found = read_catalogue(settings)
    for what, query in queries(found):
        times = turns(rounds, lambda query=query: read_catalogue(settings).search(query, 20))
        table.row(f"search, kept: {what}", times, "150 ms")
    config = place / "many.toml"
    config.write_text(f'[desk]\nname = "b"\n[runbook]\nfolder = "{folder}"\n')
    commands(table, config, rounds, ("search", "disk", "full"), "`runbook search` of all of them")
    one = found.cards[len(found.cards) // 2].id
    commands(table, config, rounds, ("show", one), "`runbook show` of one of them")


def queries(found: Catalogue) -> list[tuple[str, str]]:
    """An id, a common and a rare word, a misspelt one, words that nothing has."""
    counts = Counter(word for card in found.cards for word in card.text.split() if word.isalpha())
    long = sorted((word for word in counts if len(word) > 5), key=lambda word: (counts[word], word))
    if not long:
        return []
    rare, common = long[0], long[-1]
    misspelt = common[:2] + common[3:]
    return [
        ("exact id", found.cards[0].id),
        (f"a common word ({counts[common]} entries)", common),
        (f"a rare word ({counts[rare]})", rare),
        ("a misspelt word", misspelt),
        ("three words, one misspelt", f"{rare} {common} {misspelt}"),
        ("words that nothing has", "qqqqqq wwwwww"),
    ]


def shipped(table: Table, rounds: int) -> None:
    """The shipped ten, as the console asks at each key."""
    for what, query in (("a symptom", "no space left"), ("misspelt", "databse corupted")):
        times = turns(rounds, lambda query=query: search_entries(read_library().entries, query))
        table.row(f"search of the shipped ten: {what}", times, "50 ms")


def opening(table: Table, place: Path, rounds: int) -> None:
    """`runbook show disk-full` as a whole program, while the state file is in trouble."""
    folder = place / "desk"
    (folder / "state").mkdir(parents=True)
    config, state = folder / "mechexo.toml", folder / "state" / "mechexo.sqlite"
    config.write_text('[desk]\nname = "b"\n')
    show = ("show", "disk-full")
    commands(table, config, rounds, show, "`runbook show`, state file missing")
    state.write_bytes(b"not a database" * 1000)
    commands(table, config, rounds, show, "`runbook show`, state file corrupted")
    state.unlink()
    with closing(sqlite3.connect(state, isolation_level=None)) as holder:
        holder.execute("CREATE TABLE t (a)")
        holder.execute("BEGIN EXCLUSIVE")
        commands(table, config, rounds, show, "`runbook show`, state file locked")


def commands(table: Table, config: Path, rounds: int, words: tuple[str, ...], what: str) -> None:
    """A command beside a bare interpreter, by turns; the difference is what it takes."""
    bare, whole = Times(), Times()
    call = (*_MECHEXO, "--config", str(config), "runbook", *words)
    for _ in range(rounds):
        bare.take(lambda: _run((sys.executable, "-c", "pass")))
        whole.take(lambda: _run(call))
    above_ms = 1000 * (whole.p50_s() - bare.p50_s())
    cpu_ms = 1000 * (whole.cpu_p50_s() - bare.cpu_p50_s())
    table.row(what, whole, f"{above_ms:.0f} ms above `python -c pass` ({cpu_ms:.0f} CPU)")


def _run(call: tuple[str, ...]) -> None:
    subprocess.run(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    main()
