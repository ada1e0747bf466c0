-- What the machine looked like at each tick: the values as they were read, one row each. Pruned with
-- every row that is added, so that its size is bounded.
CREATE TABLE resource_sample (
    at TEXT PRIMARY KEY,
    look TEXT NOT NULL CHECK (length(look) <= 200000)
) STRICT;
