-- Each Grafana that was ever configured: since when its annotations are ours to write, and up to
-- when incidents and rollbacks were looked through for it.
CREATE TABLE grafana_place (
    place TEXT PRIMARY KEY,
    since TEXT NOT NULL,
    seen_until TEXT NOT NULL
) STRICT;

-- What is to stand in a Grafana, and what is known to stand there. One row for each annotation,
-- so that none is written twice and none forgotten.
CREATE TABLE grafana_annotation (
    place TEXT NOT NULL REFERENCES grafana_place (place),
    subject TEXT NOT NULL,
    -- The annotation as JSON, and the tag that it alone has.
    wanted TEXT NOT NULL,
    tag TEXT NOT NULL,
    first_at TEXT NOT NULL,
    -- What Grafana took last.
    written TEXT,
    written_at TEXT,
    annotation_id INTEGER,
    -- A first writing was begun, and nobody knows whether it arrived: look before the next.
    maybe_there INTEGER NOT NULL DEFAULT 0 CHECK (maybe_there IN (0, 1)),
    -- How often Grafana refused it.
    refusals INTEGER NOT NULL DEFAULT 0 CHECK (refusals >= 0),
    next_at TEXT NOT NULL,
    why TEXT NOT NULL DEFAULT '',
    ended TEXT NOT NULL DEFAULT '' CHECK (ended IN ('', 'gone', 'given up')),
    PRIMARY KEY (place, subject)
) STRICT;
