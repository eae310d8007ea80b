-- How far a monitor has read each partition of its topic.
CREATE TABLE stream_partitions (
    monitor_id TEXT NOT NULL REFERENCES monitors (id),
    topic TEXT NOT NULL,
    partition_number BIGINT NOT NULL,
    next_offset BIGINT NOT NULL,
    -- The greatest event time so far, in microseconds since 1970-01-01T00:00:00Z.
    newest_us BIGINT,
    PRIMARY KEY (monitor_id, topic, partition_number)
);

-- Windows of a topic, in microseconds since 1970-01-01T00:00:00Z; open while `closed_at` is NULL.
CREATE TABLE stream_windows (
    monitor_id TEXT NOT NULL REFERENCES monitors (id),
    start_us BIGINT NOT NULL,
    end_us BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    size_bytes BIGINT NOT NULL,
    -- Messages that could not be read, and rows of windows that had closed, while this window
    -- was the newest.
    dead_count BIGINT NOT NULL,
    late_count BIGINT NOT NULL,
    closed_at BIGINT,
    -- The run that judged it; NULL where it had no rows.
    run_id TEXT,
    PRIMARY KEY (monitor_id, start_us)
);
CREATE INDEX stream_windows_open ON stream_windows (monitor_id, closed_at);

-- Rows of open windows, as they were read: JSON Lines, compressed by zstd.
CREATE TABLE stream_segments (
    monitor_id TEXT NOT NULL,
    start_us BIGINT NOT NULL,
    partition_number BIGINT NOT NULL,
    first_offset BIGINT NOT NULL,
    lines BYTEA NOT NULL,
    PRIMARY KEY (monitor_id, start_us, partition_number, first_offset),
    FOREIGN KEY (monitor_id, start_us) REFERENCES stream_windows (monitor_id, start_us) ON DELETE CASCADE
);

-- Messages that could not be read, without what they hold.
CREATE TABLE dead_letters (
    monitor_id TEXT NOT NULL REFERENCES monitors (id),
    topic TEXT NOT NULL,
    partition_number BIGINT NOT NULL,
    message_offset BIGINT NOT NULL,
    sent_at BIGINT,
    reason TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (monitor_id, topic, partition_number, message_offset)
);
CREATE INDEX dead_letters_newest ON dead_letters (created_at);

-- Files that a monitor has read: the next run reads those of windows that changed.
CREATE TABLE read_files (
    monitor_id TEXT NOT NULL REFERENCES monitors (id),
    -- Stands for what in the pipeline decides about rows and windows.
    plan TEXT NOT NULL,
    name TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    version TEXT NOT NULL,
    content TEXT NOT NULL,
    -- Times of its rows, in microseconds since 1970-01-01T00:00:00Z.
    first_us BIGINT,
    last_us BIGINT,
    PRIMARY KEY (monitor_id, name)
);
