-- After which line of any timeline an attempt was written: moments tell no order where the clock was
-- set back.
ALTER TABLE delivery_attempt ADD COLUMN after_event INTEGER;
