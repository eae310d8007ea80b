-- An evaluation that fails has no run, and is told of all the same. A column is made to take
-- NULL by making its table anew, which is what both databases can do.
CREATE TABLE events_new (
    id TEXT PRIMARY KEY NOT NULL,
    monitor_id TEXT NOT NULL REFERENCES monitors (id),
    sequence BIGINT NOT NULL,
    kind TEXT NOT NULL,
    -- The run that decided on it, where it was one.
    run_id TEXT REFERENCES runs (id),
    created_at BIGINT NOT NULL,
    payload TEXT NOT NULL,
    UNIQUE (monitor_id, sequence)
);
INSERT INTO events_new (id, monitor_id, sequence, kind, run_id, created_at, payload)
    SELECT id, monitor_id, sequence, kind, run_id, created_at, payload FROM events;
CREATE TABLE outbox_new (
    event_id TEXT NOT NULL REFERENCES events_new (id),
    target TEXT NOT NULL,
    monitor_id TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    state TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    lease_until BIGINT,
    lease_owner TEXT,
    last_status BIGINT,
    last_error TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (event_id, target)
);
INSERT INTO outbox_new (event_id, target, monitor_id, sequence, state, attempt, next_at,
        lease_until, lease_owner, last_status, last_error, created_at, updated_at)
    SELECT event_id, target, monitor_id, sequence, state, attempt, next_at,
        lease_until, lease_owner, last_status, last_error, created_at, updated_at FROM outbox;
DROP TABLE outbox;
DROP TABLE events;
ALTER TABLE events_new RENAME TO events;
ALTER TABLE outbox_new RENAME TO outbox;
CREATE INDEX events_newest ON events (created_at, id);
CREATE INDEX outbox_due ON outbox (monitor_id, target, state, next_at);
CREATE INDEX outbox_newest ON outbox (created_at, event_id, target);

CREATE TABLE alerts_new (
    id TEXT PRIMARY KEY NOT NULL,
    monitor_id TEXT NOT NULL REFERENCES monitors (id),
    kind TEXT NOT NULL,
    column_name TEXT,
    slice TEXT,
    measure TEXT,
    term TEXT,
    state TEXT NOT NULL,
    severity TEXT NOT NULL,
    message TEXT NOT NULL,
    value DOUBLE PRECISION,
    threshold DOUBLE PRECISION,
    -- The run and the baseline of the newest window that showed it, where it was a window.
    run_id TEXT,
    baseline_id TEXT,
    window_start TEXT,
    window_end TEXT,
    pending_at BIGINT NOT NULL,
    fired_at BIGINT,
    resolved_at BIGINT,
    told_at BIGINT,
    told_count BIGINT NOT NULL,
    memory TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);
INSERT INTO alerts_new (id, monitor_id, kind, column_name, slice, measure, term, state, severity,
        message, value, threshold, run_id, baseline_id, window_start, window_end, pending_at,
        fired_at, resolved_at, told_at, told_count, memory, updated_at)
    SELECT id, monitor_id, kind, column_name, slice, measure, term, state, severity,
        message, value, threshold, run_id, baseline_id, window_start, window_end, pending_at,
        fired_at, resolved_at, told_at, told_count, memory, updated_at FROM alerts;
DROP TABLE alerts;
ALTER TABLE alerts_new RENAME TO alerts;
CREATE INDEX alerts_newest ON alerts (pending_at, id);
CREATE INDEX alerts_of_monitor ON alerts (monitor_id, state);

-- How targets fare; one that never failed has no row.
CREATE TABLE targets (
    monitor_id TEXT NOT NULL REFERENCES monitors (id),
    target TEXT NOT NULL,
    -- The first failure since the last success.
    failing_since BIGINT,
    -- When it was disabled, and why: nothing is sent to it until somebody replays its events.
    disabled_at BIGINT,
    reason TEXT,
    PRIMARY KEY (monitor_id, target)
);
