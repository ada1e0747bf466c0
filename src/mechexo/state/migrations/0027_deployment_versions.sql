-- What each deployment of an orchestrator was defined as, from the moment that a tick first saw it so.
CREATE TABLE deployment_version (
    -- As [orchestrators.NAME] calls it.
    source TEXT NOT NULL,
    -- The orchestrator's own id.
    deployment_id TEXT NOT NULL,
    -- Counted from 1 for each deployment; those that were dropped leave a gap.
    number INTEGER NOT NULL CHECK (number > 0),
    deployment TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    -- What it calls its version itself; empty when it does not.
    told TEXT NOT NULL,
    digest TEXT NOT NULL,
    -- A JSON object of the fields that can be put back.
    definition TEXT NOT NULL CHECK (length(definition) <= 200000),
    PRIMARY KEY (source, deployment_id, number)
) STRICT;
