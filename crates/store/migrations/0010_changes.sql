-- An entry is written with the change that it records, so there is none of one that failed.
ALTER TABLE audit DROP COLUMN status;

-- Keys under which clients ask for a change once, however often they send it.
CREATE TABLE request_keys (
    -- Who asked, and the key.
    id TEXT PRIMARY KEY NOT NULL,
    -- SHA-256 of what was asked for, in hexadecimal digits.
    request_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- The answer; NULL until it is known.
    status BIGINT,
    answer TEXT
);
CREATE INDEX request_keys_oldest ON request_keys (created_at);
