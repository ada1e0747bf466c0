-- Whether a `*` at the end of what a silence matches is the letter, and not any further text.
ALTER TABLE silence ADD COLUMN exact INTEGER NOT NULL DEFAULT 0 CHECK (exact IN (0, 1));
