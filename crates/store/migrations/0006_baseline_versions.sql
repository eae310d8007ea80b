-- Baselines that took, or are to take, the place of the one that the pipeline file names.
CREATE TABLE baseline_versions (
    monitor_id TEXT NOT NULL REFERENCES monitors (id),
    -- From 1 in each monitor; 0 is what the pipeline file names.
    version BIGINT NOT NULL,
    -- waiting, ready, refused
    state TEXT NOT NULL,
    -- The training data, as a pipeline names it.
    source TEXT NOT NULL,
    prepare TEXT,
    -- Who asked for it, and the retraining request that it came of.
    author TEXT NOT NULL,
    retraining_request_id TEXT,
    -- Once it is built: its content's hash and the folder in which it is frozen.
    baseline_id TEXT,
    directory TEXT,
    -- False alarms on parts of the training data held out, and the rate that is stated.
    observed_rate DOUBLE PRECISION,
    stated_rate DOUBLE PRECISION,
    -- Why it was refused.
    message TEXT,
    created_at BIGINT NOT NULL,
    decided_at BIGINT,
    -- When it was last put in force.
    promoted_at BIGINT,
    PRIMARY KEY (monitor_id, version)
);
CREATE INDEX baseline_versions_newest ON baseline_versions (created_at, monitor_id, version);

-- The version in force; NULL or 0 is what the pipeline file names.
ALTER TABLE monitors ADD COLUMN baseline_version BIGINT;
-- The version that was in force before, to which a rollback goes.
ALTER TABLE monitors ADD COLUMN previous_baseline_version BIGINT;
-- 1 while no new version is put in force by itself.
ALTER TABLE monitors ADD COLUMN is_baseline_pinned BIGINT;
