-- What a model said of an output by its skill's rubric, and what that cost.
ALTER TABLE reviews ADD COLUMN depth TEXT NOT NULL DEFAULT 'quick';
ALTER TABLE reviews ADD COLUMN total REAL;
ALTER TABLE reviews ADD COLUMN scores TEXT NOT NULL DEFAULT '[]';
ALTER TABLE reviews ADD COLUMN requests TEXT NOT NULL DEFAULT '[]';
ALTER TABLE reviews ADD COLUMN unsourced TEXT NOT NULL DEFAULT '[]';
ALTER TABLE reviews ADD COLUMN note TEXT;
ALTER TABLE reviews ADD COLUMN model TEXT;
ALTER TABLE reviews ADD COLUMN cost_microusd INTEGER NOT NULL DEFAULT 0;
-- The best version until now, and whether the next one is begun anew.
ALTER TABLE tasks ADD COLUMN kept TEXT NOT NULL DEFAULT '[]';
ALTER TABLE tasks ADD COLUMN rejections INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN from_scratch INTEGER NOT NULL DEFAULT 0;
