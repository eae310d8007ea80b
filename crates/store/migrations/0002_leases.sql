-- Who may do what only one may: run a monitor. A row stays when its lease has ended, so that
-- the fence only ever grows.
CREATE TABLE leases (
    name TEXT PRIMARY KEY NOT NULL,
    owner TEXT NOT NULL,
    -- Grows by one each time the lease changes hands.
    fence BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
