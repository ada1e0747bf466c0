-- Each time that a probe's status became another: how an incident went, read afterwards.
CREATE TABLE health_change (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    probe TEXT NOT NULL,
    at TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;

CREATE INDEX health_change_by_time ON health_change (at);
CREATE INDEX health_change_of ON health_change (probe, id);
