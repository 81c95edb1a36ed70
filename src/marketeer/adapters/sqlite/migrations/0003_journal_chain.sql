-- The journal becomes a chain for each goal: an entry's hash covers what it says and the hash before it. The entries
-- that are there already are numbered and tied together right behind these statements, in the same transaction.
ALTER TABLE journal ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE journal ADD COLUMN hash TEXT NOT NULL DEFAULT '';

-- Where each chain ends, so that an entry missing at the end is noticed too.
CREATE TABLE journal_heads (
    goal_id TEXT PRIMARY KEY,
    number  INTEGER NOT NULL,
    hash    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX journal_stubs ON journal (goal_id, number) WHERE what = 'goal_pruned';

-- Entries are appended and stay as they are. One goes only when a stub behind it stands for it.
CREATE TRIGGER journal_appends_chained BEFORE INSERT ON journal WHEN NEW.number < 1 OR NEW.hash = ''
BEGIN SELECT RAISE(ABORT, 'an entry of the journal needs its place in the chain'); END;

CREATE TRIGGER journal_never_changes BEFORE UPDATE ON journal WHEN OLD.hash != ''
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: an entry cannot be changed'); END;

CREATE TRIGGER journal_keeps_entries BEFORE DELETE ON journal WHEN NOT EXISTS (
    SELECT 1 FROM journal WHERE goal_id = OLD.goal_id AND number > OLD.number AND what = 'goal_pruned'
)
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: an entry cannot be removed'); END;
