CREATE TABLE flow_run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    flow TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'completed', 'failed', 'timed_out', 'lost')),
    started_at TEXT NOT NULL,
    ended_at TEXT,
    duration_s REAL,
    exit_code INTEGER,
    tail TEXT NOT NULL DEFAULT '',
    wrapper_pid INTEGER NOT NULL,
    wrapper_boot_id TEXT NOT NULL,
    wrapper_started TEXT NOT NULL
) STRICT;

CREATE INDEX flow_run_by_flow ON flow_run (flow, started_at);
CREATE INDEX flow_run_by_start ON flow_run (started_at);
CREATE INDEX flow_run_well ON flow_run (flow, ended_at) WHERE state = 'completed';
CREATE INDEX flow_run_running ON flow_run (state) WHERE state = 'running';

CREATE TABLE flow_first_seen (
    flow TEXT PRIMARY KEY,
    at TEXT NOT NULL
) STRICT;
