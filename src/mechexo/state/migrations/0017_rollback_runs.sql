-- The application of a plan. A plan is applied once, so it has the plan's id.
CREATE TABLE rollback_run (
    id TEXT PRIMARY KEY REFERENCES rollback_plan (id),
    target TEXT NOT NULL,
    state TEXT NOT NULL
        CHECK (state IN ('under way', 'applied', 'redeploy failed', 'undone', 'needs a person')),
    started_at TEXT NOT NULL,
    ended_at TEXT,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    old_commit TEXT NOT NULL,
    new_commit TEXT NOT NULL,
    -- What stood at each path and flag before, and what stands there after: JSON.
    recorded TEXT NOT NULL,
    undo_plan TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX rollback_run_by_time ON rollback_run (started_at);

CREATE TABLE rollback_step (
    run_id TEXT NOT NULL REFERENCES rollback_run (id),
    seq INTEGER NOT NULL,
    at TEXT NOT NULL,
    name TEXT NOT NULL,
    detail TEXT NOT NULL,
    ok INTEGER NOT NULL,
    PRIMARY KEY (run_id, seq)
) STRICT;

-- The bytes that runs replaced and git does not have, by their SHA-256: an undo brings them back.
CREATE TABLE rollback_content (
    sha256 TEXT PRIMARY KEY,
    data BLOB NOT NULL
) STRICT;

-- Commits that were rolled back: deploying one again needs a release.
CREATE TABLE rollback_hold (
    repository TEXT NOT NULL,
    oid TEXT NOT NULL,
    run_id TEXT NOT NULL REFERENCES rollback_run (id),
    since TEXT NOT NULL,
    released_at TEXT,
    released_by TEXT,
    PRIMARY KEY (repository, oid, run_id)
) STRICT;
