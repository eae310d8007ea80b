-- Times are milliseconds since 1970-01-01T00:00:00Z unless the column holds RFC 3339
-- text that came with a run. Only types and statements that SQLite and PostgreSQL share.

-- One row: grows with every change that a waiting reader could care about.
CREATE TABLE changes (
    id BIGINT PRIMARY KEY,
    counter BIGINT NOT NULL
);
INSERT INTO changes (id, counter) VALUES (1, 0);

CREATE TABLE monitors (
    id TEXT PRIMARY KEY NOT NULL,
    created_at BIGINT NOT NULL,
    -- Grows by one with every change of the row.
    state_version BIGINT NOT NULL,
    -- Number of the newest event of this monitor.
    sequence BIGINT NOT NULL,
    -- How long an evaluation counts as fresh; NULL where nothing says.
    max_age_ms BIGINT,
    -- How old the newest window may be; NULL where nothing says.
    max_window_age_ms BIGINT,
    -- Verdict on the newest window of the last run.
    verdict TEXT NOT NULL,
    -- Why the verdict is unknown.
    reason TEXT,
    -- Verdict on all windows of the last run.
    last_run_verdict TEXT,
    last_run_id TEXT,
    baseline_id TEXT,
    last_window_start TEXT,
    last_window_end TEXT,
    -- When an evaluation last ended with a verdict.
    last_evaluated_at BIGINT,
    -- When an evaluation last ended, with a verdict or an error.
    last_attempt_at BIGINT
);

CREATE TABLE baselines (
    -- Hash of its content.
    id TEXT PRIMARY KEY NOT NULL,
    directory TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    first_used_at BIGINT NOT NULL
);

CREATE TABLE runs (
    id TEXT PRIMARY KEY NOT NULL,
    monitor_id TEXT NOT NULL REFERENCES monitors (id),
    baseline_id TEXT NOT NULL REFERENCES baselines (id),
    verdict TEXT NOT NULL,
    committed_at BIGINT NOT NULL,
    window_start TEXT,
    window_end TEXT,
    -- verdict.json
    run TEXT NOT NULL
);
CREATE INDEX runs_newest ON runs (committed_at, id);
CREATE INDEX runs_of_monitor ON runs (monitor_id, committed_at, id);

-- Apart from `runs`, so that listing runs does not read megabytes.
CREATE TABLE reports (
    run_id TEXT PRIMARY KEY NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    -- The report without its run, which stands in `runs`.
    report TEXT NOT NULL
);

CREATE TABLE windows (
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    window_start TEXT,
    window_end TEXT,
    row_count BIGINT NOT NULL,
    verdict TEXT NOT NULL,
    errors BIGINT NOT NULL,
    warnings BIGINT NOT NULL,
    infos BIGINT NOT NULL,
    not_evaluated BIGINT NOT NULL,
    PRIMARY KEY (run_id, position)
);

CREATE TABLE findings (
    run_id TEXT NOT NULL,
    window_position BIGINT NOT NULL,
    position BIGINT NOT NULL,
    kind TEXT NOT NULL,
    column_name TEXT,
    slice TEXT,
    severity TEXT NOT NULL,
    measure TEXT,
    value DOUBLE PRECISION,
    threshold DOUBLE PRECISION,
    p_value DOUBLE PRECISION,
    term TEXT,
    action TEXT,
    message TEXT NOT NULL,
    PRIMARY KEY (run_id, window_position, position),
    FOREIGN KEY (run_id, window_position) REFERENCES windows (run_id, position) ON DELETE CASCADE
);

CREATE TABLE retraining_requests (
    id TEXT PRIMARY KEY NOT NULL,
    monitor_id TEXT NOT NULL REFERENCES monitors (id),
    run_id TEXT NOT NULL REFERENCES runs (id),
    baseline_id TEXT NOT NULL,
    -- requested, accepted, running, succeeded, failed, expired
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    window_start TEXT,
    window_end TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- A request that nobody has accepted by then expires.
    expires_at BIGINT NOT NULL
);
CREATE INDEX retraining_requests_newest ON retraining_requests (created_at, id);
CREATE INDEX retraining_requests_of_monitor ON retraining_requests (monitor_id, state);

CREATE TABLE events (
    -- The `webhook-id`: the same window and transition give the same id.
    id TEXT PRIMARY KEY NOT NULL,
    monitor_id TEXT NOT NULL REFERENCES monitors (id),
    sequence BIGINT NOT NULL,
    kind TEXT NOT NULL,
    run_id TEXT NOT NULL REFERENCES runs (id),
    created_at BIGINT NOT NULL,
    -- The very bytes that are signed and sent.
    payload TEXT NOT NULL,
    UNIQUE (monitor_id, sequence)
);

CREATE TABLE outbox (
    event_id TEXT NOT NULL REFERENCES events (id),
    target TEXT NOT NULL,
    monitor_id TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    -- pending, inflight, delivered, dead
    state TEXT NOT NULL,
    -- Attempts begun.
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
CREATE INDEX outbox_due ON outbox (monitor_id, target, state, next_at);
CREATE INDEX outbox_newest ON outbox (created_at, event_id, target);
