-- Which commit of which branch was deployed when, and who said so. Appended to, never changed.
CREATE TABLE deployment (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    repository TEXT NOT NULL,
    -- Empty while no branch was checked out.
    ref TEXT NOT NULL,
    oid TEXT NOT NULL,
    -- Empty when all of the checkout was deployed.
    flow TEXT NOT NULL DEFAULT '',
    how TEXT NOT NULL CHECK (how IN ('command', 'hook', 'rollback', 'undo')),
    actor TEXT NOT NULL,
    plan_id TEXT REFERENCES rollback_plan (id)
) STRICT;

CREATE INDEX deployment_by_place ON deployment (repository, ref, seq);

CREATE TRIGGER deployment_is_never_changed BEFORE UPDATE ON deployment
BEGIN SELECT RAISE(ABORT, 'the deployment ledger is append-only'); END;

CREATE TRIGGER deployment_is_never_deleted BEFORE DELETE ON deployment
BEGIN SELECT RAISE(ABORT, 'the deployment ledger is append-only'); END;

-- INSERT OR REPLACE would remove the old row without a DELETE.
CREATE TRIGGER deployment_is_never_replaced BEFORE INSERT ON deployment
WHEN EXISTS (SELECT 1 FROM deployment WHERE seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'the deployment ledger is append-only'); END;
