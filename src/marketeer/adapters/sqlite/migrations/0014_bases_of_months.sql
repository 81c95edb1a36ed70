-- A row may only say what was announced of its month: then the month's base is still that of the one before.
ALTER TABLE month_caps ADD COLUMN own_base INTEGER NOT NULL DEFAULT 1;
