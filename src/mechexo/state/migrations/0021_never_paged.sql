-- What may page as soon as somebody is there for it, found without looking at all that is open.
CREATE INDEX alert_never_paged ON alert (severity) WHERE state = 'firing' AND pages = 0;
