-- A ladder that began later than now: the clock was set back. Found without looking at all that climbs.
CREATE INDEX alert_escalating ON alert (escalating_since) WHERE next_level_at IS NOT NULL;
