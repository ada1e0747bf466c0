-- In which order a source saw what it says, whatever the order in which it arrives.
ALTER TABLE alert ADD COLUMN began_at TEXT;
ALTER TABLE alert ADD COLUMN over_seen_at TEXT;
