-- What commands have changed of each schedule (its file is never rewritten), and since when its slots are owed: a
-- schedule that is new, or whose times have changed, owes nothing for the past.
CREATE TABLE schedules (
    schedule_id TEXT PRIMARY KEY,
    added       TEXT,
    enabled     INTEGER,
    removed     INTEGER NOT NULL,
    timing      TEXT,
    known_since TEXT
) STRICT;

-- One answer to each slot, whoever gives it: the insert decides.
CREATE TABLE firings (
    schedule_id TEXT NOT NULL,
    slot        TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    decided_at  TEXT NOT NULL,
    reason      TEXT,
    why         TEXT,
    goal_id     TEXT,
    PRIMARY KEY (schedule_id, slot)
) STRICT, WITHOUT ROWID;
CREATE INDEX firings_of_goal ON firings (goal_id) WHERE goal_id IS NOT NULL;
CREATE INDEX firings_queued ON firings (slot) WHERE outcome = 'queued';
CREATE INDEX firings_by_slot ON firings (slot);

-- What was found out once and holds from then on: the time zone of schedules that name none.
CREATE TABLE kept (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
