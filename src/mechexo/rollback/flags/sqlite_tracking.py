"""The SQL that keeps a history of flags inside their own SQLite database.

Triggers see every change, whoever makes it: a program, a person in the `sqlite3` shell, mechexo.
`INSERT OR REPLACE` takes a row away without its DELETE trigger, so what an insert replaced is
looked up in the history itself; where a row can also be pushed out by another unique column, each
change looks for flags that are gone. What mechexo changes leaves its name in `mechexo_flag_context`
for as long as the transaction lasts.
"""

# ruff: noqa: S608 (names are quoted; the others are ours)

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from mechexo.errors import ConfigError

HISTORY = "mechexo_flag_history"
CONTEXT = "mechexo_flag_context"

_NOW = f"COALESCE((SELECT at FROM {CONTEXT}), strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000Z')"
_ACTOR = f"COALESCE((SELECT actor FROM {CONTEXT}), '')"

TABLES = (
    f"""CREATE TABLE IF NOT EXISTS {HISTORY} (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at TEXT NOT NULL,
  key TEXT NOT NULL,
  old BLOB,
  new BLOB,
  how TEXT NOT NULL,
  actor TEXT NOT NULL
)""",
    f"CREATE INDEX IF NOT EXISTS {HISTORY}_by_key ON {HISTORY} (key, seq)",
    f"CREATE TABLE IF NOT EXISTS {CONTEXT} (at TEXT NOT NULL, actor TEXT NOT NULL)",
)


def quoted(*names: str) -> str:
    """A name for SQL, such as "flags"."value"."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def triggers(table: str, key: str, value: str, *, others_unique: bool) -> dict[str, str]:
    """The triggers by name. `others_unique`: another column is unique too, so that a row can be
    replaced by one with another key."""
    on, k, v = quoted(table), quoted(key), quoted(value)
    last = f"(SELECT MAX(seq) FROM {HISTORY} WHERE key = NEW.{k})"
    # The value that the history knows, unless its last word is that the flag went.
    known = f"FROM {HISTORY} WHERE seq = {last} AND how <> 'delete'"

    def row(key: str, old: str, new: str, how: str) -> str:
        return (
            f"INSERT INTO {HISTORY} (at, key, old, new, how, actor)"
            f" SELECT {_NOW}, {key}, {old}, {new}, {how}, {_ACTOR}"
        )

    gone = (
        f"  {row('h.key', 'h.new', 'NULL', repr('delete'))} FROM {HISTORY} h WHERE h.seq IN"
        f" (SELECT MAX(seq) FROM {HISTORY} WHERE key <> '' GROUP BY key) AND h.how <> 'delete'"
        f" AND NOT EXISTS (SELECT 1 FROM {on} WHERE {k} = h.key);\n"
        if others_unique
        else ""
    )
    came = row(
        f"NEW.{k}",
        f"(SELECT new {known})",
        f"NEW.{v}",
        f"CASE WHEN EXISTS (SELECT 1 {known}) THEN 'replace' ELSE 'insert' END",
    )
    changed = row(f"NEW.{k}", f"OLD.{v}", f"NEW.{v}", "'update'")
    went = row(f"OLD.{k}", f"OLD.{v}", "NULL", "'delete'")
    renamed = f"OLD.{k} IS NOT NEW.{k}"
    return {
        "mechexo_flag_insert": f"CREATE TRIGGER mechexo_flag_insert AFTER INSERT ON {on}\n"
        f"BEGIN\n  {came};\n{gone}END",
        "mechexo_flag_update": f"CREATE TRIGGER mechexo_flag_update AFTER UPDATE ON {on}\n"
        f"BEGIN\n  {changed} WHERE NOT ({renamed}) AND (OLD.{v} COLLATE BINARY IS NOT NEW.{v}"
        f" OR typeof(OLD.{v}) <> typeof(NEW.{v}));\n"
        f"  {went} WHERE {renamed};\n  {came} WHERE {renamed};\n{gone}END",
        "mechexo_flag_delete": f"CREATE TRIGGER mechexo_flag_delete AFTER DELETE ON {on}\n"
        f"BEGIN\n  {went};\nEND",
    }


def wanted_triggers(
    connection: sqlite3.Connection, table: str, key: str, value: str
) -> dict[str, str]:
    """The triggers that this table needs.

    Raises:
        ConfigError: its changes cannot be followed; the text says why.
    """
    kind = connection.execute(
        "SELECT type FROM sqlite_master WHERE name = ? AND type IN ('table', 'view')", (table,)
    ).fetchone()
    if kind is None:
        raise ConfigError(f"there is no table {table}")
    if kind[0] == "view":
        raise ConfigError(f"{table} is a view, whose changes no trigger sees; name its table")
    columns = {
        str(row[1]): row for row in connection.execute(f"PRAGMA table_info({quoted(table)})")
    }
    for name in (key, value):
        if name not in columns:
            raise ConfigError(f"{table} has no column {name}; it has {', '.join(columns)}")
    unique = list(_unique(connection, table))
    if [key] not in [names for names, _ in unique]:
        raise ConfigError(
            f"{table}.{key} is not unique, so a change cannot be told from a second flag; "
            f"CREATE UNIQUE INDEX flag_keys ON {quoted(table)} ({quoted(key)})"
        )
    if any(names == [key] and not plain for names, plain in unique):
        raise ConfigError(f"{table}.{key} has a collation of its own: one key has many spellings")
    others = any(names != [key] for names, _ in unique)
    return triggers(table, key, value, others_unique=others)


def _unique(connection: sqlite3.Connection, table: str) -> Iterator[tuple[list[str], bool]]:
    """The columns of each unique constraint, and whether they compare byte by byte."""
    info = connection.execute(f"PRAGMA table_info({quoted(table)})").fetchall()
    primary = [str(row[1]) for row in sorted(info, key=lambda row: int(row[5])) if row[5]]
    indices = connection.execute(f"PRAGMA index_list({quoted(table)})").fetchall()
    if len(primary) == 1 and not any(row[3] == "pk" for row in indices):
        yield primary, True  # the row's own number
    for row in indices:
        if row[2] and not row[4]:
            parts = [
                part
                for part in connection.execute(f"PRAGMA index_xinfo({quoted(str(row[1]))})")
                if part[5]
            ]
            yield [str(part[2]) for part in parts], all(part[4] == "BINARY" for part in parts)
