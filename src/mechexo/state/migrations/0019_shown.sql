-- The severity that a message showed when it was last handed over: an answer to it covers no more.
ALTER TABLE delivery ADD COLUMN shown TEXT NOT NULL DEFAULT '';
