-- The store's tables. Times are UTC ISO text of fixed width (they sort as text), money is integer micro-dollars,
-- lists and small records are JSON.

CREATE TABLE goals (
    goal_id            TEXT PRIMARY KEY,
    description        TEXT NOT NULL,
    status             TEXT NOT NULL,
    priority           TEXT,
    rehearsal          INTEGER NOT NULL,
    created_at         TEXT NOT NULL,
    category           TEXT,
    pipeline           TEXT,
    budget_microusd    INTEGER,
    phases             TEXT NOT NULL,
    barriers           TEXT NOT NULL,
    continues_when     TEXT,
    before_you_publish TEXT NOT NULL,
    inputs             TEXT NOT NULL,
    pass_number        INTEGER NOT NULL,
    cycles             INTEGER NOT NULL,
    paused             INTEGER NOT NULL,
    error              TEXT,
    report_path        TEXT,
    finished_at        TEXT,
    version            INTEGER NOT NULL
) STRICT;
CREATE INDEX goals_by_age ON goals (created_at);
CREATE INDEX goals_unfinished ON goals (created_at) WHERE finished_at IS NULL;

CREATE TABLE tasks (
    task_id        TEXT PRIMARY KEY,
    goal_id        TEXT NOT NULL REFERENCES goals,
    seq            INTEGER NOT NULL,
    phase          INTEGER NOT NULL,
    skill          TEXT NOT NULL,
    squad          TEXT,
    brief          TEXT NOT NULL,
    status         TEXT NOT NULL,
    depends_on     TEXT NOT NULL,
    after_barrier  TEXT,
    condition      TEXT,
    latest         TEXT NOT NULL,
    pins           TEXT NOT NULL,
    generation     INTEGER NOT NULL,
    revision       INTEGER NOT NULL,
    attempts       INTEGER NOT NULL,
    pass_number    INTEGER NOT NULL,
    supersedes     TEXT,
    superseded_by  TEXT,
    output_path    TEXT,
    output_version INTEGER,
    verdict        TEXT,
    feedback       TEXT,
    reason         TEXT,
    waits_for      TEXT,
    why            TEXT NOT NULL,
    created_at     TEXT NOT NULL,
    attempted_at   TEXT,
    finished_at    TEXT,
    rehearsal      INTEGER NOT NULL,
    -- the first dependency that lies in another goal
    elsewhere      TEXT
) STRICT;
CREATE INDEX tasks_of_goal ON tasks (goal_id, seq);
CREATE INDEX tasks_approved ON tasks (skill, rehearsal, finished_at)
    WHERE status = 'approved' AND superseded_by IS NULL;
CREATE INDEX tasks_waiting_elsewhere ON tasks (elsewhere) WHERE status = 'pending' AND elsewhere IS NOT NULL;
CREATE INDEX tasks_unfinished ON tasks (skill) WHERE finished_at IS NULL;

CREATE TABLE work_items (
    work_item_id   TEXT PRIMARY KEY,
    goal_id        TEXT NOT NULL REFERENCES goals,
    kind           TEXT NOT NULL,
    priority       TEXT NOT NULL,
    due_at         TEXT NOT NULL,
    created_at     TEXT NOT NULL,
    task_id        TEXT,
    barrier_id     TEXT,
    state          TEXT NOT NULL,
    generation     INTEGER NOT NULL,
    attempts       INTEGER NOT NULL,
    claim          INTEGER NOT NULL,
    owner          TEXT,
    lease_until    TEXT,
    queue_priority INTEGER NOT NULL
) STRICT;
CREATE INDEX items_ready ON work_items (queue_priority, created_at) WHERE state = 'ready';
CREATE INDEX items_claimed ON work_items (lease_until) WHERE state = 'claimed';
CREATE INDEX items_open_of_goal ON work_items (goal_id) WHERE state IN ('ready', 'claimed') OR task_id IS NULL;

CREATE TABLE documents (
    path       TEXT NOT NULL,
    version    INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    content    TEXT NOT NULL,
    sha256     TEXT NOT NULL,
    author     TEXT NOT NULL,
    rehearsal  INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    goal_id    TEXT,
    task_id    TEXT,
    generation INTEGER,
    call_id    TEXT,
    truncated  INTEGER NOT NULL,
    warnings   TEXT NOT NULL,
    made_from  TEXT NOT NULL,
    mirrored   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (path, version)
) STRICT;
CREATE INDEX documents_by_hash ON documents (path, sha256);
CREATE INDEX documents_by_task ON documents (task_id, generation) WHERE task_id IS NOT NULL;
CREATE INDEX documents_unmirrored ON documents (path) WHERE mirrored = 0;

