-- Approvals of plans by a second person. The signature is the proof; the rest says who handed it in.
CREATE TABLE rollback_approval (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    plan_id TEXT NOT NULL REFERENCES rollback_plan (id),
    digest TEXT NOT NULL,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    principal TEXT NOT NULL,
    signature TEXT NOT NULL
) STRICT;

CREATE INDEX rollback_approval_by_plan ON rollback_approval (plan_id);

CREATE TRIGGER rollback_approval_is_never_changed BEFORE UPDATE ON rollback_approval
BEGIN SELECT RAISE(ABORT, 'an approval is never changed'); END;

CREATE TRIGGER rollback_approval_is_never_deleted BEFORE DELETE ON rollback_approval
BEGIN SELECT RAISE(ABORT, 'an approval is kept for ever'); END;
