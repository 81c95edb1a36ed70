-- What failed for good and waits for somebody to look at it.
CREATE INDEX tasks_failed ON tasks (finished_at) WHERE status = 'failed' AND superseded_by IS NULL;
