-- What the status API lists newest first.
CREATE INDEX events_newest ON events (created_at, id);
