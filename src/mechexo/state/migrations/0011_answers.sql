-- How far the answers of each bot are known. `bot` is a digest, neither token nor address.
CREATE TABLE bot (
    bot TEXT PRIMARY KEY,
    next_update INTEGER NOT NULL,
    update_at TEXT NOT NULL,
    asked_at TEXT NOT NULL,
    trouble TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Who was refused without being known here, so that a flood of presses is no flood of entries.
CREATE TABLE bot_stranger (
    bot TEXT NOT NULL,
    user TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (bot, user)
) STRICT, WITHOUT ROWID;

-- Calls under way: their deliveries are being sent until it is known whether anybody heard.
CREATE TABLE phone_call (
    delivery_id INTEGER PRIMARY KEY REFERENCES delivery (id) ON DELETE CASCADE,
    attempt INTEGER NOT NULL,
    channel TEXT NOT NULL,
    reference TEXT NOT NULL,
    placed_at TEXT NOT NULL,
    status TEXT NOT NULL
) STRICT;

CREATE INDEX phone_call_channel ON phone_call (channel);
