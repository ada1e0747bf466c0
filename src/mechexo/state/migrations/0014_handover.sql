-- Up to when hand-overs were told: each is told once.
CREATE TABLE handover_told (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    until TEXT NOT NULL
) STRICT;
