-- What a monitor has read, in a table for each kind. True values stood among the files, under names that
-- began with `targets:`, and the plan beside every one of them.
CREATE TABLE read_plans (
    monitor_id TEXT PRIMARY KEY REFERENCES monitors (id),
    -- Stands for what in the pipeline decides about rows and windows.
    plan TEXT NOT NULL,
    -- What the true values as they were are told by; NULL where none were read.
    targets_version TEXT
);
INSERT INTO read_plans (monitor_id, plan, targets_version)
    SELECT monitor_id, MIN(plan), MAX(CASE WHEN name = 'targets:' THEN version END)
    FROM read_files GROUP BY monitor_id;

CREATE TABLE read_targets (
    monitor_id TEXT NOT NULL REFERENCES monitors (id),
    -- Times of the window's rows, in microseconds since 1970-01-01T00:00:00Z.
    first_us BIGINT NOT NULL,
    last_us BIGINT NOT NULL,
    -- What the true values of the window are told by.
    content TEXT NOT NULL,
    PRIMARY KEY (monitor_id, first_us, last_us)
);
INSERT INTO read_targets (monitor_id, first_us, last_us, content)
    SELECT monitor_id, first_us, last_us, content
    FROM read_files WHERE substr(name, 1, 8) = 'targets:' AND first_us IS NOT NULL;

DELETE FROM read_files WHERE substr(name, 1, 8) = 'targets:';
ALTER TABLE read_files DROP COLUMN plan;
