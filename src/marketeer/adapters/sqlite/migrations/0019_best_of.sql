-- How many variants a task's output is chosen from: planned, and wished for with the goal.
ALTER TABLE tasks ADD COLUMN best_of INTEGER NOT NULL DEFAULT 1;
ALTER TABLE goals ADD COLUMN best_of TEXT NOT NULL DEFAULT '[]';
