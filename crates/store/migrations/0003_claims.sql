-- An orchestrator that polls claims a request, and shows its claim with every later word.
ALTER TABLE retraining_requests ADD COLUMN claimed_by TEXT;
ALTER TABLE retraining_requests ADD COLUMN claim TEXT;
-- What the orchestrator said at the end.
ALTER TABLE retraining_requests ADD COLUMN outcome TEXT;
ALTER TABLE retraining_requests ADD COLUMN new_baseline_id TEXT;
