CREATE TABLE incident (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('SEV1', 'SEV2', 'SEV3')),
    status TEXT NOT NULL CHECK (status IN ('open', 'mitigated', 'closed')),
    commander TEXT NOT NULL,
    runbook TEXT NOT NULL,
    -- The alert that it was opened for. No reference: an incident outlives what led to it.
    alert_id INTEGER,
    flows TEXT NOT NULL,
    began_at TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    opened_by TEXT NOT NULL,
    mitigated_at TEXT,
    closed_at TEXT,
    closed_by TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX incident_not_closed ON incident (runbook) WHERE status <> 'closed';
CREATE INDEX incident_opened ON incident (opened_at);

-- An alert belongs to one incident at most, so that whoever looks twice opens one only.
CREATE TABLE incident_alert (
    alert_id INTEGER PRIMARY KEY,
    incident_id INTEGER NOT NULL REFERENCES incident (id),
    alert_key TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;

CREATE INDEX incident_alert_of ON incident_alert (incident_id);

CREATE TABLE incident_attendee (
    incident_id INTEGER NOT NULL REFERENCES incident (id),
    name TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (incident_id, name)
) STRICT;

-- What people said and did about an incident. Appended to, never changed.
CREATE TABLE incident_event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    incident_id INTEGER NOT NULL REFERENCES incident (id),
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    who TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT;

CREATE INDEX incident_event_of ON incident_event (incident_id, id);

CREATE TRIGGER incident_event_is_never_changed BEFORE UPDATE ON incident_event
BEGIN SELECT RAISE(ABORT, 'the timeline of an incident is append-only'); END;

CREATE TRIGGER incident_event_is_never_deleted BEFORE DELETE ON incident_event
BEGIN SELECT RAISE(ABORT, 'the timeline of an incident is append-only'); END;

-- INSERT OR REPLACE would remove the old row without a DELETE.
CREATE TRIGGER incident_event_is_never_replaced BEFORE INSERT ON incident_event
WHEN EXISTS (SELECT 1 FROM incident_event WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'the timeline of an incident is append-only'); END;
