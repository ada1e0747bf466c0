CREATE TABLE alert (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('critical', 'high', 'medium', 'low', 'info')),
    state TEXT NOT NULL CHECK (state IN ('firing', 'acknowledged', 'resolved')),
    name TEXT NOT NULL,
    summary TEXT NOT NULL,
    source TEXT NOT NULL,
    labels TEXT NOT NULL,
    runbook TEXT NOT NULL,
    count INTEGER NOT NULL,
    started_at TEXT NOT NULL,
    last_seen_at TEXT NOT NULL,
    acknowledged_by TEXT,
    acknowledged_at TEXT,
    resolved_at TEXT,
    level INTEGER NOT NULL,
    next_level_at TEXT,
    held_until TEXT,
    silenced_until TEXT,
    pages INTEGER NOT NULL,
    paged_severity TEXT NOT NULL
) STRICT;

-- The rule that equal keys never stand in two open alerts, held by the file itself.
CREATE UNIQUE INDEX alert_open_key ON alert (key) WHERE state <> 'resolved';
CREATE INDEX alert_open ON alert (severity, started_at) WHERE state <> 'resolved';
CREATE INDEX alert_suppressed ON alert (id) WHERE silenced_until IS NOT NULL OR held_until IS NOT NULL;
CREATE INDEX alert_resolved ON alert (resolved_at) WHERE state = 'resolved';
CREATE INDEX alert_started ON alert (started_at);

CREATE TABLE alert_event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    alert_id INTEGER NOT NULL REFERENCES alert (id) ON DELETE CASCADE,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL,
    actor TEXT NOT NULL
) STRICT;

CREATE INDEX alert_event_of ON alert_event (alert_id, at);

CREATE TABLE silence (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    matchers TEXT NOT NULL,
    author TEXT NOT NULL,
    reason TEXT NOT NULL,
    starts_at TEXT NOT NULL,
    ends_at TEXT NOT NULL
) STRICT;

CREATE INDEX silence_end ON silence (ends_at);

CREATE TABLE delivery (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    alert_id INTEGER NOT NULL REFERENCES alert (id) ON DELETE CASCADE,
    page INTEGER NOT NULL,
    level INTEGER NOT NULL,
    channel TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('due', 'sending', 'sent', 'failed', 'cancelled')),
    first_due_at TEXT NOT NULL,
    due_at TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    leased_until TEXT,
    resend INTEGER NOT NULL DEFAULT 0 CHECK (resend IN (0, 1)),
    detail TEXT NOT NULL DEFAULT '',
    finished_at TEXT,
    UNIQUE (alert_id, page, level, channel)
) STRICT;

CREATE INDEX delivery_open ON delivery (channel, due_at) WHERE state IN ('due', 'sending');

CREATE TABLE delivery_attempt (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery_id INTEGER NOT NULL REFERENCES delivery (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    at TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('sent', 'refused', 'rejected', 'unanswered', 'lost')),
    detail TEXT NOT NULL,
    UNIQUE (delivery_id, number)
) STRICT;
