-- When a channel last delivered, found without reading its history.
CREATE INDEX delivery_sent ON delivery (channel, finished_at) WHERE state = 'sent';
