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

-- A month's real calls, cut by goal, day, skill, model and kind: sums of their own, so that nobody reads its calls.
INSERT INTO spend (scope, key, goal_id, settled_microusd, calls, input_tokens, output_tokens, estimated_microusd, latency_s)
SELECT 'goal of month', substr(reserved_at, 1, 7) || '/' || goal_id, goal_id, sum(cost_microusd), count(*),
    sum(input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens), sum(output_tokens),
    sum(CASE WHEN estimated THEN cost_microusd ELSE 0 END), sum(latency_s)
FROM calls WHERE rehearsal = 0 GROUP BY 2;
INSERT INTO spend (scope, key, goal_id, settled_microusd, calls, input_tokens, output_tokens, estimated_microusd, latency_s)
SELECT 'day of month', substr(reserved_at, 1, 7) || '/' || substr(reserved_at, 1, 10), NULL, sum(cost_microusd), count(*),
    sum(input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens), sum(output_tokens),
    sum(CASE WHEN estimated THEN cost_microusd ELSE 0 END), sum(latency_s)
FROM calls WHERE rehearsal = 0 GROUP BY 2;
INSERT INTO spend (scope, key, goal_id, settled_microusd, calls, input_tokens, output_tokens, estimated_microusd, latency_s)
SELECT 'skill of month', substr(reserved_at, 1, 7) || '/' || coalesce(skill, ''), NULL, sum(cost_microusd), count(*),
    sum(input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens), sum(output_tokens),
    sum(CASE WHEN estimated THEN cost_microusd ELSE 0 END), sum(latency_s)
FROM calls WHERE rehearsal = 0 GROUP BY 2;
INSERT INTO spend (scope, key, goal_id, settled_microusd, calls, input_tokens, output_tokens, estimated_microusd, latency_s)
SELECT 'model of month', substr(reserved_at, 1, 7) || '/' || model, NULL, sum(cost_microusd), count(*),
    sum(input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens), sum(output_tokens),
    sum(CASE WHEN estimated THEN cost_microusd ELSE 0 END), sum(latency_s)
FROM calls WHERE rehearsal = 0 GROUP BY 2;
INSERT INTO spend (scope, key, goal_id, settled_microusd, calls, input_tokens, output_tokens, estimated_microusd, latency_s)
SELECT 'kind of month', substr(reserved_at, 1, 7) || '/' || kind, NULL, sum(cost_microusd), count(*),
    sum(input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens), sum(output_tokens),
    sum(CASE WHEN estimated THEN cost_microusd ELSE 0 END), sum(latency_s)
FROM calls WHERE rehearsal = 0 GROUP BY 2;

-- What a goal was expected to cost and take when it was planned.
ALTER TABLE goals ADD COLUMN forecast_low_microusd INTEGER;
ALTER TABLE goals ADD COLUMN forecast_microusd INTEGER;
ALTER TABLE goals ADD COLUMN forecast_high_microusd INTEGER;
ALTER TABLE goals ADD COLUMN forecast_s REAL;
CREATE INDEX goals_forecast ON goals (finished_at)
    WHERE rehearsal = 0 AND finished_at IS NOT NULL AND forecast_microusd IS NOT NULL;
