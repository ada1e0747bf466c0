-- What had been told of an alert's key since it began to flap, when the alert opened; '' when the
-- alert itself is the first to tell that, NULL when it did not flap.
ALTER TABLE alert ADD COLUMN flaps TEXT
    CHECK (flaps IS NULL OR flaps IN ('', 'critical', 'high', 'medium', 'low', 'info'));
