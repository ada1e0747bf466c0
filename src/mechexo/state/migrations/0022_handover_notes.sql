-- What one shift leaves to the next. A note stays in the reports until it is done.
CREATE TABLE handover_note (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    by TEXT NOT NULL,
    text TEXT NOT NULL,
    done_at TEXT,
    done_by TEXT,
    CHECK ((done_at IS NULL) = (done_by IS NULL))
) STRICT;

CREATE INDEX handover_note_open ON handover_note (id) WHERE done_at IS NULL;

CREATE TRIGGER handover_note_is_done_once BEFORE UPDATE ON handover_note
WHEN OLD.done_at IS NOT NULL OR NEW.text <> OLD.text OR NEW.by <> OLD.by OR NEW.at <> OLD.at
BEGIN SELECT RAISE(ABORT, 'a note is only marked as done, and once'); END;

CREATE TRIGGER handover_note_is_never_deleted BEFORE DELETE ON handover_note
BEGIN SELECT RAISE(ABORT, 'a note is kept for ever'); END;
