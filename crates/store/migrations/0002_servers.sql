-- Several servers on one store: who may do what only one may, such as running a monitor. A
-- row stays when its lease has ended, so that the fence only ever grows.
CREATE TABLE leases (
    name TEXT PRIMARY KEY NOT NULL,
    owner TEXT NOT NULL,
    -- Grows by one each time the lease changes hands.
    fence BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- When somebody last asked for a run out of turn; whichever server runs the monitor does it.
ALTER TABLE monitors ADD COLUMN run_requested_at BIGINT;
