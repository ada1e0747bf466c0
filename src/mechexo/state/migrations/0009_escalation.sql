-- What an alert that climbs a ladder waits for, and why one that does not is kept back.
ALTER TABLE alert ADD COLUMN escalating_since TEXT;
ALTER TABLE alert ADD COLUMN climbs INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alert ADD COLUMN remind_at TEXT;
ALTER TABLE alert ADD COLUMN reminded INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alert ADD COLUMN flapping_until TEXT;
ALTER TABLE alert ADD COLUMN suppressed_by INTEGER;

DROP INDEX alert_suppressed;
CREATE INDEX alert_kept_back ON alert (id)
    WHERE silenced_until IS NOT NULL OR held_until IS NOT NULL OR suppressed_by IS NOT NULL;
CREATE INDEX alert_next_level ON alert (next_level_at) WHERE next_level_at IS NOT NULL;
CREATE INDEX alert_remind ON alert (remind_at) WHERE remind_at IS NOT NULL;
CREATE INDEX alert_flapping ON alert (flapping_until) WHERE flapping_until IS NOT NULL;
CREATE INDEX alert_key_started ON alert (key, started_at);

-- A message may now say more than "this is the matter". The table is made anew, because which
-- messages there can be only once changes too; its attempts go along.
CREATE TABLE attempt_kept AS SELECT * FROM delivery_attempt;
CREATE TABLE delivery_kept AS SELECT * FROM delivery;
DROP TABLE delivery_attempt;
DROP TABLE delivery;

CREATE TABLE delivery (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    alert_id INTEGER NOT NULL REFERENCES alert (id) ON DELETE CASCADE,
    page INTEGER NOT NULL,
    level INTEGER NOT NULL,
    channel TEXT NOT NULL,
    kind TEXT NOT NULL DEFAULT 'page'
        CHECK (kind IN ('page', 'reminder', 'acknowledged', 'resolved', 'notice')),
    state TEXT NOT NULL CHECK (state IN ('due', 'sending', 'sent', 'failed', 'cancelled')),
    first_due_at TEXT NOT NULL,
    due_at TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    leased_until TEXT,
    resend INTEGER NOT NULL DEFAULT 0 CHECK (resend IN (0, 1)),
    detail TEXT NOT NULL DEFAULT '',
    finished_at TEXT,
    together INTEGER NOT NULL DEFAULT 0 CHECK (together IN (0, 1)),
    -- How the message is known at its service: to edit it, or to ask what became of a call.
    reference TEXT NOT NULL DEFAULT '',
    UNIQUE (alert_id, page, level, channel, kind)
) STRICT;

INSERT INTO delivery (
    id, alert_id, page, level, channel, state, first_due_at, due_at, attempts, leased_until, resend,
    detail, finished_at
) SELECT
    id, alert_id, page, level, channel, state, first_due_at, due_at, attempts, leased_until, resend,
    detail, finished_at
FROM delivery_kept ORDER BY id;

CREATE INDEX delivery_open ON delivery (channel, due_at) WHERE state IN ('due', 'sending');
CREATE INDEX delivery_finished ON delivery (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE delivery_attempt (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery_id INTEGER NOT NULL REFERENCES delivery (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    at TEXT NOT NULL,
    outcome TEXT NOT NULL
        CHECK (outcome IN ('sent', 'refused', 'rejected', 'unanswered', 'lost', 'unheard')),
    detail TEXT NOT NULL,
    UNIQUE (delivery_id, number)
) STRICT;

INSERT INTO delivery_attempt (id, delivery_id, number, at, outcome, detail)
SELECT id, delivery_id, number, at, outcome, detail FROM attempt_kept ORDER BY id;

DROP TABLE attempt_kept;
DROP TABLE delivery_kept;

-- One row per message handed to a channel: what the channel's limit counts.
CREATE TABLE channel_message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel TEXT NOT NULL,
    at TEXT NOT NULL,
    deliveries INTEGER NOT NULL
) STRICT;

CREATE INDEX channel_message_at ON channel_message (channel, at);
