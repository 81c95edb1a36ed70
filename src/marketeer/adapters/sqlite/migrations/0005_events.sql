-- The inbox: every event is kept before it is answered, in the order of arrival, and owes its effect until `decided_at`.
CREATE TABLE events (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id    TEXT NOT NULL UNIQUE,
    type        TEXT NOT NULL,
    timestamp   TEXT NOT NULL,
    source      TEXT NOT NULL,
    data        TEXT NOT NULL,
    -- the event that a human sent again, and the goal that an event of this program's own is about
    replays     TEXT,
    goal_id     TEXT,
    received_at TEXT NOT NULL,
    -- what its sender was told it would do
    outlook     TEXT NOT NULL,
    -- how many goals that events started lie behind it
    chain       INTEGER NOT NULL,
    decided_at  TEXT,
    effect      TEXT
) STRICT;
CREATE INDEX events_owed ON events (number) WHERE decided_at IS NULL;
CREATE INDEX events_from ON events (source, number);

-- The goals that events started, so that a chain of them can be seen to end.
CREATE TABLE event_goals (
    goal_id  TEXT PRIMARY KEY,
    event_id TEXT NOT NULL,
    chain    INTEGER NOT NULL
) STRICT;

-- When each cooldown last began: one for a mapping, or for each value of its key.
CREATE TABLE event_cooldowns (
    mapping_id TEXT NOT NULL,
    key        TEXT NOT NULL,
    began_at   TEXT NOT NULL,
    event_id   TEXT NOT NULL,
    PRIMARY KEY (mapping_id, key)
) STRICT, WITHOUT ROWID;

-- Mappings that programs added, or with `mapping` NULL took away; laid over those of the team's files.
CREATE TABLE event_mappings (
    mapping_id TEXT PRIMARY KEY,
    mapping    TEXT,
    who        TEXT NOT NULL,
    at         TEXT NOT NULL
) STRICT, WITHOUT ROWID;
