"""What the ladders were when all that is open was last held against them. Every function works
inside its caller's transaction."""

from __future__ import annotations

import sqlite3

from mechexo.alerts import cells


def note_whether_new(connection: sqlite3.Connection, mark: str) -> bool:
    """Notes that the ladders are these (`ladders.mark`); whether they were others before."""
    rows = cells.rows(connection, "SELECT mark FROM ladders_known")
    if [row["mark"] for row in rows] == [mark]:
        return False
    connection.execute(
        "INSERT INTO ladders_known VALUES (1, ?) "
        "ON CONFLICT (only_row) DO UPDATE SET mark = excluded.mark",
        (mark,),
    )
    return True
