-- What is ticked in an incident. Appended to, never changed: the newest row of a step counts.
CREATE TABLE step_ticks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    incident_id INTEGER NOT NULL,
    entry_id TEXT NOT NULL,
    step_key TEXT NOT NULL,
    ticked INTEGER NOT NULL CHECK (ticked IN (0, 1)),
    at TEXT NOT NULL,
    by TEXT NOT NULL
) STRICT;

CREATE INDEX step_ticks_of ON step_ticks (incident_id, entry_id, step_key, id);

CREATE TRIGGER step_tick_is_never_changed BEFORE UPDATE ON step_ticks
BEGIN SELECT RAISE(ABORT, 'a tick is never changed'); END;

CREATE TRIGGER step_tick_is_never_deleted BEFORE DELETE ON step_ticks
BEGIN SELECT RAISE(ABORT, 'a tick is kept for ever'); END;

-- The runs of steps. A row is written before the command starts and finished once, at its end.
CREATE TABLE step_runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    incident_id INTEGER NOT NULL,
    entry_id TEXT NOT NULL,
    step_id TEXT NOT NULL,
    command TEXT NOT NULL,
    folder TEXT NOT NULL,
    host TEXT NOT NULL,
    by TEXT NOT NULL,
    started_at TEXT NOT NULL,
    -- Who still runs after this moment no longer watches over it.
    ends_by TEXT NOT NULL,
    ended_at TEXT,
    outcome TEXT NOT NULL CHECK (outcome IN (
        'running', 'ok', 'failed', 'unexpected', 'timed_out', 'cancelled', 'unknown')),
    exit_code INTEGER,
    duration_s REAL,
    output TEXT NOT NULL DEFAULT '',
    why TEXT NOT NULL DEFAULT '',
    runner_pid INTEGER NOT NULL,
    runner_boot_id TEXT NOT NULL,
    runner_started TEXT NOT NULL,
    CHECK ((outcome = 'running') = (ended_at IS NULL))
) STRICT;

CREATE INDEX step_runs_of ON step_runs (incident_id, entry_id, step_id, id);
CREATE INDEX step_runs_running ON step_runs (entry_id, step_id) WHERE outcome = 'running';

-- The end of a run whose runner was thought dead, when it comes after all, is the better word.
CREATE TRIGGER step_run_is_finished_once BEFORE UPDATE ON step_runs
WHEN OLD.outcome NOT IN ('running', 'unknown')
BEGIN SELECT RAISE(ABORT, 'a run that ended is never changed'); END;

CREATE TRIGGER step_run_is_never_deleted BEFORE DELETE ON step_runs
BEGIN SELECT RAISE(ABORT, 'a run is kept for ever'); END;
