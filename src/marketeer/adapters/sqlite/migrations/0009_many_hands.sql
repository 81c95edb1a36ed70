-- The name by which the workspace is known where others share a server with it: its path may change.
CREATE TABLE workspace (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    workspace_id TEXT NOT NULL
) STRICT;
INSERT INTO workspace (id, workspace_id) VALUES (1, lower(hex(randomblob(8))));

-- Processes that share the work, each with the time it was last heard of.
CREATE TABLE workers (
    owner      TEXT PRIMARY KEY,
    host       TEXT NOT NULL,
    pid        INTEGER NOT NULL,
    parallel   INTEGER NOT NULL,
    lease_s    REAL NOT NULL,
    started_at TEXT NOT NULL,
    seen_at    TEXT NOT NULL
) STRICT;
