-- Somebody takes over a schedule for a time. Never deleted: who was on call is a matter of record.
CREATE TABLE oncall_override (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    schedule TEXT NOT NULL,
    person TEXT NOT NULL,
    starts_at TEXT NOT NULL,
    -- When it ends, or ended when it was taken back. One that was taken back before it began ends
    -- when it begins.
    ends_at TEXT NOT NULL CHECK (ends_at >= starts_at),
    reason TEXT NOT NULL,
    author TEXT NOT NULL,
    made_at TEXT NOT NULL
) STRICT;

CREATE INDEX oncall_override_ends ON oncall_override (ends_at);
