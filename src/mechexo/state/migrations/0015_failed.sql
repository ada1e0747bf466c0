-- What a channel last gave up on, found without reading its history.
CREATE INDEX delivery_failed ON delivery (channel, finished_at) WHERE state = 'failed';

-- Until when a channel's service has asked to be left alone: also by what becomes due later.
CREATE TABLE channel_rest (
    channel TEXT PRIMARY KEY,
    until TEXT NOT NULL
) STRICT;
