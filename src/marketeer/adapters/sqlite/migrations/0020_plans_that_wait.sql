-- Goals whose plan waits for a human before it has any tasks.
ALTER TABLE goals ADD COLUMN approve_plan INTEGER NOT NULL DEFAULT 0;
