-- Profiles of rows that are elsewhere, as they were posted.
CREATE TABLE posted_profiles (
    monitor_id TEXT NOT NULL,
    -- Who counted the rows, and what that calls the profile.
    edge TEXT NOT NULL,
    id TEXT NOT NULL,
    -- SHA-256 of the content, in hexadecimal digits.
    content_hash TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    -- Rows of windows that took no more when it came.
    late_count BIGINT NOT NULL,
    -- From the start of its first window to the end of its last, in microseconds since
    -- 1970-01-01T00:00:00Z.
    start_us BIGINT NOT NULL,
    end_us BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    -- Whether a run has judged all of its windows.
    is_judged BIGINT NOT NULL,
    -- The profile file.
    content BYTEA NOT NULL,
    PRIMARY KEY (monitor_id, edge, id)
);
CREATE INDEX posted_profiles_newest ON posted_profiles (received_at, monitor_id, edge, id);
CREATE INDEX posted_profiles_windows ON posted_profiles (monitor_id, end_us);
CREATE INDEX posted_profiles_waiting ON posted_profiles (monitor_id, is_judged, start_us);
