-- How often the jobs themselves said that they are due (`flows exec --expect-every`).
CREATE TABLE flow_expectation (
    flow TEXT PRIMARY KEY,
    expect_every_s REAL NOT NULL CHECK (expect_every_s > 0),
    grace_s REAL NOT NULL CHECK (grace_s >= 0),
    told_at TEXT NOT NULL
) STRICT;

-- Runs that did not take place because another one held the flow's lock. No runs: nothing ran.
CREATE TABLE flow_skip (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    flow TEXT NOT NULL,
    at TEXT NOT NULL,
    why TEXT NOT NULL
) STRICT;

CREATE INDEX flow_skip_by_flow ON flow_skip (flow, at);
CREATE INDEX flow_skip_by_time ON flow_skip (at);
