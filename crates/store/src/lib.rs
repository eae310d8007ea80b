//! Keeps baselines, runs, findings and the outbox; one transaction a run.
