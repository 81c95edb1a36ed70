-- What holds for the whole workspace, for whoever works here: the kill switch, a model API that is down.
CREATE TABLE conditions (
    name  TEXT PRIMARY KEY,
    since TEXT NOT NULL,
    who   TEXT NOT NULL,
    why   TEXT
) STRICT;

-- How long a step waited and how long it took, for the metrics.
ALTER TABLE work_items ADD COLUMN claimed_at TEXT;
ALTER TABLE work_items ADD COLUMN done_at TEXT;

-- The goals that a day's report tells of.
CREATE INDEX goals_finished ON goals (finished_at) WHERE finished_at IS NOT NULL;

-- What goals counted whose tasks, steps and reviews have been pruned: one row, JSON.
CREATE TABLE pruned_metrics (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    data TEXT NOT NULL
) STRICT;
