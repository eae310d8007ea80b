-- The files of frozen baselines, so that every server on the store has them.
CREATE TABLE baseline_files (
    baseline_id TEXT NOT NULL,
    name TEXT NOT NULL,
    -- Base64, which both databases hold alike.
    content TEXT NOT NULL,
    PRIMARY KEY (baseline_id, name)
);
