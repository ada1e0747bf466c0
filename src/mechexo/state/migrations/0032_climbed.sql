-- Which ladder an alert climbs, and the channels told in this round: a level is a number only while the
-- ladder stays what it was.
ALTER TABLE alert ADD COLUMN climbed TEXT NOT NULL DEFAULT '';
-- What the ladders were when all that is open was last held against them.
CREATE TABLE ladders_known (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    mark TEXT NOT NULL
) STRICT;
