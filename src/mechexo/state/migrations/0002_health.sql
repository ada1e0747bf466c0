CREATE TABLE health_probe (
    name TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    detail TEXT NOT NULL,
    value_number REAL,
    value_text TEXT,
    unit TEXT NOT NULL,
    observed_at TEXT NOT NULL,
    since TEXT NOT NULL,
    latency_ms REAL,
    flapping INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    successes INTEGER NOT NULL,
    down INTEGER NOT NULL,
    changes TEXT NOT NULL,
    first_seen_at TEXT NOT NULL
) STRICT;

CREATE TABLE health_sample (
    probe TEXT NOT NULL,
    at TEXT NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (probe, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE health_check_in (
    job TEXT PRIMARY KEY,
    at TEXT NOT NULL,
    ok INTEGER NOT NULL,
    detail TEXT NOT NULL
) STRICT;

-- Samples of ops_ok, joined while they agree and follow closely: one row per stretch, so that a
-- month of minutes is read in one look.
CREATE TABLE ops_stretch (
    id INTEGER PRIMARY KEY,
    first_at TEXT NOT NULL,
    last_at TEXT NOT NULL,
    ok INTEGER NOT NULL
) STRICT;
