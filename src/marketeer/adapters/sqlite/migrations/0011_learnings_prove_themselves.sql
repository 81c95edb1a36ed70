-- Learnings prove themselves: where each was learned, how tasks fared with and without it, and what became of it.
-- `number` is a key of its own, so that the search index below finds its row also after the file was compacted.
ALTER TABLE learnings RENAME TO learnings_unproved;
DROP INDEX learnings_by_agent;
DROP INDEX learnings_by_age;

CREATE TABLE learnings (
    number          INTEGER PRIMARY KEY,
    learning_id     TEXT NOT NULL UNIQUE,
    agent           TEXT NOT NULL,
    goal_id         TEXT,
    outcome         TEXT NOT NULL,
    learning        TEXT NOT NULL,
    action          TEXT NOT NULL,
    rehearsal       INTEGER NOT NULL,
    created_at      TEXT NOT NULL,
    confirmed_at    TEXT NOT NULL,
    task_id         TEXT,
    category        TEXT,
    tags            TEXT NOT NULL,
    confidence      REAL NOT NULL,
    provenance      TEXT NOT NULL,
    contradicts     TEXT NOT NULL,
    status          TEXT NOT NULL,
    retired_because TEXT,
    -- [share withheld, count, sum and sum of squares with it, the same without it], one for each share
    evidence        TEXT NOT NULL,
    -- the words of lesson and action in normal form, empty for those from before there was one
    sense           TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX learnings_by_agent ON learnings (agent, rehearsal, created_at);
CREATE INDEX learnings_by_age ON learnings (rehearsal, created_at);
CREATE INDEX learnings_by_sense ON learnings (sense, agent);
CREATE INDEX learnings_told ON learnings (agent, rehearsal, confirmed_at) WHERE status != 'retired';

INSERT INTO learnings (learning_id, agent, goal_id, outcome, learning, action, rehearsal, created_at, confirmed_at,
    task_id, category, tags, confidence, provenance, contradicts, status, evidence)
SELECT learning_id, agent, goal_id, outcome, learning, action, rehearsal, created_at, created_at,
    task_id, category, tags, confidence, json_array(coalesce(task_id, goal_id)), '[]', 'probation', '[]'
FROM learnings_unproved ORDER BY created_at, rowid;
DROP TABLE learnings_unproved;

-- The words of those that agents are told. `told` says whom, in words of its own (see learnings.py beside this folder).
CREATE VIRTUAL TABLE learnings_text USING fts5 (
    told, learning, action, tags, tokenize = 'porter unicode61 remove_diacritics 2'
);

ALTER TABLE tasks ADD COLUMN learnings TEXT NOT NULL DEFAULT '[]';
ALTER TABLE tasks ADD COLUMN learnings_withheld TEXT NOT NULL DEFAULT '[]';
ALTER TABLE tasks ADD COLUMN reviewed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN score REAL;
