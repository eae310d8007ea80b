-- Keys to the status API. A secret is never kept, only its hash.
CREATE TABLE api_keys (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    -- gate, read, write, admin: each may do what those before it may.
    scope TEXT NOT NULL,
    -- SHA-256 of the secret, in hexadecimal digits.
    secret_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);

-- Who changed what over the status API.
CREATE TABLE audit (
    id TEXT PRIMARY KEY NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    status BIGINT NOT NULL
);
CREATE INDEX audit_newest ON audit (at, id);
