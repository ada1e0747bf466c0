CREATE TABLE tick (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    duration_s REAL NOT NULL,
    ops_ok INTEGER NOT NULL CHECK (ops_ok IN (0, 1)),
    reasons TEXT NOT NULL,
    stages TEXT NOT NULL
) STRICT;
