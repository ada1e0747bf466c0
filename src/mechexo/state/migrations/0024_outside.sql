-- How each system outside stands: its breaker, and the last good value with its age. One row each.
CREATE TABLE outside_source (
    name TEXT PRIMARY KEY,
    -- What the sources that share one limit of requests have in common.
    budget TEXT NOT NULL,
    asked_at TEXT NOT NULL,
    why TEXT NOT NULL,
    failures INTEGER NOT NULL CHECK (failures >= 0),
    open_until TEXT,
    held_until TEXT,
    value TEXT CHECK (length(value) <= 1000000),
    good_at TEXT,
    CHECK ((value IS NULL) = (good_at IS NULL))
) STRICT;
