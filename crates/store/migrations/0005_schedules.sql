-- The newest time of its schedule at which a monitor ran, or was to run and failed.
ALTER TABLE monitors ADD COLUMN scheduled_for BIGINT;
