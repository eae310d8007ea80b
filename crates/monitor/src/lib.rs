//! Runs pipelines once or for ever: delivery, schedule and status API.
