-- The number that the file system gives the database's file, as of the time when the workspace was named: a copy has another.
ALTER TABLE workspace ADD COLUMN inode INTEGER;
