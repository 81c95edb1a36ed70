-- Caps live here, so that every process sees the same. A month without a row has the base of the one before.
CREATE TABLE month_caps (
    month           TEXT PRIMARY KEY,
    base_microusd   INTEGER NOT NULL,
    raised_microusd INTEGER NOT NULL,
    announced       TEXT NOT NULL
) STRICT;

ALTER TABLE tasks ADD COLUMN budget_microusd INTEGER;

ALTER TABLE calls ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1;
ALTER TABLE calls ADD COLUMN saved_microusd INTEGER NOT NULL DEFAULT 0;
ALTER TABLE reservations ADD COLUMN priority TEXT NOT NULL DEFAULT 'P1';
ALTER TABLE reservations ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1;

ALTER TABLE spend ADD COLUMN estimated_microusd INTEGER NOT NULL DEFAULT 0;
ALTER TABLE spend ADD COLUMN saved_microusd INTEGER NOT NULL DEFAULT 0;
ALTER TABLE spend ADD COLUMN latency_s REAL NOT NULL DEFAULT 0;

-- Running sums of real calls, so that a month can be cut in any way without reading its calls.
CREATE TABLE spend_by_day (
    day                TEXT NOT NULL,
    skill              TEXT NOT NULL,
    model              TEXT NOT NULL,
    kind               TEXT NOT NULL,
    settled_microusd   INTEGER NOT NULL,
    calls              INTEGER NOT NULL,
    input_tokens       INTEGER NOT NULL,
    output_tokens      INTEGER NOT NULL,
    estimated_microusd INTEGER NOT NULL,
    saved_microusd     INTEGER NOT NULL,
    latency_s          REAL NOT NULL,
    PRIMARY KEY (day, skill, model, kind)
) STRICT, WITHOUT ROWID;

INSERT INTO spend_by_day
SELECT substr(reserved_at, 1, 10), coalesce(skill, ''), model, kind, sum(cost_microusd), count(*),
    sum(input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens), sum(output_tokens),
    sum(CASE WHEN estimated THEN cost_microusd ELSE 0 END), 0, sum(latency_s)
FROM calls WHERE rehearsal = 0 GROUP BY 1, 2, 3, 4;

INSERT INTO spend (scope, key, goal_id, settled_microusd, calls, input_tokens, output_tokens)
SELECT 'goal of month', substr(reserved_at, 1, 7) || '/' || goal_id, goal_id, sum(cost_microusd), count(*),
    sum(input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens), sum(output_tokens)
FROM calls WHERE rehearsal = 0 GROUP BY substr(reserved_at, 1, 7), goal_id;

-- What a goal was expected to cost and take when it was planned.
ALTER TABLE goals ADD COLUMN forecast_low_microusd INTEGER;
ALTER TABLE goals ADD COLUMN forecast_microusd INTEGER;
ALTER TABLE goals ADD COLUMN forecast_high_microusd INTEGER;
ALTER TABLE goals ADD COLUMN forecast_s REAL;
CREATE INDEX goals_forecast ON goals (finished_at)
    WHERE rehearsal = 0 AND finished_at IS NOT NULL AND forecast_microusd IS NOT NULL;
