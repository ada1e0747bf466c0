CREATE TABLE rollback_plan (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    target TEXT NOT NULL,
    made_at TEXT NOT NULL,
    made_by TEXT NOT NULL,
    assumed TEXT NOT NULL,
    plan TEXT NOT NULL
) STRICT;

CREATE INDEX rollback_plan_by_time ON rollback_plan (made_at);

CREATE TRIGGER rollback_plan_is_never_changed BEFORE UPDATE ON rollback_plan
BEGIN SELECT RAISE(ABORT, 'a plan is never changed'); END;

CREATE TRIGGER rollback_plan_is_never_deleted BEFORE DELETE ON rollback_plan
BEGIN SELECT RAISE(ABORT, 'a plan is kept for ever'); END;
