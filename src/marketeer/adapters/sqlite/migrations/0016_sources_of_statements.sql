-- Where the figures, quotations, names and links of an output come from, as its review has found.
ALTER TABLE reviews ADD COLUMN sourced TEXT NOT NULL DEFAULT '[]';
ALTER TABLE reviews ADD COLUMN sourced_count INTEGER NOT NULL DEFAULT 0;
