-- What people are told: each notice once, and how it fares on each channel.
CREATE TABLE notices (
    notice_id   TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,
    urgent      INTEGER NOT NULL,
    text        TEXT NOT NULL,
    made_at     TEXT NOT NULL,
    goal_id     TEXT,
    approval_id TEXT
) STRICT;
CREATE INDEX notices_by_age ON notices (made_at);

CREATE TABLE deliveries (
    notice_id   TEXT NOT NULL REFERENCES notices,
    channel     TEXT NOT NULL,
    next_at     TEXT NOT NULL,
    attempts    INTEGER NOT NULL,
    error       TEXT,
    sent_at     TEXT,
    given_up_at TEXT,
    PRIMARY KEY (notice_id, channel)
) STRICT;
CREATE INDEX deliveries_owed ON deliveries (channel, next_at) WHERE sent_at IS NULL AND given_up_at IS NULL;
CREATE INDEX deliveries_sent ON deliveries (channel, sent_at) WHERE sent_at IS NOT NULL;

-- The journal entry up to which notices have been made. What happened before there were any is told to nobody.
CREATE TABLE notice_place (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    entry_id INTEGER NOT NULL
) STRICT;
INSERT INTO notice_place (id, entry_id) SELECT 1, coalesce(max(entry_id), 0) FROM journal;
