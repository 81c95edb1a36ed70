-- The newest tasks that ended by themselves: whether a pipeline's circuit opens is asked at every failure.
CREATE INDEX tasks_judged ON tasks (finished_at) WHERE status IN ('approved', 'failed');
