-- The journal becomes a chain for each goal: an entry's hash covers what it says and the hash before it. The entries
-- that are there already are numbered, tied together and taken over right behind these statements, in the same
-- transaction.
ALTER TABLE journal RENAME TO journal_unchained;
DROP INDEX journal_of_goal;

CREATE TABLE journal (
    entry_id INTEGER PRIMARY KEY AUTOINCREMENT,
    goal_id  TEXT NOT NULL,
    at       TEXT NOT NULL,
    what     TEXT NOT NULL,
    who      TEXT NOT NULL,
    task_id  TEXT,
    why      TEXT,
    data     TEXT NOT NULL,
    -- the goal's entries from 1, and the link to the one before
    number   INTEGER NOT NULL,
    hash     TEXT NOT NULL
) STRICT;
CREATE INDEX journal_of_goal ON journal (goal_id, entry_id);
CREATE INDEX journal_stubs ON journal (goal_id, number) WHERE what = 'goal_pruned';

-- Where each chain ends, so that an entry missing at the end is noticed too.
CREATE TABLE journal_heads (
    goal_id TEXT PRIMARY KEY,
    number  INTEGER NOT NULL,
    hash    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Entries are appended and stay as they are. One goes only when a stub behind it stands for it.
CREATE TRIGGER journal_never_changes BEFORE UPDATE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: an entry cannot be changed'); END;

CREATE TRIGGER journal_keeps_entries BEFORE DELETE ON journal WHEN NOT EXISTS (
    SELECT 1 FROM journal WHERE goal_id = OLD.goal_id AND number > OLD.number AND what = 'goal_pruned'
)
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: an entry cannot be removed'); END;
