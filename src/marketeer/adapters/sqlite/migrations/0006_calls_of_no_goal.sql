-- A call may belong to no goal: the one that `doctor --live` makes is booked under the name 'workspace'. SQLite drops no
-- reference from a table that is there, so both are made anew.
CREATE TABLE calls_anew (
    call_id               TEXT PRIMARY KEY,
    goal_id               TEXT NOT NULL,
    task_id               TEXT,
    work_item_id          TEXT NOT NULL,
    kind                  TEXT NOT NULL,
    skill                 TEXT,
    model                 TEXT NOT NULL,
    tier                  TEXT NOT NULL,
    input_tokens          INTEGER NOT NULL,
    output_tokens         INTEGER NOT NULL,
    cache_read_tokens     INTEGER NOT NULL,
    cache_write_5m_tokens INTEGER NOT NULL,
    cache_write_1h_tokens INTEGER NOT NULL,
    cost_microusd         INTEGER NOT NULL,
    latency_s             REAL NOT NULL,
    stop_reason           TEXT,
    request_id            TEXT,
    rehearsal             INTEGER NOT NULL,
    estimated             INTEGER NOT NULL,
    reserved_at           TEXT NOT NULL,
    settled_at            TEXT NOT NULL,
    attempt               INTEGER NOT NULL DEFAULT 1,
    saved_microusd        INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO calls_anew SELECT * FROM calls ORDER BY rowid;
DROP TABLE calls;
ALTER TABLE calls_anew RENAME TO calls;
CREATE INDEX calls_of_goal ON calls (goal_id, settled_at);
CREATE INDEX calls_of_item ON calls (work_item_id);

CREATE TABLE reservations_anew (
    call_id         TEXT PRIMARY KEY,
    goal_id         TEXT NOT NULL,
    task_id         TEXT,
    work_item_id    TEXT NOT NULL,
    kind            TEXT NOT NULL,
    skill           TEXT,
    model           TEXT NOT NULL,
    tier            TEXT NOT NULL,
    amount_microusd INTEGER NOT NULL,
    rehearsal       INTEGER NOT NULL,
    owner           TEXT NOT NULL,
    reserved_at     TEXT NOT NULL,
    priority        TEXT NOT NULL DEFAULT 'P1',
    attempt         INTEGER NOT NULL DEFAULT 1
) STRICT;
INSERT INTO reservations_anew SELECT * FROM reservations;
DROP TABLE reservations;
ALTER TABLE reservations_anew RENAME TO reservations;
