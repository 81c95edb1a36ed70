-- When each model call of the last minute began, and those that still run; filled only where a pace is set.
CREATE TABLE call_turns (
    call_id TEXT PRIMARY KEY,
    at      TEXT NOT NULL
) STRICT;
CREATE INDEX call_turns_by_time ON call_turns (at);
