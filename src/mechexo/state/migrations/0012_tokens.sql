-- Who may speak to the HTTP endpoint. Of a token only its digest is kept.
CREATE TABLE api_token (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    handle TEXT NOT NULL UNIQUE,
    digest TEXT NOT NULL,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    expires_at TEXT,
    last_used_at TEXT,
    revoked_at TEXT,
    revoked_by TEXT
) STRICT;

CREATE UNIQUE INDEX api_token_name ON api_token (name) WHERE revoked_at IS NULL;
