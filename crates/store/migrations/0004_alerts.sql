-- The alerts of a monitor: one row for each thing that findings are about, its last time.
CREATE TABLE alerts (
    -- Follows from the monitor and from what it is about.
    id TEXT PRIMARY KEY NOT NULL,
    monitor_id TEXT NOT NULL REFERENCES monitors (id),
    kind TEXT NOT NULL,
    column_name TEXT,
    slice TEXT,
    measure TEXT,
    term TEXT,
    -- pending, firing, resolved
    state TEXT NOT NULL,
    severity TEXT NOT NULL,
    message TEXT NOT NULL,
    value DOUBLE PRECISION,
    threshold DOUBLE PRECISION,
    -- The run and the baseline of the newest window that showed it.
    run_id TEXT NOT NULL,
    baseline_id TEXT NOT NULL,
    -- That window.
    window_start TEXT,
    window_end TEXT,
    pending_at BIGINT NOT NULL,
    fired_at BIGINT,
    resolved_at BIGINT,
    -- When somebody was last told that it fires, and how often so far.
    told_at BIGINT,
    told_count BIGINT NOT NULL,
    -- What is remembered of the windows so far; JSON.
    memory TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX alerts_newest ON alerts (pending_at, id);
CREATE INDEX alerts_of_monitor ON alerts (monitor_id, state);

-- Alerts that nobody is told of for a while. A column that is NULL matches everything.
CREATE TABLE silences (
    id TEXT PRIMARY KEY NOT NULL,
    monitor_id TEXT,
    kind TEXT,
    column_name TEXT,
    slice TEXT,
    measure TEXT,
    term TEXT,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    author TEXT NOT NULL,
    comment TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX silences_newest ON silences (created_at, id);
