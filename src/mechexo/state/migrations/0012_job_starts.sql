-- That a job began, of those that say so: no sign of life by itself, for it may never end.
CREATE TABLE health_job_start (
    job TEXT PRIMARY KEY,
    at TEXT NOT NULL
) STRICT;