CREATE TABLE reviews (
    task_id        TEXT NOT NULL REFERENCES tasks,
    number         INTEGER NOT NULL,
    goal_id        TEXT NOT NULL,
    output_version INTEGER NOT NULL,
    verdict        TEXT NOT NULL,
    findings       TEXT NOT NULL,
    waived         TEXT NOT NULL,
    path           TEXT NOT NULL,
    created_at     TEXT NOT NULL,
    PRIMARY KEY (task_id, number)
) STRICT;
CREATE INDEX reviews_of_goal ON reviews (goal_id);

CREATE TABLE calls (
    call_id               TEXT PRIMARY KEY,
    goal_id               TEXT NOT NULL REFERENCES goals,
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
    settled_at            TEXT NOT NULL
) STRICT;
CREATE INDEX calls_of_goal ON calls (goal_id, settled_at);
CREATE INDEX calls_of_item ON calls (work_item_id);

CREATE TABLE reservations (
    call_id         TEXT PRIMARY KEY,
    goal_id         TEXT NOT NULL REFERENCES goals,
    task_id         TEXT,
    work_item_id    TEXT NOT NULL,
    kind            TEXT NOT NULL,
    skill           TEXT,
    model           TEXT NOT NULL,
    tier            TEXT NOT NULL,
    amount_microusd INTEGER NOT NULL,
    rehearsal       INTEGER NOT NULL,
    owner           TEXT NOT NULL,
    reserved_at     TEXT NOT NULL
) STRICT;

-- Running sums, so that no question about money reads the ledger's history: one row a month, goal and task.
CREATE TABLE spend (
    scope             TEXT NOT NULL,
    key               TEXT NOT NULL,
    goal_id           TEXT,
    settled_microusd  INTEGER NOT NULL DEFAULT 0,
    reserved_microusd INTEGER NOT NULL DEFAULT 0,
    calls             INTEGER NOT NULL DEFAULT 0,
    input_tokens      INTEGER NOT NULL DEFAULT 0,
    output_tokens     INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (scope, key)
) STRICT;
CREATE INDEX spend_of_goal ON spend (goal_id) WHERE goal_id IS NOT NULL;

CREATE TABLE approvals (
    approval_id     TEXT PRIMARY KEY,
    goal_id         TEXT NOT NULL REFERENCES goals,
    kind            TEXT NOT NULL,
    question        TEXT NOT NULL,
    choices         TEXT NOT NULL,
    created_at      TEXT NOT NULL,
    task_id         TEXT,
    amount_microusd INTEGER,
    status          TEXT NOT NULL,
    note            TEXT,
    decided_by      TEXT,
    decided_at      TEXT
) STRICT;
CREATE INDEX approvals_of_goal ON approvals (goal_id);
CREATE INDEX approvals_open ON approvals (created_at) WHERE status = 'open';

CREATE TABLE learnings (
    learning_id TEXT PRIMARY KEY,
    agent       TEXT NOT NULL,
    goal_id     TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    learning    TEXT NOT NULL,
    action      TEXT NOT NULL,
    rehearsal   INTEGER NOT NULL,
    created_at  TEXT NOT NULL,
    task_id     TEXT,
    category    TEXT,
    tags        TEXT NOT NULL,
    confidence  REAL NOT NULL
) STRICT;
CREATE INDEX learnings_by_agent ON learnings (agent, rehearsal, created_at);
CREATE INDEX learnings_by_age ON learnings (rehearsal, created_at);

CREATE TABLE journal (
    entry_id INTEGER PRIMARY KEY AUTOINCREMENT,
    goal_id  TEXT NOT NULL,
    at       TEXT NOT NULL,
    what     TEXT NOT NULL,
    who      TEXT NOT NULL,
    task_id  TEXT,
    why      TEXT,
    data     TEXT NOT NULL
) STRICT;
CREATE INDEX journal_of_goal ON journal (goal_id, entry_id);
